"""What the streaming process and the pollers tell each other through Redis: which feeds are being pushed, and which
order books are asked for. Both expire by themselves, so that a dead process leaves nothing behind."""

import logging
from collections.abc import Iterable
from typing import Final, cast

from apps.core import redis
from apps.markets.enums import SnapshotKind

logger = logging.getLogger(__name__)

# A feed that has not been pushed for this long is polled again.
PUSHED_S = 5.0
# Whoever needs a book goes on asking for it; so long after the last time it is followed no more.
ASKED_S = 30.0
_ASKED: Final = "markets:books:asked"


def pushed_note(exchange: str, kind: SnapshotKind) -> None:
    """A usable snapshot of this feed has just been pushed."""
    redis.state().set(_pushed(exchange, kind), b"1", px=round(PUSHED_S * 1000))


def pushed_forget(exchange: str, kind: SnapshotKind) -> None:
    """This feed is not pushed any more."""
    redis.state().delete(_pushed(exchange, kind))


def pushed_are(feeds: Iterable[tuple[str, SnapshotKind]]) -> set[tuple[str, SnapshotKind]]:
    """Those of these feeds that are being pushed: nobody has to poll them."""
    asked = list(feeds)
    if not asked:
        return set()
    marks = redis.state().mget([_pushed(exchange, kind) for exchange, kind in asked])
    return {feed for feed, mark in zip(asked, marks, strict=True) if mark}


def books_ask(market_ids: Iterable[int], *, now_ms: int) -> None:
    """These markets' order books are asked for. With Redis away nobody follows them, and they are fetched as always."""
    scores = {str(market_id): now_ms for market_id in market_ids}
    if not scores:
        return
    pipe = redis.state().pipeline(transaction=False)
    pipe.zadd(_ASKED, scores)
    pipe.zremrangebyscore(_ASKED, 0, now_ms - round(ASKED_S * 1000))
    pipe.expire(_ASKED, round(ASKED_S))
    try:
        pipe.execute()
    except redis.Error as error:
        logger.warning("Order books not asked of the stream, Redis is away: %s", error)


def books_asked(*, now_ms: int) -> list[int]:
    """The markets whose order books were asked for lately, the latest first."""
    found = redis.state().zrevrangebyscore(_ASKED, now_ms, now_ms - round(ASKED_S * 1000))
    return [int(market_id) for market_id in cast("list[bytes]", found)]


def _pushed(exchange: str, kind: SnapshotKind) -> str:
    return f"markets:pushed:{exchange}:{kind}"
