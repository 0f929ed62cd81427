"""The one clock. App time follows a replay; wall time never does."""

import time
from datetime import UTC, datetime, timedelta

from django.conf import settings


def wall_now() -> datetime:
    """Real time, aware UTC: for signatures, TLS and leases, which a replay must not move."""
    return datetime.now(UTC)


def now() -> datetime:
    """App time, aware UTC: real time, or in a replay `REPLAY_AT` plus the real time since `REPLAY_STARTED_AT`."""
    replay_at: datetime | None = settings.REPLAY_AT
    if replay_at is None:
        return wall_now()
    started_at: float | None = settings.REPLAY_STARTED_AT
    elapsed = 0.0 if started_at is None else time.time() - started_at
    return (replay_at + timedelta(seconds=elapsed)).astimezone(UTC)


def now_ms() -> int:
    """App time in whole Unix milliseconds."""
    return to_ms(now())


def to_ms(moment: datetime) -> int:
    """Unix milliseconds of an aware datetime, rounded down without passing through a float."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def from_ms(milliseconds: int) -> datetime:
    """The aware UTC datetime of Unix milliseconds."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
