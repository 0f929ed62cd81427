"""What conditions can speak of: indicators and prices with their units, candlestick patterns, timeframes, operators."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import inf
from typing import Final

from apps.opportunities.technical import patterns


class Unit(StrEnum):
    """What a figure is measured in; only figures of one unit can be compared with each other."""

    PRICE = "price"
    PRICE_CHANGE = "difference of prices"
    INDEX = "index from 0 to 100"
    BAND = "place in the band, 0 at its lower and 1 at its upper edge"
    PERCENT = "change in percent"


class Op(StrEnum):
    """How two figures are compared at the last closed bar; a crossing looks at the bar before as well."""

    BELOW = "<"
    ABOVE = ">"
    CROSSES_ABOVE = "crosses_above"
    CROSSES_BELOW = "crosses_below"
    BETWEEN = "between"


class Turn(StrEnum):
    """Which way a candlestick pattern points."""

    BULLISH = "bullish"
    BEARISH = "bearish"


@dataclass(frozen=True, slots=True)
class Operand:
    """A figure of a bar: its unit, and the range of values that it can be compared with."""

    name: str
    unit: Unit
    low: float = -inf
    high: float = inf


def _all(unit: Unit, low: float, high: float, *names: str) -> list[Operand]:
    return [Operand(name, unit, low, high) for name in names]


ATR: Final = "atr_14"
CLOSE: Final = "close"
ROC: Final = "roc_10"
# On-balance volume is left out: its level depends on where counting began, so that nothing can be compared with it.
OPERANDS: Final[Mapping[str, Operand]] = {
    one.name: one
    for one in (
        *_all(Unit.PRICE, 0.0, inf, "open", "high", "low", CLOSE, "sma_20", "sma_50", "ema_12", "ema_26"),
        *_all(Unit.PRICE, 0.0, inf, "bb_upper", "bb_middle", "bb_lower"),
        *_all(Unit.PRICE_CHANGE, -inf, inf, "macd", "macd_signal", "macd_hist"),
        *_all(Unit.PRICE_CHANGE, 0.0, inf, ATR),
        *_all(Unit.INDEX, 0.0, 100.0, "rsi_14", "adx_14", "stoch_k", "stoch_d"),
        *_all(Unit.BAND, -10.0, 10.0, "bb_percent"),
        *_all(Unit.PERCENT, -100.0, 1000.0, ROC),
    )
}
PRICES: Final = ("open", "high", "low", CLOSE)

PATTERNS: Final = frozenset(patterns.NAMES)
