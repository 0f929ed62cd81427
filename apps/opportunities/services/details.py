"""A price with everything that is told beside it: risk and its reasons, the profit curve, transfers, liquidation."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings

from apps.core.money import quantize_edge, to_decimal
from apps.opportunities.depth import depth_of
from apps.opportunities.legs import Leg, plain
from apps.opportunities.liquidation import Liquidation, apr_on_capital
from apps.opportunities.models import Opportunity
from apps.opportunities.pricing import Priced, PricingTerms
from apps.opportunities.risk import Assessment, RiskFacts, net_if_fading
from apps.opportunities.services.circumstances import Circumstances, book_age_s, funding_now
from apps.opportunities.strategies.base import Strategy
from apps.opportunities.transfer import Moved

# The profit curve of a row is drawn anew after this long.
CURVE_COUNTS_MS = 10_000


@dataclass(frozen=True, slots=True)
class Quoted:
    """A row's new price with what it was made from."""

    priced: Priced
    strategy: Strategy
    legs: tuple[Leg, ...]
    terms: PricingTerms


def facts_of(row: Opportunity, quote: Quoted, around: Circumstances, now: datetime) -> RiskFacts:
    """What the risk of `row` at this price depends on."""
    edges, terms = quote.priced.edges, quote.terms
    break_even = edges.details.get("break_even_hours")
    fees = around.moved(row, quote.legs, quote.priced)
    known = [around.volatility[market_id] for market_id in row.market_ids if market_id in around.volatility]
    liquidations = around.liquidations(row, quote.priced).values()
    return RiskFacts(
        book_age_s=book_age_s(quote.legs, now),
        seen_for_s=(now - row.opened_at).total_seconds(),
        optimal_notional=quote.priced.optimal_notional,
        reference_notional=to_decimal(settings.REFERENCE_NOTIONAL),
        net_edge=edges.net,
        profit_usd=edges.profit * terms.dollar_rate,
        break_even_share=None if break_even is None else break_even / terms.edge.horizon_h,
        horizon_h=float(terms.edge.horizon_h),
        cost=edges.gross - edges.net,
        spread=sum((_spread(leg) for leg in quote.legs), Decimal(0)),
        volatility=max(known, default=None),
        liquidation=min((one.distance for one in liquidations), default=None),
        funding_now=funding_now(quote.legs),
        funding_past=around.funding[row.pk],
        edge_past=around.edge_past(row),
        transfer=fees,
        transfer_usd=None if fees is None or fees.cost is None else fees.cost * terms.dollar_rate,
        health=tuple(around.health[name] for name in dict.fromkeys(leg.exchange for leg in quote.legs)),
    )


def details_of(
    row: Opportunity, quote: Quoted, facts: RiskFacts, verdict: Assessment, around: Circumstances
) -> dict[str, Any]:
    """The row's details, JSON-able with every decimal as text."""
    priced, edges = quote.priced, quote.priced.edges
    return {
        "dollar_rate": row.details["dollar_rate"],
        "thickness": row.details.get("thickness"),
        "quantity": plain(priced.quantity),
        "costs": {name: plain(cost) for name, cost in edges.costs.items()},
        "confidence": verdict.parts,
        "risk": [{"factor": one.factor, "risk": one.risk.value, "words": one.words} for one in verdict.findings],
        "depth": _depth(row.details.get("depth"), quote),
        "past": around.past(row),
        **{name: None if value is None else plain(value) for name, value in edges.details.items()},
        **_transfer(edges.net, facts.transfer),
        **leverage_facts(row, edges.net_apr, around.liquidations(row, priced)),
        **_fading(facts),
    }


def _spread(leg: Leg) -> Decimal:
    bid, ask = leg.bids[0][0], leg.asks[0][0]
    return 2 * (ask - bid) / (ask + bid)


def _depth(before: dict[str, Any] | None, quote: Quoted) -> dict[str, Any]:
    """The profit curve with its moment: walking the books for every point costs more than all the rest of a price."""
    at_ms = quote.terms.edge.at_ms
    if before is not None and 0 <= at_ms - before["at_ms"] < CURVE_COUNTS_MS:
        return before
    depth = depth_of(quote.strategy, quote.legs, quote.terms, quote.priced)
    return {
        "at_ms": at_ms,
        "curve": [
            {"size": plain(point.size), "net_edge": plain(point.net_edge), "profit": plain(point.profit)}
            for point in depth.curve
        ],
        "ends_in_book": depth.ends_in_book,
    }


def _transfer(net: Decimal, fees: Moved | None) -> dict[str, Any]:
    """The net edge after putting the stock of both exchanges back; null where nobody can tell what that costs."""
    if fees is None:
        return {}
    after = None if fees.share is None else quantize_edge(net - fees.share)
    return {
        "net_after_transfer": None if after is None else plain(after),
        "transfer": {
            "state": fees.state.value,
            "reason": fees.reason,
            "cost": None if fees.cost is None else plain(fees.cost, digits=12),
        },
    }


def leverage_facts(
    row: Opportunity, net_apr: Decimal | None, liquidations: Mapping[int, Liquidation]
) -> dict[str, Any]:
    """Where perpetual legs are liquidated, and what the edge comes to a year on the capital of both legs; nothing where
    no leg is a perpetual."""
    if not liquidations:
        return {}
    # A leg that is no perpetual is paid in full.
    first, second = (liquidations[at].leverage if at in liquidations else Decimal(1) for at in (0, 1))
    return {
        "net_apr_on_capital": None
        if net_apr is None
        else plain(quantize_edge(apr_on_capital(net_apr, (first, second)))),
        "liquidation": [
            {
                "exchange": row.legs[at]["exchange"],
                "symbol": row.legs[at]["symbol"],
                "leverage": plain(one.leverage),
                "price": plain(one.price, digits=8),
                "distance": plain(one.distance, digits=4),
                "maintenance": plain(one.maintenance, digits=4),
                "assumed": one.assumed,
            }
            for at, one in liquidations.items()
        ],
    }


def _fading(facts: RiskFacts) -> dict[str, Any]:
    net = net_if_fading(facts)
    return {} if net is None else {"net_if_fading": plain(quantize_edge(to_decimal(net)))}
