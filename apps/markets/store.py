"""The newest snapshots, order books and feed pulses, as bytes in Redis; bounded by their lifetimes.

While Redis is away they stay in the memory of the process that put them (`mirror`), and its readers find them there.
Snapshots are not compressed: NumPy reads the bytes as they are, and floats shrink little for what it costs."""

import logging
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from apps.core import redis
from apps.core.exceptions import PermanentError
from apps.markets.enums import SnapshotKind
from apps.markets.judge import Pulse
from apps.markets.mirror import Mirror
from apps.markets.snapshot import snapshot_decode, snapshot_encode
from apps.markets.types import OrderBook, Snapshot

logger = logging.getLogger(__name__)

# Longer than anything is usable, so that a reader can still say how old the newest one is.
SNAPSHOT_TTL_S: Final = 600
# Books count for two seconds; the rest is for telling ages.
BOOK_TTL_S: Final = 15
PULSE_TTL_S: Final = 3600

mirror: Final = Mirror()
# With the cache's eviction a frozen feed would be taken for a new one, and count as moving for another half minute.
_pulses: Final = Mirror(redis.state)


def snapshot_put(snapshot: Snapshot) -> None:
    """Make this the newest snapshot of its exchange and kind, unless it isn't: where polls and a stream overlap, an
    answer that took long comes after a newer one."""
    key = _snapshot_key(snapshot.exchange, snapshot.kind)
    mirror.put_newest(key, snapshot_encode(snapshot), moment=snapshot.received_at, ttl_s=SNAPSHOT_TTL_S)


def snapshot_drop(exchange: str, kind: SnapshotKind, *, at_ms: int) -> None:
    """Forget the newest snapshot: its feed was refused by what came `at_ms` (Unix ms), and nothing that came before may
    outlive that or be stored later."""
    mirror.put_newest(_snapshot_key(exchange, kind), None, moment=at_ms, ttl_s=SNAPSHOT_TTL_S)


def snapshot_latest(exchange: str, kind: SnapshotKind) -> Snapshot | None:
    """The newest snapshot of one feed, None where there is none."""
    return snapshot_found(exchange, kind)[0]


def snapshot_found(exchange: str, kind: SnapshotKind) -> tuple[Snapshot | None, bool]:
    """The same, and whether it is from this process's memory because Redis is away."""
    rows, kept = mirror.get([_snapshot_key(exchange, kind)])
    found = _decoded(rows)
    return (found[0] if found else None), kept


def snapshots_all(feeds: Sequence[tuple[str, SnapshotKind]]) -> list[Snapshot]:
    """The newest snapshots of these feeds in one round trip; missing and unreadable ones are left out (and logged).

    Raises redis.RedisError where Redis is away and this process has put none of them."""
    rows, _ = mirror.get([_snapshot_key(exchange, kind) for exchange, kind in feeds])
    return _decoded(rows)


def _decoded(rows: Sequence[bytes | None]) -> list[Snapshot]:
    found = []
    for data in rows:
        if data is None:
            continue
        try:
            found.append(snapshot_decode(data))
        except PermanentError as error:
            # A process of another release wrote it; the next poll replaces it.
            logger.warning("Snapshot left out: %s", error)
    return found


def books_put(books: Iterable[OrderBook]) -> None:
    """Make these the newest books of their markets, in one round trip."""
    mirror.put({_book_key(book.market_id): msgspec.msgpack.encode(book) for book in books}, ttl_s=BOOK_TTL_S)


def books_latest(market_ids: Sequence[int]) -> dict[int, OrderBook]:
    """The newest stored books of these markets, whatever their age, by market id."""
    rows, _ = mirror.get([_book_key(market_id) for market_id in market_ids])
    books = (msgspec.msgpack.decode(data, type=OrderBook) for data in rows if data is not None)
    return {book.market_id: book for book in books}


def book_found(market_id: int) -> tuple[OrderBook | None, bool]:
    """The newest stored book of one market, and whether it is from this process's memory because Redis is away."""
    (data,), kept = mirror.get([_book_key(market_id)])
    return (None if data is None else msgspec.msgpack.decode(data, type=OrderBook)), kept


def pulse_get(exchange: str, kind: SnapshotKind) -> Pulse:
    """What is remembered of a feed; an empty pulse for a new one, and for one that Redis took away with it."""
    try:
        (data,), _ = _pulses.get([_pulse_key(exchange, kind)])
    except redis.Error:
        # The mirror has said it; a feed whose past is unknown is judged like a new one.
        return Pulse()
    return msgspec.json.decode(data, type=Pulse) if data else Pulse()


def pulse_put(exchange: str, kind: SnapshotKind, pulse: Pulse) -> None:
    """Remember it for the next poll."""
    _pulses.put({_pulse_key(exchange, kind): msgspec.json.encode(pulse)}, ttl_s=PULSE_TTL_S)


def _snapshot_key(exchange: str, kind: SnapshotKind) -> str:
    return f"markets:snapshot:{exchange}:{kind}"


def _book_key(market_id: int) -> str:
    return f"markets:book:{market_id}"


def _pulse_key(exchange: str, kind: SnapshotKind) -> str:
    return f"markets:pulse:{exchange}:{kind}"
