"""What a strategy is: a vectorised scan over the market, and the exact formula of its edge on order books."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from math import gcd
from typing import ClassVar

import numpy as np

from apps.core.money import round_down
from apps.markets.types import Floats, Int8s, Int16s, Int64s
from apps.opportunities.enums import OpportunityKind
from apps.opportunities.legs import Leg, Levels, quantity_for, steps, vwap
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
    """What a scan found, as columns of length n; `legs[n, k]` are rows of the view (-1: this one has fewer legs),
    `sides[n, k]` +1 buys and -1 sells.

    Edges are fractions of notional at the best prices. `notional` is what stands at the best prices of all legs, in the
    currency of `quote_code` (NaN: unknown).
    """

    kind: OpportunityKind
    legs: Int64s
    sides: Int8s
    quote_code: Int16s
    gross: Floats
    net: Floats
    notional: Floats

    def __len__(self) -> int:
        return len(self.net)

    @classmethod
    def pairs(
        cls,
        kind: OpportunityKind,
        view: MarketView,
        buy: Int64s,
        sell: Int64s,
        gross: Floats,
        net: Floats,
        *,
        both_sides: bool,
    ) -> "Candidates":
        """Candidates of two legs, bought and sold; where legs have to be traded back, `both_sides` of books count."""
        bought, sold = view.ask_size[buy], view.bid_size[sell]
        if both_sides:
            bought, sold = np.minimum(bought, view.bid_size[buy]), np.minimum(sold, view.ask_size[sell])
        return cls(
            kind=kind,
            legs=np.column_stack([buy, sell]),
            sides=np.tile(np.array([1, -1], dtype=np.int8), (len(buy), 1)),
            quote_code=view.layout.quote_code[buy],
            gross=gross,
            net=net,
            notional=np.minimum(bought, sold) * view.ask[buy],
        )

    def only(self, kept: Int64s) -> "Candidates":
        """The candidates at these places."""
        columns = ("legs", "sides", "quote_code", "gross", "net", "notional")
        return replace(self, **{name: getattr(self, name)[kept] for name in columns})

    def at(self, index: int) -> list[tuple[int, int]]:
        """(row of the view, side) of each leg of one candidate."""
        pairs = zip(self.legs[index].tolist(), self.sides[index].tolist(), strict=True)
        return [(row, side) for row, side in pairs if row >= 0]


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

    Class data: `kind`; its `family`, which shares a daily quota; `formula`, the version that evidence names; `funded`,
    the places of the legs whose funding counts; `converts`, whether legs in different dollars are brought into the
    first leg's; `moves`, whether what is bought has to get to where it was sold, and the money back; `unseen_s`, for
    how many seconds it is believed while scans don't find it any more; `longest_s`, for how many at most.

    A quantity is one of units of the instrument, the same on every leg; a kind that counts otherwise says so in the
    methods from `walk` on.
    """

    kind: ClassVar[OpportunityKind]
    family: ClassVar[Family]
    formula: ClassVar[str]
    funded: ClassVar[tuple[int, ...]] = ()
    converts: ClassVar[bool] = True
    moves: ClassVar[bool] = False
    unseen_s: ClassVar[int]
    longest_s: ClassVar[int] = 4 * 3600

    @abstractmethod
    def scan(self, view: MarketView, params: ScanParams) -> Candidates:
        """Everything in `view` whose net edge at the best prices is above `params.min_net_edge`."""

    @abstractmethod
    def ladders(self, legs: tuple[Leg, ...]) -> tuple[Levels, ...]:
        """The sides of the books that a trade of this kind walks, as levels per unit of the instrument."""

    @abstractmethod
    def earning(self, legs: tuple[Leg, ...], terms: EdgeTerms, prices: tuple[Decimal, ...], /) -> Decimal:
        """What one more unit earns at these `prices` of the ladders, in any fixed unit."""

    @abstractmethod
    def edges(self, legs: tuple[Leg, ...], terms: EdgeTerms, quantity: Decimal, /) -> Edges:
        """The edge for `quantity` units. Raises `Unfit` where the legs can't tell."""

    def earner(self, legs: tuple[Leg, ...], terms: EdgeTerms) -> Callable[[tuple[Decimal, ...]], Decimal]:
        """`earning` as a function of the prices alone, for asking often."""
        return partial(self.earning, legs, terms)

    def spending(self, prices: tuple[Decimal, ...]) -> Decimal:
        """What one more unit costs at these `prices` of the ladders, before fees, in quote currency."""
        return prices[0]

    @abstractmethod
    def summed(self, legs: tuple[Leg, ...], units: Decimal, spent: Decimal, earned: Decimal) -> tuple[Decimal, Decimal]:
        """The net edge (a fraction) and the profit (quote currency) of units that cost `spent` before fees and earn
        `earned` together, lots left aside."""

    def instrument(self, view: MarketView, rows: Sequence[int], quote: str) -> str:
        """What the candidate with legs in these rows of the view is about; `quote` is the currency of its money."""
        name: str = view.table.instruments[view.layout.instrument_code[rows[0]]]
        return name

    def walk(self, legs: tuple[Leg, ...]) -> Iterator[tuple[Decimal, tuple[Decimal, ...]]]:
        """The ladders in step: (units, price on each ladder) until the first of them has no more."""
        return steps(self.ladders(legs))

    def units_for(self, legs: tuple[Leg, ...], notional: Decimal) -> Decimal:
        """Units that `notional` (in quote currency) buys; all there are where the book holds fewer."""
        return quantity_for(legs[0].unit_asks, notional)

    def cost(self, legs: tuple[Leg, ...], quantity: Decimal) -> Decimal:
        """What `quantity` units cost before fees, in quote currency."""
        return vwap(legs[0].unit_asks, quantity) * quantity

    def whole(self, legs: tuple[Leg, ...], quantity: Decimal) -> Decimal:
        """`quantity` rounded down to what is whole lots on every leg."""
        lot = _common_lot([leg.amount_step * leg.multiplier for leg in legs if leg.amount_step])
        return quantity if lot is None else round_down(quantity, lot)

    def amounts(self, legs: tuple[Leg, ...], quantity: Decimal) -> tuple[Decimal, ...]:
        """What is ordered on each leg for `quantity` units, in listed units. Raises `Unfit` where a book is too thin
        to tell."""
        return tuple(quantity / leg.multiplier for leg in legs)

    def distance(self, legs: tuple[Leg, ...]) -> Decimal:
        """How far apart the legs' prices are, as a fraction: so far that they can't be of the same thing?"""
        mids = [leg.unit_mid for leg in legs]
        return max(mids) / min(mids) - 1


def _common_lot(lots: Sequence[Decimal]) -> Decimal | None:
    """The smallest quantity that is whole lots on every leg (their least common multiple); None without any lots."""
    if not lots:
        return None
    exponent = min(int(lot.normalize().as_tuple().exponent) for lot in lots)
    whole = 1
    for lot in lots:
        count = int(lot.scaleb(-exponent))
        whole = whole * count // gcd(whole, count)
    return Decimal(whole).scaleb(exponent)
