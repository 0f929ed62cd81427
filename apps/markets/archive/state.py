"""How the archive does, told by who writes it to who answers for the system's health, in another process or host."""

import logging
from typing import Final, cast

import msgspec

from apps.core import clock, redis

logger = logging.getLogger(__name__)

_KEY: Final = "markets:archive:state"
# An installation that archives nothing any more has nothing to answer for.
_KEPT_S: Final = 3 * 3600


class ArchiveState(msgspec.Struct, frozen=True):
    """After the last attempt to store (`at`, Unix ms): what is wrong ("": nothing), what waits in the spool, and the
    segments that its bound has cost so far."""

    at: int
    trouble: str
    spooled_bytes: int
    most_bytes: int
    dropped_segments: int


def tell(*, trouble: str, spooled_bytes: int, most_bytes: int, dropped_segments: int) -> None:
    """Keep the newest word; while Redis is away nobody is told."""
    state = ArchiveState(clock.now_ms(), trouble, spooled_bytes, most_bytes, dropped_segments)
    try:
        redis.state().set(_KEY, msgspec.json.encode(state), ex=_KEPT_S)
    except redis.Error as error:
        logger.debug("The archive's state not told, Redis is away: %s", error)


def told() -> ArchiveState | None:
    """The newest word, None where nobody archived lately, or while Redis is away (which has a probe of its own)."""
    try:
        data = cast("bytes | None", redis.state().get(_KEY))
    except redis.Error as error:
        logger.warning("The archive's state not read, Redis is away: %s", error)
        return None
    return None if data is None else msgspec.json.decode(data, type=ArchiveState)
