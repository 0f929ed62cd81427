"""All indicators and candlestick patterns of a market, against plain loops over floats of a part of the indicators."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from apps.markets.types import Candles
from apps.opportunities.technical import indicators, patterns

SYMBOLS = 2000
BARS = 200
ROUNDS = 3
MOST_S = 3.0
# What the control computes: without patterns, ADX, stochastics and OBV it has less to do.
PLAIN = (
    "rsi_14",
    "macd",
    "macd_signal",
    "sma_20",
    "sma_50",
    "ema_12",
    "ema_26",
    "bb_upper",
    "bb_lower",
    "atr_14",
    "roc_10",
)


def figures() -> Iterator[dict[str, Any]]:
    """Seconds of CPU (one thread) for everything, then for the part that the control computes, both against it."""
    candles = market()
    control, plainly = _least(lambda: by_loops(candles))
    seconds, found = _least(lambda: indicators.compute(candles))
    shown_s, shown = _least(lambda: patterns.compute(candles))
    part_s, _ = _least(lambda: indicators.compute(candles, PLAIN))
    for name, values in plainly.items():
        np.testing.assert_allclose(found[name][:, -1], values, rtol=1e-6, atol=1e-7)
    value = seconds + shown_s
    yield {
        "bench": "indicators",
        "what": f"{len(found)} indicators and {len(shown)} patterns of {SYMBOLS} symbols, {BARS} bars each",
        "value": round(value, 3),
        "unit": "s CPU",
        "indicators_s": round(seconds, 3),
        "patterns_s": round(shown_s, 3),
        "control": round(control, 3),
        "control_of": f"{len(PLAIN)} indicators, no pattern",
        "ratio": round(value / control, 3),
        "ok": value < MOST_S,
    }
    yield {
        "bench": "indicators",
        "what": f"the same {len(PLAIN)} indicators on both sides",
        "value": round(part_s, 3),
        "unit": "s CPU",
        "control": round(control, 3),
        "ratio": round(part_s / control, 3),
    }


def market() -> Candles:
    """Random walks; every twentieth symbol misses a bar."""
    dice = np.random.default_rng(7)
    close = 100 * np.exp(np.cumsum(dice.normal(0, 0.002, (SYMBOLS, BARS)), axis=1))
    open_ = np.concatenate([close[:, :1], close[:, :-1]], axis=1)
    spread = 1 + np.abs(dice.normal(0, 0.001, close.shape))
    high, low = np.maximum(open_, close) * spread, np.minimum(open_, close) / spread
    for values in (open_, high, low, close):
        values[::20, 20] = np.nan
    ids, moments = np.arange(SYMBOLS, dtype=np.int64), np.arange(BARS, dtype=np.int64) * 60_000
    volume = dice.uniform(1, 9, close.shape)
    return Candles("bench", "1m", ids, moments, open_, high, low, close, volume)


def by_loops(candles: Candles) -> dict[str, list[float]]:
    """The newest value of each of PLAIN (but the lines' last ones) by their definitions, symbol by symbol."""
    found: dict[str, list[float]] = {name: [] for name in PLAIN}
    rows = (candles.high.tolist(), candles.low.tolist(), candles.close.tolist())
    for highs, lows, closes in zip(*rows, strict=True):
        start = max((at for at, close in enumerate(closes) if math.isnan(close)), default=-1) + 1
        for name, line in _lines(highs[start:], lows[start:], closes[start:]).items():
            found[name].append(line[-1])
    return found


def _lines(highs: Sequence[float], lows: Sequence[float], closes: Sequence[float]) -> dict[str, list[float]]:
    moves = [after - before for before, after in pairwise(closes)]
    gains, losses = (_smoothed([max(sign * move, 0.0) for move in moves], 14, 1 / 14) for sign in (1, -1))
    fast, slow = (_smoothed(closes, period, 2 / (period + 1)) for period in (12, 26))
    macd = [one - other for one, other in zip(fast[14:], slow, strict=True)]
    true = [
        max(high - low, abs(high - before), abs(low - before))
        for high, low, before in zip(highs[1:], lows[1:], closes, strict=False)
    ]
    spans = [closes[end - 20 : end] for end in range(20, len(closes) + 1)]
    means = [sum(span) / 20 for span in spans]
    widths = [
        2 * math.sqrt(sum((close - mean) ** 2 for close in span) / 20) for span, mean in zip(spans, means, strict=True)
    ]
    return {
        "rsi_14": [100 * gain / (gain + loss) for gain, loss in zip(gains, losses, strict=True)],
        "macd": macd,
        "macd_signal": _smoothed(macd, 9, 2 / 10),
        "sma_20": means,
        "sma_50": [sum(closes[end - 50 : end]) / 50 for end in range(50, len(closes) + 1)],
        "ema_12": fast,
        "ema_26": slow,
        "bb_upper": [mean + width for mean, width in zip(means, widths, strict=True)],
        "bb_lower": [mean - width for mean, width in zip(means, widths, strict=True)],
        "atr_14": _smoothed(true, 14, 1 / 14),
        "roc_10": [100 * (after / before - 1) for before, after in zip(closes, closes[10:], strict=False)],
    }


def _smoothed(values: Sequence[float], period: int, weight: float) -> list[float]:
    found = [sum(values[:period]) / period]
    for value in values[period:]:
        found.append(found[-1] + weight * (value - found[-1]))
    return found


def _least(work: Callable[[], Any]) -> tuple[float, Any]:
    """The least seconds of CPU of some rounds, and what came of it: whatever else runs on the machine only adds."""
    taken = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        found = work()
        taken.append(time.process_time() - begun)
    return min(taken), found
