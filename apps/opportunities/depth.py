"""What an opportunity earns at every size, up to where it earns nothing any more."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Context, Decimal, localcontext
from itertools import accumulate

from apps.core.money import quantize_edge
from apps.opportunities.legs import EXACT, Leg
from apps.opportunities.pricing import Priced, PricingTerms, Step
from apps.opportunities.strategies.base import Strategy

# Evenly spaced sizes up to the largest; the optimal one comes on top.
POINTS = 8
# Sums along the way round otherwise than a price at the size itself; beyond these digits nothing is told.
_TOLD = Context(prec=24)
_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class DepthPoint:
    """The net edge (a fraction) and the profit in quote currency at `size` dollars, lots left aside."""

    size: Decimal
    net_edge: Decimal
    profit: Decimal


@dataclass(frozen=True, slots=True)
class Depth:
    """The profit curve over size. `ends_in_book`: it still earns where the shorter book ends, so that its break-even
    size is not known, only that it is not smaller than the last point's."""

    curve: tuple[DepthPoint, ...]
    ends_in_book: bool


def depth_of(strategy: Strategy, legs: tuple[Leg, ...], terms: PricingTerms, priced: Priced) -> Depth:
    """The curve from an eighth of `priced.max_notional` to all of it: profit rises up to the optimal size, and is gone
    at the break-even size.

    Between two steps of the walk that `priced` comes from every unit costs and earns the same, so that any size is read
    off its steps: the books are not walked again."""
    sizes = {priced.max_notional * step / POINTS for step in range(1, POINTS + 1)} | {priced.optimal_notional}
    with localcontext(EXACT):
        sums = _summed(strategy, priced.steps)
        curve = tuple(_point(strategy, legs, terms, sums, size) for size in sorted(sizes) if size > 0)
    # Sizes are rounded to hundredths of cents: what is left at the break-even size is a rounding as well.
    return Depth(curve, ends_in_book=bool(curve) and curve[-1].net_edge > Decimal("0.000001"))


@dataclass(frozen=True, slots=True)
class _Sums:
    """How far the walk had come before its first step and after each: units, what they cost before fees, and what they
    earn."""

    units: list[Decimal]
    spent: list[Decimal]
    earned: list[Decimal]


def _summed(strategy: Strategy, steps: Sequence[Step]) -> _Sums:
    return _Sums(
        units=list(accumulate((units for units, _, _ in steps), initial=_NOTHING)),
        spent=list(accumulate((units * strategy.spending(prices) for units, _, prices in steps), initial=_NOTHING)),
        earned=list(accumulate((units * earning for units, earning, _ in steps), initial=_NOTHING)),
    )


def _point(strategy: Strategy, legs: tuple[Leg, ...], terms: PricingTerms, sums: _Sums, size: Decimal) -> DepthPoint:
    """The last step's figures where the size is a rounding beyond it."""
    money = min(size / terms.dollar_rate, sums.spent[-1])
    after = bisect_left(sums.spent, money, lo=1)
    before = after - 1
    share = (money - sums.spent[before]) / (sums.spent[after] - sums.spent[before])
    units, earned = (column[before] + share * (column[after] - column[before]) for column in (sums.units, sums.earned))
    net, profit = strategy.summed(legs, units, money, earned)
    return DepthPoint(size, quantize_edge(_TOLD.plus(net)), quantize_edge(_TOLD.plus(profit)))
