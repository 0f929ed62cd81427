"""Daily care: the small parts of finished days become one, and what is too old is deleted."""

import logging
import time
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from django.conf import settings

from apps.core import clock
from apps.markets.archive import parts
from apps.markets.archive.intake import flush, spool
from apps.markets.archive.parts import DAY, Part, Partition
from apps.markets.enums import SnapshotKind

logger = logging.getLogger(__name__)

# Days whose parts are looked at: the spool can hold back no more than that.
LOOK_BACK_DAYS: Final = 3
# A run ends after so long; the next one goes on.
BUDGET_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class UpkeepReport:
    """What a run did: partitions compacted, the parts they were made of, days deleted, and whether work is left."""

    compacted: int = 0
    parts: int = 0
    days_deleted: int = 0
    is_done: bool = True


def upkeep(*, today: date | None = None, budget_s: float = BUDGET_S) -> UpkeepReport:
    """Store what dead processes left in the spool, delete days past ARCHIVE_DAYS, compact finished days.

    `today` (UTC; default: the clock's) is never compacted.
    Loads pyarrow; raises TemporaryError(code="storage_away")."""
    today = today or clock.now().date()
    until = time.monotonic() + budget_s
    flush()
    deleted = _delete_before(today - timedelta(days=settings.ARCHIVE_DAYS))
    compacted = count = 0
    for partition in _unfinished(today):
        if time.monotonic() > until:
            return UpkeepReport(compacted, count, deleted, is_done=False)
        made_of = _compact(partition)
        compacted, count = compacted + bool(made_of), count + made_of
    return UpkeepReport(compacted, count, deleted)


def _unfinished(today: date) -> list[Partition]:
    return [
        partition
        for kind in SnapshotKind
        for day in parts.dates(kind)
        if today - timedelta(days=LOOK_BACK_DAYS) <= day < today
        for partition in parts.partitions(kind, day)
    ]


def _compact(partition: Partition) -> int:
    """Make one part of a partition's; returns of how many it was made. 0: it is one already.

    The day is stored before its parts are deleted; a run that dies in between leaves rows twice, and the next one takes
    each sample once."""
    # Not at the top: pyarrow is for who writes or reads parts.
    from apps.markets.archive.merging import merged
    from apps.markets.archive.writing import scratch

    found = parts.parts(partition)
    if [part.name for part in found] == [DAY]:
        return 0
    spool().folder.mkdir(parents=True, exist_ok=True)
    with scratch(spool().folder) as local:
        merged(found, local)
        parts.save(Part(partition, DAY), local)
    for part in found:
        if part.name != DAY:
            parts.delete(part)
    logger.info("Archive: %s is one part now, of %d", partition.folder, len(found))
    return len(found)


def _delete_before(first: date) -> int:
    """Delete every day before `first`; how many."""
    deleted: set[date] = set()
    for kind in SnapshotKind:
        for day in parts.dates(kind):
            if day < first:
                _delete_day(kind, day)
                deleted.add(day)
    return len(deleted)


def _delete_day(kind: SnapshotKind, day: date) -> None:
    for partition in parts.partitions(kind, day):
        for part in parts.parts(partition):
            parts.delete(part)
        parts.folder_delete(partition.folder)
    parts.folder_delete(f"kind={kind}/date={day.isoformat()}")
    logger.info("Archive: %s of %s deleted, past the %d days it is kept", kind, day, settings.ARCHIVE_DAYS)
