"""What an edge was computed from, as JSON with every decimal as text; and computing it again from that alone."""

from collections.abc import Mapping
from decimal import Decimal, localcontext
from typing import Any

import numpy as np

from apps.core.exceptions import PermanentError
from apps.opportunities.enums import Side
from apps.opportunities.legs import EXACT, Exchanged, Funding, Leg, Levels, levels_for, plain
from apps.opportunities.pricing import PricingTerms, stored
from apps.opportunities.strategies.base import EdgeTerms, Strategy
from apps.opportunities.strategies.registry import signal_get, strategy_get
from apps.opportunities.technical.conditions import conditions_parse

# Of a stored strength.
STRENGTH_DIGITS = 6


class EvidenceUnreadable(PermanentError):
    """This evidence was written by a formula that this version does not have."""

    code = "evidence_unreadable"


def evidence_of(strategy: Strategy, legs: tuple[Leg, ...], terms: PricingTerms, quantity: Decimal) -> dict[str, Any]:
    """JSON-able evidence: both sides of each book as far as `quantity` reaches, fees, funding, moments, the horizon."""
    with localcontext(EXACT):
        return {
            "kind": strategy.kind.value,
            "formula": strategy.formula,
            "at_ms": terms.edge.at_ms,
            "horizon_h": plain(terms.edge.horizon_h),
            "quantity": plain(quantity),
            "dollar_rate": plain(terms.dollar_rate),
            "legs": [_leg_out(leg, amount) for leg, amount in zip(legs, strategy.amounts(legs, quantity), strict=True)],
        }


def recompute(evidence: Mapping[str, Any]) -> Decimal:
    """The net edge from stored evidence alone; equals the stored one exactly.

    Raises EvidenceUnreadable for evidence of an unknown formula version.
    """
    strategy = strategy_get(evidence["kind"])
    if evidence["formula"] != strategy.formula:
        raise EvidenceUnreadable(f"Written by formula {evidence['formula']!r}; this version has {strategy.formula!r}.")
    terms = EdgeTerms(horizon_h=Decimal(evidence["horizon_h"]), at_ms=evidence["at_ms"])
    legs = tuple(_leg_in(leg) for leg in evidence["legs"])
    with localcontext(EXACT):
        return stored(strategy.edges(legs, terms, Decimal(evidence["quantity"]))).net


def recompute_strength(evidence: Mapping[str, Any]) -> float:
    """The strength of a signal from its stored evidence alone; equals the stored one.

    Raises EvidenceUnreadable for evidence of an unknown formula version."""
    strategy = signal_get(evidence["kind"])
    if evidence["formula"] != strategy.formula:
        raise EvidenceUnreadable(f"Written by formula {evidence['formula']!r}; this version has {strategy.formula!r}.")
    readings = {
        timeframe: {name: np.array([pair], dtype=np.float64) for name, pair in figures.items()}
        for timeframe, figures in evidence["readings"].items()
    }
    found = strategy.signals(conditions_parse(evidence["conditions"]), readings)
    return round(float(found.strength[0]), STRENGTH_DIGITS)


def _leg_out(leg: Leg, amount: Decimal) -> dict[str, Any]:
    # One lot more than is ordered: that the next one is out of reach follows from the levels as well.
    reach = amount + (leg.amount_step or 0)
    return {
        "exchange": leg.exchange,
        "symbol": leg.symbol,
        "market_id": leg.market_id,
        "side": leg.side.value,
        "multiplier": plain(leg.multiplier),
        "fee": plain(leg.fee),
        "mid": plain((leg.bids[0][0] + leg.asks[0][0]) / 2),
        "amount_step": None if leg.amount_step is None else plain(leg.amount_step),
        "bids": _levels_out(levels_for(leg.bids, reach)),
        "asks": _levels_out(levels_for(leg.asks, reach)),
        "exchange_ts": leg.exchange_ts,
        "received_at": leg.received_at,
        "funding": None
        if leg.funding is None
        else {
            "rate": plain(leg.funding.rate),
            "interval_h": plain(leg.funding.interval_h),
            "next_funding_at": leg.funding.next_funding_at,
        },
        "exchanged": None
        if leg.exchanged is None
        else {
            "of": leg.exchanged.of,
            "into": leg.exchanged.into,
            "rate": plain(leg.exchanged.rate),
            "kept": plain(leg.exchanged.kept),
            "exchanges": list(leg.exchanged.exchanges),
            "exchange_ts": leg.exchanged.exchange_ts,
        },
    }


def _leg_in(facts: Mapping[str, Any]) -> Leg:
    funding = facts["funding"]
    # Evidence of before there were conversions is of legs in one currency.
    exchanged = facts.get("exchanged")
    step = facts.get("amount_step")
    return Leg(
        exchange=facts["exchange"],
        symbol=facts["symbol"],
        market_id=facts["market_id"],
        side=Side(facts["side"]),
        multiplier=Decimal(facts["multiplier"]),
        fee=Decimal(facts["fee"]),
        bids=_levels_in(facts["bids"]),
        asks=_levels_in(facts["asks"]),
        exchange_ts=facts["exchange_ts"],
        received_at=facts["received_at"],
        amount_step=None if step is None else Decimal(step),
        funding=None
        if funding is None
        else Funding(Decimal(funding["rate"]), Decimal(funding["interval_h"]), funding["next_funding_at"]),
        exchanged=None
        if exchanged is None
        else Exchanged(
            of=exchanged["of"],
            into=exchanged["into"],
            rate=Decimal(exchanged["rate"]),
            kept=Decimal(exchanged["kept"]),
            exchanges=tuple(exchanged["exchanges"]),
            exchange_ts=exchanged["exchange_ts"],
        ),
    )


def _levels_out(levels: Levels) -> list[list[str]]:
    return [[plain(price), plain(size)] for price, size in levels]


def _levels_in(levels: list[list[str]]) -> Levels:
    return tuple((Decimal(price), Decimal(size)) for price, size in levels)
