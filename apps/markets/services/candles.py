"""Rolling our quotes into bars: the minute that forms, and when it is over, the bars that end with it."""

import logging
from collections.abc import Iterable
from datetime import datetime

import numpy as np

from apps.core import clock
from apps.markets import selectors
from apps.markets.candles import store
from apps.markets.candles.bars import Bars, folded
from apps.markets.candles.forming import Forming
from apps.markets.candles.timeframes import FOLDED_FROM, KEPT, MINUTE, MINUTE_MS, TIMEFRAMES
from apps.markets.enums import BarOrigin, SnapshotKind
from apps.markets.selectors.tables import market_versions
from apps.markets.types import Int64s, Latest, Quotes

logger = logging.getLogger(__name__)


def candles_roll(*, latest: Latest, now: datetime) -> int:
    """Take the latest quotes into the minute that forms, and store the bars of minutes that are over; how many.

    Quotes count in the minute in which they arrived. What was refused or has stood still is not among the latest, so
    that it makes no bar. Raises redis.RedisError where the cache is away and this process has put nothing there."""
    now_ms = clock.to_ms(now)
    finished: dict[str, list[Bars]] = {}
    fresh = {(quotes.exchange, quotes.kind): quotes for quotes in (*latest.spot, *latest.swap)}
    feeds = [(exchange, kind) for exchange in market_versions() for kind in (SnapshotKind.SPOT, SnapshotKind.SWAP)]
    for feed, before in zip(feeds, store.formings_get(feeds), strict=True):
        bar = _watched(feed, before, fresh.get(feed), now_ms=now_ms)
        if bar is not None and len(bar.market_ids):
            finished.setdefault(feed[0], []).append(bar)
    for exchange, bars in finished.items():
        kept = selectors.candle_markets(exchange)
        for minute_ms in sorted({bar.last_ms for bar in bars}):
            _minute_put(exchange, [bar for bar in bars if bar.last_ms == minute_ms], kept=kept)
    return sum(len(bar.market_ids) for bars in finished.values() for bar in bars)


def _watched(
    feed: tuple[str, SnapshotKind], before: Forming | None, quotes: Quotes | None, *, now_ms: int
) -> Bars | None:
    """The bar of the minute that is over now, if one is; the quotes are taken into the one that has begun."""
    if before is None and quotes is None:
        return None
    over = before if before is not None and before.is_over(now_ms) else None
    forming = Forming.at(now_ms) if before is None or over is not None else before
    if quotes is not None:
        mid = (quotes.bid + quotes.ask) / 2
        good = np.flatnonzero(mid > 0)
        forming = forming.seen(quotes.market_id[good].astype(np.int64), mid[good], at_ms=quotes.received_at)
    if forming is not before:
        store.forming_put(*feed, forming)
    return None if over is None else over.bar()


def _minute_put(exchange: str, bars: Iterable[Bars], *, kept: Int64s) -> None:
    """Add one minute of these feeds' markets to the exchange's block, and the longer bars that end with it."""
    minute = _joined(bars)
    shorter = _extended(exchange, MINUTE, minute, kept=kept)
    end_ms = minute.last_ms + MINUTE_MS
    for timeframe, source in FOLDED_FROM.items():
        step_ms = TIMEFRAMES[timeframe]
        if end_ms % step_ms:
            return
        parts = step_ms // TIMEFRAMES[source]
        whole = shorter.window(shorter.market_ids, last_ms=end_ms - TIMEFRAMES[source], count=parts)
        shorter = _extended(exchange, timeframe, folded(whole, step_ms=step_ms), kept=kept)


def _extended(exchange: str, timeframe: str, newest: Bars, *, kept: Int64s) -> Bars:
    """The stored block with one more bar; markets that are not kept any more leave it."""
    block = store.bars_get(exchange, timeframe, BarOrigin.QUOTES)
    ids = np.intersect1d(kept, np.union1d(block.market_ids, newest.market_ids))
    span = {"last_ms": newest.last_ms, "count": KEPT}
    after = newest.window(ids, **span).over(block.window(ids, **span))
    store.bars_put(exchange, timeframe, BarOrigin.QUOTES, after)
    return after


def _joined(bars: Iterable[Bars]) -> Bars:
    """The bars of several feeds of one exchange over the same span."""
    feeds = list(bars)
    ids = np.concatenate([bar.market_ids for bar in feeds])
    order = np.argsort(ids)
    values = np.concatenate([bar.values for bar in feeds], axis=1)
    return Bars(ids[order], feeds[0].step_ms, feeds[0].last_ms, values[:, order])
