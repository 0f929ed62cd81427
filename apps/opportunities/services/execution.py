"""Taking an opportunity on paper: at what the order books of this moment give, recorded with its evidence."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.db import transaction

from apps.core import clock
from apps.markets import access
from apps.opportunities.enums import ExecutionMode, FeedbackState, OpportunityStatus, Reason
from apps.opportunities.evidence import evidence_of
from apps.opportunities.exceptions import BooksPending, ExecutionRefused, OpportunityOver
from apps.opportunities.legs import Leg, leg_facts
from apps.opportunities.models import Execution, Opportunity
from apps.opportunities.pricing import Priced, Refusal, price_legs
from apps.opportunities.services.feedback import feedback_give
from apps.opportunities.services.legs import leg_source
from apps.opportunities.services.terms import pricing_terms
from apps.opportunities.strategies.registry import strategy_get

if TYPE_CHECKING:
    from apps.accounts.models import User

# When books that were rung for should be there.
_ASK_AGAIN_S = 1.0


@dataclass(frozen=True, slots=True)
class Fill:
    """What the books give for `asked` dollars of an opportunity right now."""

    opportunity: Opportunity
    asked: Decimal
    priced: Priced
    legs: tuple[dict[str, Any], ...]
    evidence: dict[str, Any]


def fill(*, opportunity: Opportunity, notional: Decimal | None, min_net_edge: Decimal, now: datetime) -> Fill:
    """Walk today's books for `notional` dollars (None: the opportunity's size); writes nothing.

    Filled as far as each further unit still earns, so that it may be less than was asked for. Raises OpportunityOver,
    ExecutionRefused where what is left is no more than `min_net_edge` or the legs can't be judged, BooksPending where
    there are no fresh books: a market worker was asked for them."""
    if opportunity.net_edge is None:
        raise ExecutionRefused("Nothing was done: a signal promises no edge that could be filled on paper.")
    if opportunity.status != OpportunityStatus.ACTIVE or opportunity.expires_at <= now:
        raise OpportunityOver("This opportunity is over; nothing was done.")
    asked = opportunity.size if notional is None else notional
    legs = legs_now(opportunity, now)
    strategy = strategy_get(opportunity.kind)
    terms = pricing_terms(dollar_rate=Decimal(opportunity.details["dollar_rate"]), now_ms=clock.to_ms(now))
    terms = replace(terms, reference_notional=asked, min_net_edge=min_net_edge)
    priced = price_legs(strategy, legs, terms)
    if isinstance(priced, Refusal):
        raise _refused(priced)
    amounts = zip(opportunity.legs, legs, priced.prices, priced.amounts, strict=True)
    return Fill(
        opportunity=opportunity,
        asked=asked,
        priced=priced,
        legs=tuple(leg_facts(facts, leg, price=price, amount=amount) for facts, leg, price, amount in amounts),
        evidence=evidence_of(strategy, legs, terms, priced.quantity),
    )


def execution_record(*, user: "User", fill: Fill, now: datetime) -> Execution:
    """Record the fill as this user's, and that they executed the opportunity (`OpportunityFeedback`)."""
    row, priced = fill.opportunity, fill.priced
    with transaction.atomic():
        feedback_give(user=user, opportunity_id=row.pk, state=FeedbackState.EXECUTED, now=now)
        return Execution.objects.create(
            user=user,
            opportunity=row,
            mode=ExecutionMode.PAPER,
            kind=row.kind,
            symbol=row.symbol,
            quote=row.quote,
            asked=fill.asked,
            size=priced.size,
            gross_edge=priced.edges.gross,
            net_edge=priced.edges.net,
            profit=priced.edges.profit,
            legs=list(fill.legs),
            evidence=fill.evidence,
            origin=row.origin,
            executed_at=now,
        )


def legs_now(opportunity: Opportunity, now: datetime) -> tuple[Leg, ...]:
    """The legs on the books of now. Raises BooksPending where a market worker had to be asked for them, and
    ExecutionRefused where a leg can't be traded or judged."""
    legs = leg_source([opportunity], now_ms=clock.to_ms(now)).legs(opportunity)
    if not isinstance(legs, Refusal):
        return legs
    if legs.reason is not Reason.MISSING_BOOK:
        raise _refused(legs)
    answers = [access.order_book(market_id) for market_id in opportunity.market_ids]
    waits = [answer.retry_after for answer in answers if isinstance(answer, access.Pending)]
    raise BooksPending("The order books are being fetched.", retry_after=max(waits, default=_ASK_AGAIN_S))


def _refused(refusal: Refusal) -> ExecutionRefused:
    return ExecutionRefused(f"Nothing was done: {refusal.reason.words}.")
