"""The newest snapshots, order books and feed pulses, as bytes in Redis; bounded by their lifetimes."""

import logging
from collections.abc import Iterable, Sequence
from typing import Final, cast

import msgspec

from apps.core import redis
from apps.core.exceptions import PermanentError
from apps.markets.enums import SnapshotKind
from apps.markets.judge import Pulse
from apps.markets.snapshot import snapshot_decode, snapshot_encode
from apps.markets.types import OrderBook, Snapshot

logger = logging.getLogger(__name__)

# Longer than anything is usable, so that a reader can still say how old the newest one is.
SNAPSHOT_TTL_S: Final = 600
# Books count for two seconds; the rest is for telling ages.
BOOK_TTL_S: Final = 15
PULSE_TTL_S: Final = 3600


def snapshot_put(snapshot: Snapshot) -> None:
    """Make this the newest snapshot of its exchange and kind."""
    redis.cache().set(_snapshot_key(snapshot.exchange, snapshot.kind), snapshot_encode(snapshot), ex=SNAPSHOT_TTL_S)


def snapshot_drop(exchange: str, kind: SnapshotKind) -> None:
    """Forget the newest snapshot: its feed was refused, and what came before must not outlive that."""
    redis.cache().delete(_snapshot_key(exchange, kind))


def snapshot_latest(exchange: str, kind: SnapshotKind) -> Snapshot | None:
    """The newest snapshot of one feed, None where there is none."""
    found = snapshots_all([(exchange, kind)])
    return found[0] if found else None


def snapshots_all(feeds: Sequence[tuple[str, SnapshotKind]]) -> list[Snapshot]:
    """The newest snapshots of these feeds in one round trip; missing and unreadable ones are left out (and logged)."""
    if not feeds:
        return []
    found = []
    for data in _many([_snapshot_key(exchange, kind) for exchange, kind in feeds]):
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
    pipe = redis.cache().pipeline(transaction=False)
    for book in books:
        pipe.set(_book_key(book.market_id), msgspec.msgpack.encode(book), ex=BOOK_TTL_S)
    pipe.execute()


def books_latest(market_ids: Sequence[int]) -> dict[int, OrderBook]:
    """The newest stored books of these markets, whatever their age, by market id."""
    if not market_ids:
        return {}
    rows = _many([_book_key(market_id) for market_id in market_ids])
    books = (msgspec.msgpack.decode(data, type=OrderBook) for data in rows if data is not None)
    return {book.market_id: book for book in books}


def pulse_get(exchange: str, kind: SnapshotKind) -> Pulse:
    """What is remembered of a feed; an empty pulse for a new one."""
    (data,) = _many([_pulse_key(exchange, kind)])
    return msgspec.json.decode(data, type=Pulse) if data else Pulse()


def pulse_put(exchange: str, kind: SnapshotKind, pulse: Pulse) -> None:
    """Remember it for the next poll."""
    redis.cache().set(_pulse_key(exchange, kind), msgspec.json.encode(pulse), ex=PULSE_TTL_S)


def _many(keys: Sequence[str]) -> list[bytes | None]:
    return cast("list[bytes | None]", redis.cache().mget(keys))


def _snapshot_key(exchange: str, kind: SnapshotKind) -> str:
    return f"markets:snapshot:{exchange}:{kind}"


def _book_key(market_id: int) -> str:
    return f"markets:book:{market_id}"


def _pulse_key(exchange: str, kind: SnapshotKind) -> str:
    return f"markets:pulse:{exchange}:{kind}"
