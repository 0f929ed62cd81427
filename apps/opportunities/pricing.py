"""A candidate priced on its order books: how much of it can be traded, and what it earns at that size."""

from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import TypeAlias

from apps.core.money import EDGE_QUANTUM, quantize_edge
from apps.opportunities.enums import Reason
from apps.opportunities.exceptions import Unfit
from apps.opportunities.legs import EXACT, Leg, vwap
from apps.opportunities.strategies.base import Edges, EdgeTerms, Strategy

_ZERO = Decimal(0)
_CENTS = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class PricingTerms:
    """What a price is for: the reference size in dollars (`dollar_rate` of them per quote unit), and the limits."""

    edge: EdgeTerms
    reference_notional: Decimal
    dollar_rate: Decimal
    min_net_edge: Decimal
    max_skew_ms: int
    max_price_ratio: Decimal


# Units, what each of them earns (in the unit of `Strategy.earning`), and the price on each ladder.
Step: TypeAlias = tuple[Decimal, Decimal, tuple[Decimal, ...]]


@dataclass(frozen=True, slots=True)
class Walk:
    """The books walked to where all of it together earns nothing, or to the end of the shorter one: units up to which
    each further one earns, units at the end, and the steps from nothing to there."""

    optimal: Decimal
    most: Decimal
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Priced:
    """A candidate at `quantity` units of its kind; notionals in dollars, `edges` rounded for storing.

    `prices` are the legs' volume-weighted prices as listed and `amounts` their amounts in listed units; `steps` are
    those of the walk to `max_notional`.
    """

    quantity: Decimal
    size: Decimal
    optimal_notional: Decimal
    max_notional: Decimal
    edges: Edges
    prices: tuple[Decimal, ...]
    amounts: tuple[Decimal, ...]
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a candidate can't be priced, or is not worth it."""

    reason: Reason


Pricing: TypeAlias = Priced | Refusal


def price_legs(strategy: Strategy, legs: tuple[Leg, ...], terms: PricingTerms) -> Pricing:
    """Price `legs` at min(optimal size, reference size), rounded down to lots.

    Optimal is the last level at which one more unit still earns, maximal the size at which all of it together earns
    nothing; both end where the shorter book ends. Refused at or below the minimum edge.
    """
    with localcontext(EXACT):
        try:
            _check_books(strategy, legs, terms)
            walk = _walk(strategy, legs, terms.edge)
            quantity = _quantity(strategy, legs, walk.optimal, terms)
            edges = stored(strategy.edges(legs, terms.edge, quantity))
        except Unfit as refusal:
            return Refusal(refusal.reason)
        if edges.net <= terms.min_net_edge:
            return Refusal(Reason.EDGE_GONE)
        return _priced(strategy, legs, quantity, walk, edges, terms.dollar_rate)


def price_size(strategy: Strategy, legs: tuple[Leg, ...], terms: PricingTerms) -> Pricing:
    """Price `legs` at the reference size, or as much of it as the books hold, whether that earns or not."""
    with localcontext(EXACT):
        try:
            _check_books(strategy, legs, terms)
            walk = _walk(strategy, legs, terms.edge)
            held = sum((units for units, _ in strategy.walk(legs)), _ZERO)
            quantity = _quantity(strategy, legs, held, terms)
            edges = stored(strategy.edges(legs, terms.edge, quantity))
        except Unfit as refusal:
            return Refusal(refusal.reason)
        return _priced(strategy, legs, quantity, walk, edges, terms.dollar_rate)


def edge_at(strategy: Strategy, legs: tuple[Leg, ...], terms: PricingTerms, quantity: Decimal) -> Decimal | Refusal:
    """The net edge of exactly `quantity` units on these books, whatever its sign; a refusal where they can't tell."""
    with localcontext(EXACT):
        try:
            _check_books(strategy, legs, terms)
            return stored(strategy.edges(legs, terms.edge, quantity)).net
        except Unfit as refusal:
            return Refusal(refusal.reason)


def stored(edges: Edges) -> Edges:
    """The edges as rows and evidence hold them: eight places, rounded down (never better than computed)."""
    return Edges(
        gross=quantize_edge(edges.gross),
        net=quantize_edge(edges.net),
        profit=quantize_edge(edges.profit),
        net_apr=None if edges.net_apr is None else quantize_edge(edges.net_apr),
        costs={name: cost.quantize(EDGE_QUANTUM) for name, cost in edges.costs.items()},
        details={name: None if value is None else _short(value) for name, value in edges.details.items()},
    )


def _short(value: Decimal) -> Decimal:
    rounded = round(value, 10).normalize()
    return rounded.quantize(Decimal(1)) if rounded == rounded.to_integral_value() else rounded


def _check_books(strategy: Strategy, legs: tuple[Leg, ...], terms: PricingTerms) -> None:
    for leg in legs:
        if not leg.bids or not leg.asks:
            raise Unfit(Reason.EMPTY_BOOK)
        if leg.bids[0][0] > leg.asks[0][0]:
            raise Unfit(Reason.CROSSED_BOOK)
    # An exchange that stamps none of its books is compared by when we got them.
    stamped = all(leg.exchange_ts > 0 for leg in legs)
    moments = [leg.exchange_ts if stamped else leg.received_at for leg in legs]
    if max(moments) - min(moments) > terms.max_skew_ms:
        raise Unfit(Reason.SKEWED_BOOKS)
    if strategy.distance(legs) > terms.max_price_ratio:
        raise Unfit(Reason.PRICE_RATIO)


def _walk(strategy: Strategy, legs: tuple[Leg, ...], terms: EdgeTerms) -> Walk:
    optimal = most = earned = _ZERO
    steps: list[Step] = []
    earn = strategy.earner(legs, terms)
    for units, prices in strategy.walk(legs):
        earning = earn(prices)
        brought = earning * units
        if earning > 0:
            optimal += units
        elif earned + brought < 0:
            left = earned / -earning
            steps.append((left, earning, prices))
            most += left
            break
        steps.append((units, earning, prices))
        most += units
        earned += brought
    return Walk(optimal, most, tuple(steps))


def _quantity(strategy: Strategy, legs: tuple[Leg, ...], optimal: Decimal, terms: PricingTerms) -> Decimal:
    if optimal <= 0:
        raise Unfit(Reason.EDGE_GONE)
    wanted = min(optimal, strategy.units_for(legs, terms.reference_notional / terms.dollar_rate))
    quantity = strategy.whole(legs, wanted)
    if quantity <= 0:
        raise Unfit(Reason.BELOW_MINIMUM)
    for leg, amount in zip(legs, strategy.amounts(legs, quantity), strict=True):
        if amount <= 0 or (leg.min_amount is not None and amount < leg.min_amount):
            raise Unfit(Reason.BELOW_MINIMUM)
        if leg.min_notional is not None and amount * vwap(leg.taken, amount) < leg.min_notional:
            raise Unfit(Reason.BELOW_MINIMUM)
    return quantity


def _priced(
    strategy: Strategy,
    legs: tuple[Leg, ...],
    quantity: Decimal,
    walk: Walk,
    edges: Edges,
    dollar_rate: Decimal,
) -> Priced:
    size, optimal_notional, max_notional = (
        (strategy.cost(legs, units) * dollar_rate).quantize(_CENTS) if units else _ZERO
        for units in (quantity, walk.optimal, walk.most)
    )
    amounts = strategy.amounts(legs, quantity)
    return Priced(
        quantity=quantity,
        size=size,
        optimal_notional=optimal_notional,
        max_notional=max_notional,
        edges=edges,
        prices=tuple(vwap(leg.taken, amount) for leg, amount in zip(legs, amounts, strict=True)),
        amounts=amounts,
        steps=walk.steps,
    )
