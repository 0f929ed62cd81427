"""What a strategy is: a vectorised scan over the market, and the exact formula of its edge on order books."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from apps.markets.types import Floats, Int64s
from apps.opportunities.enums import OpportunityKind
from apps.opportunities.legs import Leg, Levels
from apps.opportunities.types import Family
from apps.opportunities.view import MarketView


@dataclass(frozen=True, slots=True)
class ScanParams:
    """Limits of a scan: hours held, the edge to beat, and how far apart two legs may be in time and price."""

    horizon_h: float
    min_net_edge: float
    max_skew_ms: float
    max_price_ratio: float


@dataclass(frozen=True, slots=True)
class Candidates:
    """What a scan found, as columns of length n; `legs[n, k]` are rows of the view, `sides[k]` +1 buys and -1 sells.

    Edges are fractions of notional at the best prices. `notional` is what stands at the best prices of all legs, in
    quote currency (NaN: unknown).
    """

    kind: OpportunityKind
    sides: tuple[int, ...]
    legs: Int64s
    gross: Floats
    net: Floats
    notional: Floats

    def __len__(self) -> int:
        return len(self.net)


@dataclass(frozen=True, slots=True)
class EdgeTerms:
    """What an edge is computed for: hours held, from the moment `at_ms` (Unix ms)."""

    horizon_h: Decimal
    at_ms: int


@dataclass(frozen=True, slots=True)
class Edges:
    """An edge at a quantity: fractions of notional, `profit` in quote currency.

    `costs` lead from gross to net (they sum to `gross - net`); `details` are further figures of the kind.
    """

    gross: Decimal
    net: Decimal
    profit: Decimal
    net_apr: Decimal | None
    costs: Mapping[str, Decimal]
    details: Mapping[str, Decimal | None]


class Strategy(ABC):
    """One kind of opportunity. Pure: no database, no settings, no clock.

    Class data: `kind`; its `family`, which shares a daily quota; `formula`, the version that evidence names;
    `needs_funding`; `unseen_s`, for how many seconds it is believed while scans don't find it any more.
    """

    kind: ClassVar[OpportunityKind]
    family: ClassVar[Family]
    formula: ClassVar[str]
    needs_funding: ClassVar[bool] = False
    unseen_s: ClassVar[int]

    @abstractmethod
    def scan(self, view: MarketView, params: ScanParams) -> Candidates:
        """Everything in `view` whose net edge at the best prices is above `params.min_net_edge`."""

    @abstractmethod
    def ladders(self, legs: tuple[Leg, ...]) -> tuple[Levels, ...]:
        """The sides of the books that a trade of this kind walks, as levels per unit of the instrument."""

    @abstractmethod
    def earning(self, legs: tuple[Leg, ...], terms: EdgeTerms, prices: tuple[Decimal, ...], /) -> Decimal:
        """What one more unit of the instrument earns at these `prices` of the ladders, in any fixed unit."""

    @abstractmethod
    def edges(self, legs: tuple[Leg, ...], terms: EdgeTerms, quantity: Decimal, /) -> Edges:
        """The edge for `quantity` units of the instrument. Raises `Unfit` where the legs can't tell."""
