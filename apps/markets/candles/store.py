"""Bars in Redis as bytes: a block per exchange, timeframe and origin; bounded by markets, bars and lifetime.

Bars of our own quotes and those that an exchange told are blocks of their own, each with one writer, so that neither
overwrites the other. Readers put what was told over what was watched (`found`). While Redis is away the process that
rolls bars goes on with what it put there itself (`mirror`)."""

import struct
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import msgspec
import numpy as np

from apps.core import redis
from apps.core.exceptions import PermanentError
from apps.markets.candles.bars import Bars, bars_none
from apps.markets.candles.forming import Forming
from apps.markets.candles.timeframes import TIMEFRAMES
from apps.markets.enums import BarOrigin, SnapshotKind
from apps.markets.mirror import Mirror

FORMAT: Final = 1
_MAGIC: Final = b"ARBC"
_LENGTH: Final = struct.Struct("<4sI")
# Longer than any pause after which the longest bars still join on.
_TTL_S: Final = 7 * 86_400
_FORMING_TTL_S: Final = 600
_MOST_BYTES: Final = 32 * 2**20

mirror: Final = Mirror(most_bytes=_MOST_BYTES)


class _Header(msgspec.Struct, frozen=True):
    format: int
    # The moment that the arrays are about, and the name, dtype and shape of each.
    at_ms: int
    arrays: tuple[tuple[str, str, tuple[int, ...]], ...]


def bars_get(exchange: str, timeframe: str, origin: BarOrigin) -> Bars:
    """The block of one exchange; an empty one where there is none, or one of another release.

    Raises redis.RedisError where Redis is away and this process has put none."""
    (data,), _ = mirror.get([_bars_key(exchange, timeframe, origin)])
    return _bars(data, timeframe)


def bars_found(exchange: str, timeframe: str) -> tuple[Bars, Bars]:
    """The blocks that the exchange told and that our quotes made, in one round trip."""
    (told, own), _ = mirror.get(
        [_bars_key(exchange, timeframe, origin) for origin in (BarOrigin.EXCHANGE, BarOrigin.QUOTES)]
    )
    return _bars(told, timeframe), _bars(own, timeframe)


def bars_put(exchange: str, timeframe: str, origin: BarOrigin, bars: Bars) -> None:
    """Replace the block."""
    arrays = {"market_ids": bars.market_ids, "values": bars.values}
    mirror.put({_bars_key(exchange, timeframe, origin): _encode(bars.last_ms, arrays)}, ttl_s=_TTL_S)


def formings_get(feeds: Sequence[tuple[str, SnapshotKind]]) -> list[Forming | None]:
    """The minute of each of these feeds that was being watched last, in one round trip.

    Raises redis.RedisError where Redis is away and this process has put none."""
    rows, _ = mirror.get([_forming_key(exchange, kind) for exchange, kind in feeds])
    found = map(_decode, rows)
    return [None if one is None else Forming(minute_ms=one[0], **one[1]) for one in found]


def forming_put(exchange: str, kind: SnapshotKind, forming: Forming) -> None:
    """Remember it for the next poll."""
    names = ("market_ids", "prices", "first_ms", "last_ms")
    data = _encode(forming.minute_ms, {name: getattr(forming, name) for name in names})
    mirror.put({_forming_key(exchange, kind): data}, ttl_s=_FORMING_TTL_S)


def asked_get(exchange: str, timeframe: str) -> dict[int, int]:
    """When each market's bars were last asked for (Unix ms) by market id."""
    rows = cast("Mapping[bytes, bytes]", redis.cache().hgetall(_asked_key(exchange, timeframe)))
    return {int(market_id): int(moment) for market_id, moment in rows.items()}


def asked_put(exchange: str, timeframe: str, market_ids: Sequence[int], *, now_ms: int) -> None:
    """These were asked for now."""
    key = _asked_key(exchange, timeframe)
    pipe = redis.cache().pipeline(transaction=False)
    pipe.hset(key, mapping={str(market_id): now_ms for market_id in market_ids})
    pipe.expire(key, _TTL_S)
    pipe.execute()


def _bars(data: bytes | None, timeframe: str) -> Bars:
    found = _decode(data)
    step_ms = TIMEFRAMES[timeframe]
    return bars_none(step_ms) if found is None else Bars(step_ms=step_ms, last_ms=found[0], **found[1])


def _encode(at_ms: int, arrays: Mapping[str, np.ndarray[Any, Any]]) -> bytes:
    told = tuple((name, array.dtype.newbyteorder("<").str, array.shape) for name, array in arrays.items())
    header = msgspec.json.encode(_Header(FORMAT, at_ms, told))
    columns = (np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).tobytes() for array in arrays.values())
    return b"".join([_padded(_LENGTH.pack(_MAGIC, len(header)) + header), *map(_padded, columns)])


def _decode(data: bytes | None) -> tuple[int, dict[str, Any]] | None:
    """The moment and the arrays, read-only views of the bytes; None for none, and for those of another release, which
    the next write replaces."""
    if data is None:
        return None
    magic, length = _LENGTH.unpack_from(data)
    if magic != _MAGIC:
        raise PermanentError("these bytes are no candles", code="unknown_format")
    header = msgspec.json.decode(data[_LENGTH.size : _LENGTH.size + length], type=_Header)
    if header.format != FORMAT:
        return None
    arrays: dict[str, Any] = {}
    offset = _up(_LENGTH.size + length)
    for name, dtype, shape in header.arrays:
        count = int(np.prod(shape))
        arrays[name] = np.frombuffer(data, dtype=dtype, count=count, offset=offset).reshape(shape)
        offset += _up(count * np.dtype(dtype).itemsize)
    return header.at_ms, arrays


def _up(size: int) -> int:
    return -(-size // 8) * 8


def _padded(data: bytes) -> bytes:
    return data.ljust(_up(len(data)), b"\0")


def _bars_key(exchange: str, timeframe: str, origin: BarOrigin) -> str:
    return f"markets:candles:{origin}:{exchange}:{timeframe}"


def _forming_key(exchange: str, kind: SnapshotKind) -> str:
    return f"markets:candles:forming:{exchange}:{kind}"


def _asked_key(exchange: str, timeframe: str) -> str:
    return f"markets:candles:asked:{exchange}:{timeframe}"
