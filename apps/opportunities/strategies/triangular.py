"""Trade a currency into others and back into itself on one exchange, three or four trades in a row."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import prod
from typing import ClassVar

import numpy as np

from apps.core.money import round_down
from apps.markets.types import Floats, Int8s, Int64s
from apps.opportunities.enums import OpportunityKind, Reason, Side
from apps.opportunities.exceptions import Unfit
from apps.opportunities.legs import Leg, Levels, quantity_for, value_of
from apps.opportunities.strategies.base import Candidates, Edges, EdgeTerms, ScanParams, Strategy
from apps.opportunities.strategies.graph import CycleGraph, cycle_graph
from apps.opportunities.strategies.pairs import SLACK, pairs_above
from apps.opportunities.types import Family
from apps.opportunities.view import SPOT, Bools, MarketView

# Pairs of paths that are looked at in one scan; only a market full of wrong prices has more that beat the minimum.
_MOST_RINGS = 1_000_000
_HAIR = Decimal("1e-20")


class Triangular(Strategy):
    """gross = product of rates - 1; net = product of `rate·(1-t)` - 1.

    A rate is `bid` where the currency at hand is sold and `1/ask` where another is bought with it; the fee is taken
    from what a trade brings. Currencies are those of the exchange: one dollar is never taken for another.

    A cycle is the same whatever trade it is begun with; it is told from the start of its best-known currency (`graph`),
    in which its sizes and its profit are counted: a quantity is units of that currency that are put in. Of four trades
    none may be spared: where a single one does as well as two of them in a row, the shorter cycle is told alone, and
    not once more with every detour that its edge would pay for as well.
    """

    kind: ClassVar = OpportunityKind.TRIANGULAR
    family: ClassVar[Family] = "arbitrage"
    formula: ClassVar = "triangular/1"
    converts: ClassVar = False
    unseen_s: ClassVar = 30
    longest_s: ClassVar = 1800

    def scan(self, view: MarketView, params: ScanParams) -> Candidates:
        """Every cycle of three or four trades over the spot markets of each exchange."""
        graph = cycle_graph(view.table, view.layout)
        spot = view.rows_of_type(SPOT)
        unit, kept = view.layout.unit[spot], 1 - view.layout.fee[spot]
        # What each conversion brings; the last one is none and brings nothing.
        rate = np.zeros(2 * len(unit) + 1)
        np.multiply(view.bid[spot], unit * kept, out=rate[:-1:2])
        np.divide(kept, view.ask[spot] * unit, out=rate[1::2])
        path = rate[graph.first] * rate[graph.second]
        least = (1 + params.min_net_edge) * (1 - SLACK)
        found = graph.started(np.concatenate([_triangles(graph, rate, path, least), _rings(graph, rate, path, least)]))
        return self._candidates(view, graph, found, rate, params)

    def _candidates(
        self, view: MarketView, graph: CycleGraph, found: Int64s, rate: Floats, params: ScanParams
    ) -> Candidates:
        """The cycles (conversions, -1 for none) that may be compared and really pass, with their figures."""
        legs, sides, there = graph.rows(found), graph.sides(found), found >= 0
        ask, bid, unit = view.ask[legs], view.bid[legs], view.layout.unit[legs]
        bought = sides > 0
        best = np.where(there, np.where(bought, 1 / (ask * unit), bid * unit), 1.0)
        kept = np.where(there, rate[found], 1.0)
        net = kept.prod(axis=1) - 1
        good = np.flatnonzero((net > params.min_net_edge) & _may_follow(view, legs, sides, there, params))
        # What each trade can take of its own input, in units of the currency that was put in.
        room = np.where(bought, view.ask_size[legs] * ask, view.bid_size[legs] / unit)
        before = np.cumprod(np.column_stack([np.ones(len(found)), kept[:, :-1]]), axis=1)
        notional = np.where(there, room / before, np.inf).min(axis=1)
        return Candidates(
            kind=self.kind,
            legs=legs[good],
            sides=sides[good],
            quote_code=graph.quote_code[graph.source[found[good, 0]]],
            gross=best[good].prod(axis=1) - 1,
            net=net[good],
            notional=notional[good],
        )

    def instrument(self, view: MarketView, rows: Sequence[int], quote: str) -> str:
        """The currency that is put in."""
        return quote

    def ladders(self, legs: tuple[Leg, ...]) -> tuple[Levels, ...]:
        """(rate before the fee, how much of its input it takes) of each level that is walked."""
        return tuple(leg.taken if leg.side is Side.SELL else _turned(leg.asks) for leg in legs)

    def walk(self, legs: tuple[Leg, ...]) -> Iterator[tuple[Decimal, tuple[Decimal, ...]]]:
        """As many units as the narrowest level lets through at a time; a later trade is fed with what the earlier ones
        bring, after their fees."""
        ladders = self.ladders(legs)
        at = [0] * len(legs)
        left = [ladder[0][1] for ladder in ladders]
        while True:
            rates = tuple(ladder[place][0] for ladder, place in zip(ladders, at, strict=True))
            fed, needs = Decimal(1), []
            for leg, rate in zip(legs, rates, strict=True):
                needs.append(fed)
                fed *= rate * (1 - leg.fee)
            lasts = [amount / need for amount, need in zip(left, needs, strict=True)]
            units = min(lasts)
            yield units, rates
            for leg_at, lasted in enumerate(lasts):
                left[leg_at] -= units * needs[leg_at]
                if lasted == units or left[leg_at] <= 0:
                    at[leg_at] += 1
                    if at[leg_at] == len(ladders[leg_at]):
                        return
                    left[leg_at] = ladders[leg_at][at[leg_at]][1]

    def earning(self, legs: tuple[Leg, ...], terms: EdgeTerms, prices: tuple[Decimal, ...]) -> Decimal:
        """What a unit put in brings on top of itself at these rates."""
        return prod((rate * (1 - leg.fee) for leg, rate in zip(legs, prices, strict=True)), start=Decimal(1)) - 1

    def spending(self, prices: tuple[Decimal, ...]) -> Decimal:
        """One: a unit is one of the currency that is put in."""
        return Decimal(1)

    def summed(self, legs: tuple[Leg, ...], units: Decimal, spent: Decimal, earned: Decimal) -> tuple[Decimal, Decimal]:
        """What comes back on top of what is put in."""
        return earned / units, earned

    def edges(self, legs: tuple[Leg, ...], terms: EdgeTerms, quantity: Decimal) -> Edges:
        """Each trade takes what the one before brought, in whole lots; what is left over on the way is lost."""
        trades = _trades(legs, quantity)
        best = prod((ladder[0][0] for ladder in self.ladders(legs)), start=Decimal(1))
        filled = prod((trade.rate for trade in trades), start=Decimal(1))
        paid = prod((trade.rate * (1 - leg.fee) for leg, trade in zip(legs, trades, strict=True)), start=Decimal(1))
        put_in, got_out = trades[0].used, trades[-1].brought
        net = got_out / put_in - 1
        return Edges(
            gross=best - 1,
            net=net,
            profit=got_out - put_in,
            net_apr=None,
            costs={"depth": best - filled, "fees": filled - paid, "lots": paid - 1 - net},
            details={"trades": Decimal(len(legs))},
        )

    def units_for(self, legs: tuple[Leg, ...], notional: Decimal) -> Decimal:
        """The notional itself: it is put in."""
        return notional

    def cost(self, legs: tuple[Leg, ...], quantity: Decimal) -> Decimal:
        """The quantity itself: it is put in."""
        return quantity

    def whole(self, legs: tuple[Leg, ...], quantity: Decimal) -> Decimal:
        """As much of it as the first trade takes in whole lots; 0 where that is none."""
        first = legs[0]
        amount = _orderable(first, quantity)
        return amount if first.side is Side.SELL or not amount else value_of(first.asks, amount)

    def amounts(self, legs: tuple[Leg, ...], quantity: Decimal) -> tuple[Decimal, ...]:
        """What each trade orders."""
        return tuple(trade.amount for trade in _trades(legs, quantity))

    def distance(self, legs: tuple[Leg, ...]) -> Decimal:
        """How far from one the middle rates lead around."""
        mids = ((leg.bids[0][0] + leg.asks[0][0]) / 2 for leg in legs)
        around = prod(
            (mid if leg.side is Side.SELL else 1 / mid for leg, mid in zip(legs, mids, strict=True)), start=Decimal(1)
        )
        return max(around, 1 / around) - 1


@dataclass(frozen=True, slots=True)
class _Trade:
    """One trade of a cycle: `amount` listed units ordered, `used` of what is put in, `brought` after the fee."""

    amount: Decimal
    used: Decimal
    rate: Decimal
    brought: Decimal


def _trades(legs: tuple[Leg, ...], quantity: Decimal) -> list[_Trade]:
    """The cycle with `quantity` put in. Raises `Unfit` where a book is too thin or a lot too large for it."""
    trades, held = [], quantity
    for leg in legs:
        trade = _sold(leg, held) if leg.side is Side.SELL else _bought(leg, held)
        trades.append(trade)
        held = trade.brought
    return trades


def _sold(leg: Leg, held: Decimal) -> _Trade:
    amount = _some(_orderable(leg, held))
    proceeds = value_of(leg.bids, amount)
    return _Trade(amount, amount, proceeds / amount, proceeds * (1 - leg.fee))


def _bought(leg: Leg, held: Decimal) -> _Trade:
    amount = _some(_orderable(leg, held))
    spent = value_of(leg.asks, amount)
    return _Trade(amount, spent, amount / spent, amount * (1 - leg.fee))


def _orderable(leg: Leg, held: Decimal) -> Decimal:
    """Whole lots that what is held sells or buys. Raises `Unfit` where the book does not hold as much."""
    size = sum((size for _, size in leg.taken), Decimal(0))
    if leg.side is Side.SELL:
        amount = _within(held, size)
    else:
        amount = min(
            size, quantity_for(leg.asks, _within(held, sum((price * each for price, each in leg.asks), Decimal(0))))
        )
    return round_down(amount, leg.amount_step) if leg.amount_step else amount


def _within(held: Decimal, room: Decimal) -> Decimal:
    """What is held, as far as there is room for it: to the very end of a book it is a rounding more or less."""
    if held > room * (1 + _HAIR):
        raise Unfit(Reason.THIN_BOOK)
    return min(held, room)


def _some(amount: Decimal) -> Decimal:
    if amount <= 0:
        raise Unfit(Reason.BELOW_MINIMUM)
    return amount


def _turned(asks: Levels) -> Levels:
    return tuple((1 / price, price * size) for price, size in asks)


def _triangles(graph: CycleGraph, rate: Floats, path: Floats, least: float) -> Int64s:
    """Conversions of the triangles that bring more than `least`, four columns of which the last is none."""
    hits = np.flatnonzero(path[graph.triangle_path] * rate[graph.triangle_back] > least)
    there, back = graph.triangle_path[hits], graph.triangle_back[hits]
    return np.column_stack([graph.first[there], graph.second[there], back, np.full(len(hits), -1)])


def _rings(graph: CycleGraph, rate: Floats, path: Floats, least: float) -> Int64s:
    """Conversions of the cycles of four trades through four currencies that bring more than `least`, and of whose
    trades no two in a row could be replaced by a single one that brings as much."""
    rings = graph.rings
    worth = np.where(path > _best(rate, graph.straight), path, np.nan)
    wanted = least / worth[graph.there][rings.buy]
    bought, sold = pairs_above(rings, wanted, worth[graph.back][rings.sell], at_most=_MOST_RINGS)
    there, back = rings.rows(bought, sold)
    there, back = graph.there[there], graph.back[back]
    apart = graph.through[there] != graph.through[back]
    there, back = there[apart], back[apart]
    trades = np.column_stack([graph.first[there], graph.second[there], graph.first[back], graph.second[back]])
    across = [(trades[:, 1], trades[:, 2]), (trades[:, 3], trades[:, 0])]
    needed = [
        rate[one] * rate[two] > _best(rate, graph.straight_between(graph.source[one], graph.target[two]))
        for one, two in across
    ]
    kept: Int64s = trades[needed[0] & needed[1]]
    return kept


def _best(rate: Floats, either: Int64s) -> Floats:
    """What the best of the rows of conversions brings; 0 where there is none that can be used."""
    best = np.zeros(either.shape[1])
    for conversions in either:
        np.fmax(best, rate[conversions], out=best)
    return best


def _may_follow(view: MarketView, legs: Int64s, sides: Int8s, there: Bools, params: ScanParams) -> Bools:
    """Whether the trades of each cycle may be compared: moments within the skew, and middle rates that lead back to
    within the ratio of where they began."""
    moments = view.exchange_ts[legs]
    newest, oldest = (
        np.where(there, moments, 0).max(axis=1),
        np.where(there, moments, moments.max(initial=0)).min(axis=1),
    )
    mid = view.mid[legs] * view.layout.unit[legs]
    around = np.where(there, np.where(sides > 0, 1 / mid, mid), 1.0).prod(axis=1)
    both: Bools = (newest - oldest <= params.max_skew_ms) & (
        np.maximum(around, 1 / around) <= 1 + params.max_price_ratio
    )
    return both
