"""What access keeps in the cache of its own: rows in a handy form, finds from the archive, and vain attempts.

Values over 1 KB are compressed (zlib, level 1): rows are text and shrink to a tenth. Snapshots are not: they are what
is read most, and their floats hardly shrink (measured in tests/bench/access_hit_rate.py)."""

import logging
import zlib
from typing import Any, Final, TypeVar, cast

import msgspec

from apps.core import redis
from apps.core.exceptions import ArbEdgeError, PermanentError, TemporaryError
from apps.markets.access.answers import Answer, Found
from apps.markets.access.base import Query
from apps.markets.enums import DataSource

logger = logging.getLogger(__name__)

T = TypeVar("T")
COMPRESS_FROM: Final = 1024
LEVEL: Final = 1
# After a vain attempt nobody tries again for so long; what can't work at all is asked for less often.
VAIN_S: Final = 5.0
REFUSED_S: Final = 60.0


class _Head(msgspec.Struct, frozen=True):
    source: DataSource
    received_at_ms: int


def get(query: Query[T]) -> Found[T] | None:
    """What a worker took out of the archive lately, None where there is none (or no cache)."""
    if query.archive_step_s is None:
        return None
    data = blob_get(_key(query))
    if data is None:
        return None
    head, _, body = data.partition(b"\n")
    told = msgspec.json.decode(head, type=_Head)
    return Found(query.decode(body), told.source, told.received_at_ms)


def put(query: Query[T], answer: Answer[T], *, lifetime_ms: float) -> None:
    """Keep this find for the other processes, `lifetime_ms` at most."""
    head = msgspec.json.encode(_Head(answer.source, answer.received_at_ms))
    blob_put(_key(query), head + b"\n" + query.encode(answer.value), lifetime_s=lifetime_ms / 1000)


def blob_get(key: str) -> bytes | None:
    """The bytes under a key, None where there are none or the cache is away."""
    try:
        data = cast("bytes | None", redis.cache().get(key))
    except redis.Error as error:
        logger.debug("%s not read, the cache is away: %s", key, error)
        return None
    if data is None:
        return None
    return zlib.decompress(data[1:]) if data[:1] == b"z" else data[1:]


def blob_put(key: str, data: bytes, *, lifetime_s: float) -> None:
    """Keep bytes under a key, compressed where that pays; while the cache is away they are simply not kept."""
    packed = b"z" + zlib.compress(data, LEVEL) if len(data) > COMPRESS_FROM else b"r" + data
    try:
        redis.cache().set(key, packed, px=max(1, round(lifetime_s * 1000)))
    except redis.Error as error:
        logger.debug("%s not kept, the cache is away: %s", key, error)


def failure_note(query: Query[Any], error: ArbEdgeError) -> None:
    """Let readers know that asking was in vain, and why."""
    permanent = not isinstance(error, TemporaryError)
    told = msgspec.json.encode([permanent, error.code, error.message])
    blob_put(_failure_key(query), told, lifetime_s=REFUSED_S if permanent else VAIN_S)


def failure(query: Query[Any]) -> ArbEdgeError | None:
    """The error of the last attempt, while it is worth nothing to try again."""
    data = blob_get(_failure_key(query))
    if data is None:
        return None
    permanent, code, message = msgspec.json.decode(data, type=tuple[bool, str, str])
    return PermanentError(message, code=code) if permanent else TemporaryError(message, code=code)


def _key(query: Query[Any]) -> str:
    return f"markets:access:found:{query.name}:{query.key}"


def _failure_key(query: Query[Any]) -> str:
    return f"markets:access:vain:{query.name}:{query.key}"
