"""Snapshots kept for good: sampled on the ingest path, spooled to local disk, written as Parquet parts to the storage
"archive" (a local folder, or S3 by setting), compacted day by day, deleted when they are too old.

    kind=spot/date=2026-11-22/exchange=binance/<segment>.parquet   one part per spool segment
    kind=spot/date=2026-11-21/exchange=binance/day.parquet         a finished day

Rows name exchange and symbol: ids of markets differ between databases. Only `append` is called on the ingest path, and
it costs a check; pyarrow is loaded by who writes or reads parts, never by web, beat or delivery processes."""

from apps.markets.archive.intake import append, flush, step_s
from apps.markets.archive.reading import ArchiveInfo, PartsInfo, copy, export, info, latest
from apps.markets.archive.spool import Dropped
from apps.markets.archive.state import ArchiveState, told
from apps.markets.archive.upkeep import UpkeepReport, upkeep

__all__ = [
    "ArchiveInfo",
    "ArchiveState",
    "Dropped",
    "PartsInfo",
    "UpkeepReport",
    "append",
    "copy",
    "export",
    "flush",
    "info",
    "latest",
    "step_s",
    "told",
    "upkeep",
]
