"""Bars for technical signals: invented walks, mirrored and scaled ones."""

from dataclasses import replace
from typing import Any

import numpy as np

from apps.markets.candles.timeframes import TIMEFRAMES
from apps.markets.types import Candles
from apps.opportunities.technical.conditions import Conditions, conditions_parse
from apps.opportunities.technical.readings import last_two
from apps.opportunities.technical.shipped import SHIPPED
from apps.opportunities.technical.signals import Readings, Signals, signals_of

NEWEST_MS = 1_700_006_400_000  # begins an hour, and four of them


def walks(seed: int, *, markets: int = 60, bars: int = 200, timeframe: str = "1h") -> Candles:
    """Random walks around 100 whose volatility and drift differ: every shipped rule holds in some of them."""
    random = np.random.default_rng(seed)
    steps = random.standard_normal((markets, bars)) * random.uniform(0.1, 0.6, (markets, 1))
    steps += random.uniform(-0.2, 0.2, (markets, 1))
    close = 100 + np.clip(np.cumsum(steps, axis=1), -60, 60)
    before = np.concatenate([close[:, :1], close[:, :-1]], axis=1)
    wick = np.abs(random.standard_normal((2, markets, bars))) * 0.2
    length = TIMEFRAMES[timeframe]
    return Candles(
        exchange="aaa",
        timeframe=timeframe,
        market_ids=np.arange(1, markets + 1, dtype=np.int64),
        open_ms=NEWEST_MS - length * np.arange(bars - 1, -1, -1, dtype=np.int64),
        open=before,
        high=np.maximum(before, close) + wick[0],
        low=np.minimum(before, close) - wick[1],
        close=close,
        volume=np.full((markets, bars), np.nan),
    )


def mirrored(candles: Candles) -> Candles:
    """Prices upside down around 100: what rose falls by as much."""
    return replace(
        candles, open=200 - candles.open, high=200 - candles.low, low=200 - candles.high, close=200 - candles.close
    )


def scaled(candles: Candles, by: float) -> Candles:
    """All prices times a constant."""
    prices = {name: getattr(candles, name) * by for name in ("open", "high", "low", "close")}
    return replace(candles, **prices)


def readings_of(conditions: Conditions, *of: Candles) -> Readings:
    """What the conditions read of these candles, one per timeframe."""
    return {
        one.timeframe: last_two(one, {name for frame, name in conditions.readings if frame == one.timeframe})
        for one in of
    }


def judged(rule: dict[str, Any], *of: Candles) -> Signals:
    """The rule on these candles."""
    conditions = conditions_parse(rule)
    return signals_of(conditions, readings_of(conditions, *of))


def shipped(slug: str) -> dict[str, Any]:
    """The conditions of a shipped rule."""
    return next(dict(one.conditions) for one in SHIPPED if one.slug == slug)
