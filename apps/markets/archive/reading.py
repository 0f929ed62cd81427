"""Reading the archive: what there is, the newest of a feed, and rows of a time as a file."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from apps.core import clock
from apps.core.exceptions import PermanentError
from apps.markets.archive import parts
from apps.markets.archive.intake import spool
from apps.markets.archive.parts import Part, Partition
from apps.markets.archive.spool import Dropped
from apps.markets.enums import SnapshotKind
from apps.markets.types import Snapshot
from apps.markets.validate import MarketIndex


@dataclass(frozen=True, slots=True)
class PartsInfo:
    """A day of a kind: how many exchanges and parts, rows (None: not counted) and bytes."""

    kind: SnapshotKind
    day: date
    exchanges: int
    parts: int
    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class ArchiveInfo:
    """What is stored, and what waits in the spool: segments, their bytes, and what its bound has cost so far."""

    days: list[PartsInfo]
    segments: int
    spooled_bytes: int
    dropped: Dropped


def info() -> ArchiveInfo:
    """Everything there is, by kind and day. Reads each part's footer: loads pyarrow."""
    days = [_day(kind, day) for kind in SnapshotKind for day in parts.dates(kind)]
    waiting = spool()
    return ArchiveInfo(days, len(waiting.paths()), waiting.size(), waiting.dropped())


def latest(exchange: str, kind: SnapshotKind, index: MarketIndex) -> Snapshot | None:
    """The newest archived sample of a feed with the market ids of `index`: from the spool, else from the storage.

    None where there is none. Loads pyarrow; raises TemporaryError(code="storage_away")."""
    # Not at the top: pyarrow is for who writes or reads parts.
    from apps.markets.archive.merging import newest
    from apps.markets.archive.tables import snapshot_of, table_of

    sample = spool().newest(exchange, kind)
    if sample is not None:
        return snapshot_of(table_of([sample]), kind, index)
    for day in reversed(parts.dates(kind)):
        found = parts.parts(Partition(kind, day, exchange))
        if found:
            return snapshot_of(newest(found[-1]), kind, index)
    return None


def export(
    out: Path,
    *,
    format: str,
    kind: SnapshotKind,
    since: datetime,
    until: datetime,
    exchanges: tuple[str, ...] = (),
    symbols: tuple[str, ...] = (),
) -> int:
    """Write the stored rows of a kind in [since, until) to a file, in the order of day, exchange and time; how many.

    `format` is csv, jsonl or parquet; `exchanges` and `symbols` select (empty: all). What still waits in the spool is
    not in it. Loads pyarrow; raises PermanentError for an unknown format, TemporaryError(code="storage_away")."""
    from apps.markets.archive.exports import FORMATS
    from apps.markets.archive.merging import tables
    from apps.markets.archive.tables import SCHEMAS

    if format not in FORMATS:
        raise PermanentError(f"Unknown format {format!r}: use {', '.join(FORMATS)}.", code="invalid")
    where = _where(since, until, symbols)
    count = 0
    with FORMATS[format](out, SCHEMAS[kind]) as sink:
        for found in _between(kind, since, until, exchanges):
            for table in tables(found, where=where):
                sink.write(table)
                count += table.num_rows
    return count


def copy(folder: Path, *, since: date, until: date) -> int:
    """Copy the stored parts of these days (both included) into a local folder, laid out as on the storage; how many.

    Part after part, of which only a piece is in memory. What still waits in the spool is not there. Raises
    TemporaryError(code="storage_away")."""
    found = [
        part
        for kind in SnapshotKind
        for day in parts.dates(kind)
        if since <= day <= until
        for partition in parts.partitions(kind, day)
        for part in parts.parts(partition)
    ]
    for part in found:
        path = folder / part.path
        path.parent.mkdir(parents=True, exist_ok=True)
        parts.fetch(part, path)
    return len(found)


def _between(kind: SnapshotKind, since: datetime, until: datetime, exchanges: tuple[str, ...]) -> Iterator[list[Part]]:
    for day in parts.dates(kind):
        if since.date() <= day <= until.date():
            for partition in parts.partitions(kind, day):
                if not exchanges or partition.exchange in exchanges:
                    yield parts.parts(partition)


def _where(since: datetime, until: datetime, symbols: tuple[str, ...]) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    moment = pa.timestamp("ms", tz="UTC")
    begin = pa.scalar(clock.to_ms(since), pa.int64()).cast(moment)
    end = pa.scalar(clock.to_ms(until), pa.int64()).cast(moment)
    where = (pc.field("received_at") >= begin) & (pc.field("received_at") < end)
    return where & pc.field("symbol").isin(list(symbols)) if symbols else where


def _day(kind: SnapshotKind, day: date) -> PartsInfo:
    import pyarrow.parquet as pq

    partitions = parts.partitions(kind, day)
    found = [part for partition in partitions for part in parts.parts(partition)]
    rows = 0
    for part in found:
        with parts.opened(part) as file:
            rows += pq.ParquetFile(file).metadata.num_rows
    return PartsInfo(kind, day, len(partitions), len(found), rows, sum(parts.size(part) for part in found))
