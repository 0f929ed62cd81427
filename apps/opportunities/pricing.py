"""A candidate priced on its order books: how much of it can be traded, and what it earns at that size."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from math import gcd
from typing import TypeAlias

from apps.core.money import EDGE_QUANTUM, quantize_edge, round_down
from apps.opportunities.enums import Reason
from apps.opportunities.exceptions import Unfit
from apps.opportunities.legs import EXACT, Leg, Levels, quantity_for, steps, vwap
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


@dataclass(frozen=True, slots=True)
class Priced:
    """A candidate at `quantity` units of the instrument; notionals in dollars, `edges` rounded for storing.

    `prices` are the legs' volume-weighted prices as listed and `amounts` their amounts in listed units.
    """

    quantity: Decimal
    size: Decimal
    optimal_notional: Decimal
    max_notional: Decimal
    edges: Edges
    prices: tuple[Decimal, ...]
    amounts: tuple[Decimal, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a candidate can't be priced, or is not worth it."""

    reason: Reason


Pricing: TypeAlias = Priced | Refusal


def price_legs(strategy: Strategy, legs: tuple[Leg, ...], terms: PricingTerms) -> Pricing:
    """Price `legs` (the first one is bought) at min(optimal size, reference size), rounded down to lots.

    Optimal is the last level at which one more unit still earns, maximal the size at which all of it together earns
    nothing; both end where the shorter book ends. Refused at or below the minimum edge.
    """
    with localcontext(EXACT):
        try:
            _check_books(legs, terms)
            optimal, most = _depth(strategy, legs, terms.edge)
            quantity = _quantity(legs, optimal, terms)
            edges = stored(strategy.edges(legs, terms.edge, quantity))
        except Unfit as refusal:
            return Refusal(refusal.reason)
        if edges.net <= terms.min_net_edge:
            return Refusal(Reason.EDGE_GONE)
        return _priced(legs, quantity, optimal, most, edges, terms.dollar_rate)


def edge_at(strategy: Strategy, legs: tuple[Leg, ...], terms: PricingTerms, quantity: Decimal) -> Decimal | Refusal:
    """The net edge of exactly `quantity` units on these books, whatever its sign; a refusal where they can't tell."""
    with localcontext(EXACT):
        try:
            _check_books(legs, terms)
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


def _check_books(legs: tuple[Leg, ...], terms: PricingTerms) -> None:
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
    mids = [leg.unit_mid for leg in legs]
    if max(mids) > min(mids) * (1 + terms.max_price_ratio):
        raise Unfit(Reason.PRICE_RATIO)


def _depth(strategy: Strategy, legs: tuple[Leg, ...], terms: EdgeTerms) -> tuple[Decimal, Decimal]:
    """Optimal and maximal units of the instrument."""
    optimal = most = earned = _ZERO
    for units, prices in steps(strategy.ladders(legs)):
        earning = strategy.earning(legs, terms, prices)
        if earning > 0:
            optimal += units
        elif earned + earning * units < 0:
            return optimal, most + earned / -earning
        most += units
        earned += earning * units
    return optimal, most


def _quantity(legs: tuple[Leg, ...], optimal: Decimal, terms: PricingTerms) -> Decimal:
    if optimal <= 0:
        raise Unfit(Reason.EDGE_GONE)
    wanted = min(optimal, quantity_for(legs[0].unit_asks, terms.reference_notional / terms.dollar_rate))
    lot = _common_lot([leg.amount_step * leg.multiplier for leg in legs if leg.amount_step])
    quantity = wanted if lot is None else round_down(wanted, lot)
    if quantity <= 0:
        raise Unfit(Reason.BELOW_MINIMUM)
    for leg in legs:
        amount = quantity / leg.multiplier
        if leg.min_amount is not None and amount < leg.min_amount:
            raise Unfit(Reason.BELOW_MINIMUM)
        if leg.min_notional is not None and amount * vwap(leg.taken, amount) < leg.min_notional:
            raise Unfit(Reason.BELOW_MINIMUM)
    return quantity


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


def _priced(
    legs: tuple[Leg, ...], quantity: Decimal, optimal: Decimal, most: Decimal, edges: Edges, dollar_rate: Decimal
) -> Priced:
    ladder = legs[0].unit_asks
    amounts = tuple(quantity / leg.multiplier for leg in legs)
    return Priced(
        quantity=quantity,
        size=_dollars(ladder, quantity, dollar_rate),
        optimal_notional=_dollars(ladder, optimal, dollar_rate),
        max_notional=_dollars(ladder, most, dollar_rate),
        edges=edges,
        prices=tuple(vwap(leg.taken, amount) for leg, amount in zip(legs, amounts, strict=True)),
        amounts=amounts,
    )


def _dollars(ladder: Levels, quantity: Decimal, dollar_rate: Decimal) -> Decimal:
    return (vwap(ladder, quantity) * quantity * dollar_rate).quantize(_CENTS)
