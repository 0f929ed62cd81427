"""What a signal is: one leg, a direction and a strength, found on closed bars; it promises no edge."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from apps.opportunities.enums import OpportunityKind, Side
from apps.opportunities.technical.conditions import Conditions
from apps.opportunities.technical.signals import Readings, Signals
from apps.opportunities.types import Family


@dataclass(frozen=True, slots=True)
class Marks:
    """Prices at which such a position is usually given up or closed; figures, no promise. None: below zero."""

    stop: Decimal | None
    target: Decimal | None


class SignalStrategy(ABC):
    """One kind of signal. Pure: no database, no settings, no clock. Class data as a `Strategy` has it."""

    kind: ClassVar[OpportunityKind]
    family: ClassVar[Family]
    formula: ClassVar[str]
    funded: ClassVar[tuple[int, ...]] = ()
    unseen_s: ClassVar[int]
    longest_s: ClassVar[int]

    @abstractmethod
    def signals(self, conditions: Conditions, readings: Readings) -> Signals:
        """Where `conditions` hold at the last closed bars of n markets, and how strongly."""

    @abstractmethod
    def marks(self, side: Side, price: Decimal, atr_share: Decimal) -> Marks:
        """Stop and target of a position at `price`, with an ATR of `atr_share` of the price."""
