"""A segment of the spool as Parquet parts on the storage. Loads pyarrow."""

import logging
import os
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from apps.core import clock
from apps.core.exceptions import PermanentError
from apps.markets.archive import parts
from apps.markets.archive.parts import Part, Partition
from apps.markets.archive.spool import Sample, Taken
from apps.markets.archive.tables import table_of

logger = logging.getLogger(__name__)

# Half the bytes of snappy at the same reading speed.
COMPRESSION: Final = "zstd"


def segment_store(segment: Taken) -> None:
    """Store a segment's samples, one part per partition, named after the segment: storing it again changes nothing."""
    by_partition: dict[Partition, list[Sample]] = defaultdict(list)
    for sample in segment.samples:
        moment = clock.from_ms(sample.received_at)
        by_partition[Partition(sample.kind, moment.date(), sample.exchange)].append(sample)
    for partition, samples in sorted(by_partition.items()):
        table = _table(samples)
        if table is None:
            continue
        with scratch(segment.path.parent) as local:
            pq.write_table(table, local, compression=COMPRESSION)
            parts.save(Part(partition, segment.name), local)


@contextmanager
def scratch(folder: Path) -> Iterator[Path]:
    """A local file name for a part in the making; whatever is left of it is deleted."""
    file, name = tempfile.mkstemp(dir=folder, suffix=".parquet")
    os.close(file)
    path = Path(name)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def _table(samples: list[Sample]) -> pa.Table | None:
    readable = []
    for sample in sorted(samples, key=lambda sample: sample.received_at):
        try:
            sample.snapshot  # noqa: B018  (decoding it tells whether it can be read)
        except PermanentError as error:
            # Another release's format: nobody will be able to read it any more.
            logger.error("A sample of %s %s left out: %s", sample.exchange, sample.kind, error.message)
            continue
        readable.append(sample)
    return table_of(readable) if readable else None
