"""Buy or sell one market because indicators of its bars say so: momentum, reversal, breakout."""

from decimal import Decimal
from typing import ClassVar

from apps.opportunities.enums import OpportunityKind, Side
from apps.opportunities.strategies.signal import Marks, SignalStrategy
from apps.opportunities.technical.conditions import Conditions
from apps.opportunities.technical.signals import Readings, Signals, signals_of
from apps.opportunities.types import Family

STOP_ATRS = Decimal(2)
TARGET_ATRS = Decimal(3)


class Technical(SignalStrategy):
    """One leg at the ask (buy) or the bid (sell), on the last closed bars of one or several timeframes.

    gross and net are null: a signal is no edge. strength = `1 - Π (1 - s)` over the timeframes whose conditions hold,
    `s` the strongest of a timeframe's conditions, `1/4 + margin/2` (`technical/signals.py` has the margins). Stop and
    target lie 2 and 3 ATRs (14) away (stops by ATRs: J. W. Wilder, "New Concepts in Technical Trading Systems", 1978).
    """

    kind: ClassVar = OpportunityKind.TECHNICAL
    family: ClassVar[Family] = "technical"
    formula: ClassVar = "technical/1"
    unseen_s: ClassVar = 120
    longest_s: ClassVar = 2 * 3600

    def signals(self, conditions: Conditions, readings: Readings) -> Signals:
        """By the formulas of `technical/signals.py`."""
        return signals_of(conditions, readings)

    def marks(self, side: Side, price: Decimal, atr_share: Decimal) -> Marks:
        """Against the position and with it."""
        sign = 1 if side is Side.BUY else -1
        stop = price * (1 - sign * STOP_ATRS * atr_share)
        target = price * (1 + sign * TARGET_ATRS * atr_share)
        return Marks(stop if stop > 0 else None, target if target > 0 else None)
