"""The ingest path's side of the archive: a sample now and then into the spool; a thread takes it on from there."""

import logging
import threading
from functools import cache
from typing import Final

import numpy as np
from django.conf import settings

from apps.core import redis
from apps.core.exceptions import TemporaryError
from apps.core.retry import backoff
from apps.markets.archive import state
from apps.markets.archive.spool import Sample, Spool
from apps.markets.enums import SnapshotKind
from apps.markets.types import Snapshot
from apps.markets.validate import MarketIndex

logger = logging.getLogger(__name__)

LONGEST_WAIT_S: Final = 300.0
_lock = threading.Lock()
# Which sampling period each feed of this process was last sampled in.
_sampled: dict[tuple[str, SnapshotKind], int] = {}
_thread: threading.Thread | None = None
_stopped = threading.Event()


def step_s(kind: SnapshotKind) -> float | None:
    """How far apart samples of a kind are, in seconds; None: it is not archived (the setting is 0)."""
    step = settings.ARCHIVE_FUNDING_S if kind is SnapshotKind.FUNDING else settings.ARCHIVE_QUOTES_S
    return float(step) or None


def append(snapshot: Snapshot, index: MarketIndex) -> None:
    """Keep this snapshot if its feed is due for a sample; `index` is the one it was made with.

    Costs a look-up where it is not due. A disk that takes nothing is logged: ingestion goes on without the archive."""
    step = step_s(snapshot.kind)
    if step is None:
        return
    period = int(snapshot.received_at / (1000 * step))
    feed = (snapshot.exchange, snapshot.kind)
    with _lock:
        if _sampled.get(feed) == period:
            return
        _sampled[feed] = period
    if not _claimed(feed, period, step):
        return
    names = list(index.row_of)
    rows = np.searchsorted(index.market_id, snapshot.market_id)
    try:
        spool().append(Sample.of(snapshot, [names[row] for row in rows.tolist()]))
    except OSError as error:
        logger.error("%s %s not archived, the spool can't be written: %s", *feed, error)
        return
    _flusher_start()


def spool() -> Spool:
    """This process's spool, in the folder that all processes of the installation share."""
    return _spool(str(settings.VAR_DIR), settings.ARCHIVE_SPOOL_MB)


def flush() -> int:
    """Store every finished segment (this process's open one is finished first); how many were stored.

    Loads pyarrow. Raises TemporaryError(code="storage_away"): what is left is stored next time, in order."""
    # Not at the top: pyarrow is for who writes or reads parts.
    from apps.markets.archive.writing import segment_store

    spool().rotate()
    return spool().drain(segment_store)


@cache
def _spool(folder: str, megabytes: int) -> Spool:
    from pathlib import Path

    return Spool(Path(folder) / "spool", most_bytes=megabytes * 2**20)


def _claimed(feed: tuple[str, SnapshotKind], period: int, step: float) -> bool:
    """One sample per feed and period, whichever process polled it."""
    key = f"markets:archive:{feed[0]}:{feed[1]}:{period}"
    try:
        return bool(redis.state().set(key, b"1", nx=True, px=round(2000 * step)))
    except redis.Error as error:
        logger.debug("%s archived without asking others, Redis is away: %s", key, error)
        return True


def _tell(trouble: str) -> None:
    waiting = spool()
    state.tell(
        trouble=trouble,
        spooled_bytes=waiting.size(),
        most_bytes=settings.ARCHIVE_SPOOL_MB * 2**20,
        dropped_segments=waiting.dropped().segments,
    )


def _flusher_start() -> None:
    global _thread
    with _lock:
        if _thread is None or not _thread.is_alive():
            _thread = threading.Thread(target=_flush_until, args=(_stopped,), name="archive-flusher", daemon=True)
            _thread.start()


def _flush_until(stopped: threading.Event) -> None:
    failures = 0
    while not stopped.is_set():
        trouble = ""
        try:
            flush()
            failures = 0
        except TemporaryError as error:
            failures += 1
            trouble = error.message
            if failures == 1:
                logger.warning(
                    "%s The spool keeps what comes (%d MB at most).", error.message, settings.ARCHIVE_SPOOL_MB
                )
        except OSError as error:
            failures += 1
            trouble = f"The archive's spool can't be read: {error}"
            logger.error("%s", trouble)
        _tell(trouble)
        wait = min(settings.ARCHIVE_FLUSH_S, LONGEST_WAIT_S)
        stopped.wait(max(1.0, backoff(failures, base=5.0, cap=wait)) if failures else settings.ARCHIVE_FLUSH_S)
