"""Candles: bars that the exchange told, else those of our quotes."""

from datetime import datetime
from typing import Final

import numpy as np
from django.conf import settings
from django.db.models import F

from apps.core import clock
from apps.core.exceptions import PermanentError
from apps.markets.candles import store
from apps.markets.candles.bars import CLOSE, HIGH, LOW, OPEN, VOLUME, Bars
from apps.markets.candles.timeframes import KEPT, TIMEFRAMES
from apps.markets.enums import BarOrigin, MarketType
from apps.markets.models import Market
from apps.markets.types import Candle, Candles, Int64s

# A bar that closed a moment ago is given out once the last quotes of its time have been rolled up.
_SETTLE_MS: Final = 20_000


def candles(*, exchange: str, timeframe: str, now: datetime, bars: int = 200) -> Candles | None:
    """The last `bars` (at most 240) closed bars of the best-ranked markets of an exchange, as far as they are known.

    The last one ended at most 20 s and one bar's length ago; where nobody has watched lately, it is NaN. Markets of
    which none is known are left out; None where there is nothing at all. A known bar is the exchange's own, else that
    of our quotes (middle prices, no volume).
    Raises PermanentError(code="unknown_timeframe"), redis.RedisError where the cache is away."""
    known, _ = _merged(exchange, timeframe, count=bars, now=now)
    rows = np.flatnonzero(np.isfinite(known.values[CLOSE]).any(axis=1))
    if not len(rows):
        return None
    values = known.values[:, rows]
    return Candles(
        exchange=exchange,
        timeframe=timeframe,
        market_ids=known.market_ids[rows],
        open_ms=known.open_ms,
        open=values[OPEN],
        high=values[HIGH],
        low=values[LOW],
        close=values[CLOSE],
        volume=values[VOLUME],
    )


def market_candles(*, exchange: str, market_id: int, timeframe: str, now: datetime, bars: int = 200) -> list[Candle]:
    """The known ones among the last `bars` closed bars of one market, oldest first, each with where it comes from.

    Raises as `candles` does."""
    known, told = _merged(exchange, timeframe, count=bars, now=now, only=np.array([market_id], dtype=np.int64))
    rows: Int64s = np.flatnonzero(np.isfinite(known.values[CLOSE, 0]))
    values, moments = known.values[:, 0, rows].T.tolist(), known.open_ms[rows].tolist()
    origins = np.where(np.isfinite(told.values[CLOSE, 0, rows]), BarOrigin.EXCHANGE, BarOrigin.QUOTES).tolist()
    return [
        Candle(open_ms, open_, high, low, close, None if np.isnan(volume) else volume, BarOrigin(origin))
        for open_ms, (open_, high, low, close, volume), origin in zip(moments, values, origins, strict=True)
    ]


def candle_markets(exchange: str) -> Int64s:
    """The markets of an exchange whose candles are kept: the best-ranked of each type, sorted by id."""
    return np.sort(np.array([market_id for market_id, _ in candle_markets_ranked(exchange)], dtype=np.int64))


def candle_markets_ranked(exchange: str) -> list[tuple[int, str]]:
    """Id and symbol of the same, best first; what is not ranked yet comes last."""
    ranked = Market.objects.filter(exchange=exchange, active=True, monitored=True).order_by(
        F("rank").asc(nulls_last=True), "id"
    )
    best = [
        row
        for of_type in (ranked.filter(type=MarketType.SPOT), ranked.exclude(type=MarketType.SPOT))
        for row in of_type.values_list("rank", "id", "symbol")[: settings.CANDLE_MARKETS]
    ]
    best.sort(key=lambda row: (row[0] is None, row[0] or 0, row[1]))
    return [(market_id, symbol) for _, market_id, symbol in best]


def _merged(
    exchange: str, timeframe: str, *, count: int, now: datetime, only: Int64s | None = None
) -> tuple[Bars, Bars]:
    """The bars that are known of the markets in store (or of `only` these), and those of them that were told."""
    if timeframe not in TIMEFRAMES:
        raise PermanentError(
            f"There are no candles of {timeframe!r}; there are {', '.join(TIMEFRAMES)}.", code="unknown_timeframe"
        )
    told, own = store.bars_found(exchange, timeframe)
    ids = np.union1d(told.market_ids, own.market_ids) if only is None else only
    newest = own.last_ms or told.last_ms
    span = {"last_ms": _last_ms(newest, TIMEFRAMES[timeframe], clock.to_ms(now)), "count": min(count, KEPT)}
    told = told.window(ids, **span)
    return told.over(own.window(ids, **span)), told


def _last_ms(newest: int, step_ms: int, now_ms: int) -> int:
    """When the last closed bar begins: the one before it where it closed a moment ago and is still being rolled up."""
    end = now_ms // step_ms * step_ms
    last = end - step_ms
    return last - step_ms if newest < last and now_ms - end < _SETTLE_MS else last
