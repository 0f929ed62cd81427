"""Many parts as one: sample by sample in the order of time, each once. Loads pyarrow.

Only one row group is in memory at a time: a day of a large exchange is gigabytes as arrays."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from apps.markets.archive import parts
from apps.markets.archive.parts import Part
from apps.markets.archive.writing import COMPRESSION


def merged(found: Sequence[Part], local: Path) -> int:
    """Write the rows of these parts (of one kind) to a local Parquet file; how many rows."""
    count = 0
    writer: pq.ParquetWriter | None = None
    try:
        for table in tables(found):
            writer = writer or pq.ParquetWriter(local, table.schema, compression=COMPRESSION)
            writer.write_table(table)
            count += table.num_rows
    finally:
        if writer is not None:
            writer.close()
    return count


def tables(found: Sequence[Part], *, columns: Sequence[str] | None = None, where: Any = None) -> Iterator[pa.Table]:
    """The rows of these parts of one partition, group by group in the order of time, each sample once.

    `columns`: only these (`received_at` has to be among them); `where`: only rows of this pyarrow expression."""
    with ExitStack() as stack:
        files = [pq.ParquetFile(stack.enter_context(parts.opened(part))) for part in found]
        groups = sorted(
            (_begins(file, group), number, group)
            for number, file in enumerate(files)
            for group in range(file.metadata.num_row_groups)
        )
        seen: set[int] = set()
        for _, number, group in groups:
            table = files[number].read_row_group(group, columns=columns)
            moments = pc.unique(table["received_at"])
            fresh = [moment for moment in moments.cast(pa.int64()).to_pylist() if moment not in seen]
            seen.update(fresh)
            if len(fresh) < len(moments):
                table = table.filter(pc.is_in(table["received_at"].cast(pa.int64()), pa.array(fresh, pa.int64())))
            if where is not None:
                table = table.filter(where)
            if table.num_rows:
                yield table


def newest(part: Part) -> pa.Table:
    """The last row group of a part: it holds the newest sample."""
    with parts.opened(part) as opened:
        file = pq.ParquetFile(opened)
        return file.read_row_group(max(range(file.metadata.num_row_groups), key=lambda group: _begins(file, group)))


def _begins(file: pq.ParquetFile, group: int) -> Any:
    column = file.schema_arrow.get_field_index("received_at")
    return file.metadata.row_group(group).column(column).statistics.min
