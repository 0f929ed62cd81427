"""Figures of bars, as conditions read them: at the last two closed bars of many markets, or of one market all the way.

Pure."""

from collections.abc import Collection, Mapping
from dataclasses import fields, replace
from typing import Final

import numpy as np

from apps.markets.candles.timeframes import TIMEFRAMES
from apps.markets.types import Candles, Floats, Int64s
from apps.opportunities.technical import indicators, patterns
from apps.opportunities.technical.conditions import Conditions
from apps.opportunities.technical.operands import ATR, CLOSE, PATTERNS, PRICES, ROC
from apps.opportunities.technical.signals import Readings

# Told beside every signal, whatever its conditions.
CONTEXT: Final = (ATR, CLOSE, ROC)
# No pattern looks back over more bars (TA-Lib's longest lookback is 15) with as many again to be sure.
_PATTERN_BARS: Final = 30
_INDICATORS: Final = frozenset(indicators.NAMES)


def columns_of(candles: Candles, names: Collection[str]) -> dict[str, Floats]:
    """These figures of every bar, [n, m]; NaN where there is none. A pattern is +1, -1 or 0."""
    wanted = _INDICATORS.intersection(names)
    columns: dict[str, Floats] = dict(indicators.compute(candles, wanted)) if wanted else {}
    columns |= {name: getattr(candles, name) for name in PRICES if name in names}
    shown = PATTERNS.intersection(names)
    if shown:
        found = patterns.compute(candles)
        columns |= {name: found[name].astype(np.float64) for name in shown}
    return columns


def last_two(candles: Candles, names: Collection[str]) -> dict[str, Floats]:
    """These figures at the last two closed bars, [n, 2]; NaN without so many bars."""
    columns = columns_of(candles, PATTERNS.symmetric_difference(names) - PATTERNS)
    if PATTERNS.intersection(names):
        columns |= columns_of(_newest(candles, _PATTERN_BARS), PATTERNS.intersection(names))
    return {name: _two(column) for name, column in columns.items()}


def bar_by_bar(conditions: Conditions, of: Mapping[str, Candles], row: Mapping[str, int]) -> tuple[Int64s, Readings]:
    """The moments (Unix ms) at which bars of the shortest timeframe closed, [k], and what the conditions would have
    read at each of them, [k, 2] per figure: of longer timeframes their last bars that were closed by then.

    `of` has the candles of each timeframe of the conditions, `row` the market's row in each."""
    closed = {timeframe: closed_ms(candles) for timeframe, candles in of.items()}
    moments = closed[min(of, key=TIMEFRAMES.__getitem__)]
    readings: dict[str, dict[str, Floats]] = {}
    for timeframe, candles in of.items():
        names = {name for frame, name in conditions.readings if frame == timeframe}
        one = _only(candles, row[timeframe])
        at = np.searchsorted(closed[timeframe], moments, side="right") - 1
        readings[timeframe] = {name: _at(column[0], at) for name, column in columns_of(one, names).items()}
    return moments, readings


def closed_ms(candles: Candles) -> Int64s:
    """When each bar closed: where the next one begins."""
    return candles.open_ms + TIMEFRAMES[candles.timeframe]


def _two(column: Floats) -> Floats:
    missing = np.full((len(column), max(0, 2 - column.shape[1])), np.nan)
    return np.hstack([missing, column[:, -2:]])


def _at(column: Floats, places: Int64s) -> Floats:
    """The values at these places and before each, NaN before the first."""
    padded = np.concatenate([[np.nan, np.nan], column])
    return np.column_stack([padded[np.maximum(places + 1, 0)], padded[np.maximum(places + 2, 0)]])


_PRICES: Final = frozenset(("open", "high", "low", "close", "volume"))


def _newest(candles: Candles, bars: int) -> Candles:
    columns = {one.name: getattr(candles, one.name)[:, -bars:] for one in fields(candles) if one.name in _PRICES}
    return replace(candles, open_ms=candles.open_ms[-bars:], **columns)


def _only(candles: Candles, row: int) -> Candles:
    columns = {one.name: getattr(candles, one.name)[row : row + 1] for one in fields(candles) if one.name in _PRICES}
    return replace(candles, market_ids=candles.market_ids[row : row + 1], **columns)
