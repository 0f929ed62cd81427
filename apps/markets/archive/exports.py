"""Files that rows of the archive are exported to, one small class per format. Loads pyarrow."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import orjson
import pyarrow as pa
import pyarrow.csv as pcsv
import pyarrow.parquet as pq


class Sink(ABC):
    """A file of rows, written table by table; made with its path and its schema, closed at the end of the block."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._writer = self._open(path, schema)

    @abstractmethod
    def _open(self, path: Path, schema: pa.Schema) -> Any:
        """What is written to: it has to have `close`."""

    @abstractmethod
    def write(self, table: pa.Table) -> None:
        """Add rows."""

    def __enter__(self) -> "Sink":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._writer.close()


class Parquet(Sink):
    """Parquet, one row group per table."""

    def _open(self, path: Path, schema: pa.Schema) -> pq.ParquetWriter:
        return pq.ParquetWriter(path, schema, compression="zstd")

    def write(self, table: pa.Table) -> None:
        """Add rows."""
        self._writer.write_table(table)


class Csv(Sink):
    """CSV with a header; unknown is empty."""

    def _open(self, path: Path, schema: pa.Schema) -> pcsv.CSVWriter:
        return pcsv.CSVWriter(path, schema)

    def write(self, table: pa.Table) -> None:
        """Add rows."""
        self._writer.write_table(table)


class Lines(Sink):
    """JSON Lines; unknown is null, times are ISO 8601."""

    def _open(self, path: Path, schema: pa.Schema) -> Any:
        return path.open("wb")

    def write(self, table: pa.Table) -> None:
        """Add rows."""
        for row in table.to_pylist():
            self._writer.write(orjson.dumps(row, option=orjson.OPT_UTC_Z) + b"\n")


FORMATS: Final[Mapping[str, type[Sink]]] = {"csv": Csv, "jsonl": Lines, "parquet": Parquet}
