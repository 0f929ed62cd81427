"""What an opportunity comes to at somebody's own size, on the books of now."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from apps.core import clock, config
from apps.opportunities.enums import OpportunityStatus
from apps.opportunities.exceptions import ExecutionRefused, OpportunityOver
from apps.opportunities.models import Opportunity
from apps.opportunities.pricing import Priced, Refusal, price_size
from apps.opportunities.services.circumstances import contracts_of, liquidations_of
from apps.opportunities.services.details import leverage_facts
from apps.opportunities.services.execution import legs_now
from apps.opportunities.services.terms import pricing_terms
from apps.opportunities.strategies.registry import strategy_get


@dataclass(frozen=True, slots=True)
class Sized:
    """What the books give for `asked` dollars: `priced.size` of them, the part `filled` of what was asked, at an edge
    that may be a loss. `leveraged` is where perpetual legs are liquidated and what it earns on the capital, empty
    without such legs."""

    asked: Decimal
    filled: Decimal
    priced: Priced
    leveraged: Mapping[str, Any]


def opportunity_sized(
    *, opportunity: Opportunity, notional: Decimal, now: datetime, leverage: Decimal | None = None
) -> Sized:
    """Price `notional` dollars of an opportunity on the books of now, rounded down to lots; writes nothing.

    Perpetual legs are held at `leverage` (None: as the house tells it), at most their exchange's highest. Where the
    books hold less than was asked for, what they hold. Raises BooksPending where there are no fresh books (a market
    worker was asked for them), OpportunityOver, and ExecutionRefused where a leg can't be judged or the size is below
    what an exchange takes."""
    if opportunity.net_edge is None:
        raise ExecutionRefused("A signal promises no edge at any size.")
    if opportunity.status != OpportunityStatus.ACTIVE or opportunity.expires_at <= now:
        raise OpportunityOver("This opportunity is over.")
    legs = legs_now(opportunity, now)
    terms = pricing_terms(dollar_rate=Decimal(opportunity.details["dollar_rate"]), now_ms=clock.to_ms(now))
    priced = price_size(strategy_get(opportunity.kind), legs, replace(terms, reference_notional=notional))
    if isinstance(priced, Refusal):
        raise ExecutionRefused(f"Not at this size: {priced.reason.words}.")
    used = config.get("opportunities.leverage") if leverage is None else leverage
    liquidations = liquidations_of(opportunity, priced, contracts_of(opportunity.market_ids), used)
    return Sized(
        asked=notional,
        filled=min(Decimal(1), priced.size / notional),
        priced=priced,
        leveraged=leverage_facts(opportunity, priced.edges.net_apr, liquidations),
    )
