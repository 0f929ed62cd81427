"""Price open rows on fresh order books: activate, update, close or drop them."""

import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from apps.core import clock, events
from apps.core.money import to_decimal
from apps.opportunities.enums import OpportunityStatus, Reason
from apps.opportunities.evidence import evidence_of
from apps.opportunities.legs import Leg, plain
from apps.opportunities.models import OPEN, Markout, Opportunity
from apps.opportunities.pricing import Priced, PricingTerms, Refusal, price_legs
from apps.opportunities.risk import BELIEVED_FOR, Assessment, RiskFacts, assess
from apps.opportunities.services.ending import End, opportunities_end
from apps.opportunities.services.legs import LegSource, leg_source
from apps.opportunities.services.terms import pricing_terms
from apps.opportunities.strategies.base import Strategy
from apps.opportunities.strategies.registry import strategy_get
from apps.opportunities.types import OpportunitiesActive

logger = logging.getLogger(__name__)

MARKOUT_HORIZONS_S = (1, 5, 30, 60)
# An active row outlives a dip to this part of the minimum edge (its figures say so); scans, which ask for the whole
# minimum, end it as unseen if it stays there. Else an edge around the minimum would open, alert and close all day.
KEPT_ABOVE = Decimal("0.5")

_PRICED_FIELDS = [
    "status", "gross_edge", "net_edge", "net_apr", "peak_net_edge", "size", "optimal_notional", "max_notional",
    "profit", "risk", "confidence", "score", "legs", "details", "evidence", "activated_at", "priced_at", "expires_at",
    "reason",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class PriceRun:
    """What became of the rows that could be priced."""

    activated: int
    updated: int
    ended: int
    undecided: int


@dataclass(frozen=True, slots=True)
class _Quote:
    """A row's new price with what it was made from."""

    priced: Priced
    strategy: Strategy
    legs: tuple[Leg, ...]
    terms: PricingTerms


def price(*, market_ids: Collection[int] | None, now: datetime) -> PriceRun:
    """Price the open rows that have a leg among `market_ids` (None: all) and fresh order books of every leg.

    Detected rows become active or are dropped, active ones are updated or closed; a leg that is no longer listed or has
    lost its fee ends a row without any book. Where the data is unfit to judge by, a row stays as it is; a row without
    books is not touched at all.
    """
    rows = _open_rows(market_ids)
    source = leg_source(rows, now_ms=clock.to_ms(now)) if rows else None
    verdicts = {row.pk: verdict for row in rows if source and (verdict := _judge(row, source, now)) is not None}
    if not verdicts:
        return PriceRun(0, 0, 0, 0)
    with transaction.atomic():
        return _store(verdicts, now)


def _open_rows(market_ids: Collection[int] | None) -> list[Opportunity]:
    rows = Opportunity.objects.filter(status__in=OPEN).defer("evidence")
    if market_ids is None:
        return list(rows)
    wanted = set(market_ids)
    return [row for row in rows if not wanted.isdisjoint(row.market_ids)]


def _judge(row: Opportunity, source: LegSource, now: datetime) -> _Quote | Refusal | None:
    """The new price or why there is none; None where there are no books to judge by."""
    legs = source.legs(row)
    if isinstance(legs, Refusal):
        return None if legs.reason is Reason.MISSING_BOOK else legs
    strategy = strategy_get(row.kind)
    terms = pricing_terms(dollar_rate=Decimal(row.details["dollar_rate"]), now_ms=clock.to_ms(now))
    if row.status == OpportunityStatus.ACTIVE:
        terms = replace(terms, min_net_edge=terms.min_net_edge * KEPT_ABOVE)
    priced = price_legs(strategy, legs, terms)
    return priced if isinstance(priced, Refusal) else _Quote(priced, strategy, legs, terms)


def _store(verdicts: Mapping[UUID, _Quote | Refusal], now: datetime) -> PriceRun:
    """Write the verdicts on the rows that are still open and not priced later by somebody else."""
    locked = Opportunity.objects.filter(pk__in=verdicts, status__in=OPEN).defer("evidence").locked()
    rows = [row for row in locked if row.priced_at is None or row.priced_at < now]
    ends: list[End] = []
    changed: list[Opportunity] = []
    activated: list[Opportunity] = []
    unfit: dict[Reason, list[UUID]] = {}
    for row in rows:
        verdict = verdicts[row.pk]
        if isinstance(verdict, _Quote):
            if row.status == OpportunityStatus.DETECTED:
                activated.append(row)
            _apply(row, verdict, now)
            changed.append(row)
        elif verdict.reason.is_verdict:
            ends.append((row, _ended_as(row), verdict.reason))
        else:
            unfit.setdefault(verdict.reason, []).append(row.pk)
    _update(changed)
    _promise_markouts(activated, now)
    if activated:
        events.publish(OpportunitiesActive(opportunity_ids=tuple(str(row.pk) for row in activated)))
    ended = opportunities_end(ends, now=now)
    for reason, ids in unfit.items():
        Opportunity.objects.filter(pk__in=ids, status=OpportunityStatus.DETECTED).update(reason=reason.value)
    undecided = sum(len(ids) for ids in unfit.values())
    logger.info(
        "Priced: %d active, %d updated, %d ended, %d undecided",
        len(activated), len(changed) - len(activated), ended, undecided,
    )  # fmt: skip
    return PriceRun(len(activated), len(changed) - len(activated), ended, undecided)


def _ended_as(row: Opportunity) -> OpportunityStatus:
    return OpportunityStatus.CLOSED if row.status == OpportunityStatus.ACTIVE else OpportunityStatus.DROPPED


def _apply(row: Opportunity, quote: _Quote, now: datetime) -> None:
    priced, edges = quote.priced, quote.priced.edges
    first = row.activated_at is None
    row.activated_at = row.activated_at or now
    row.status, row.reason, row.priced_at = OpportunityStatus.ACTIVE, "", now
    row.gross_edge, row.net_edge, row.net_apr, row.profit = edges.gross, edges.net, edges.net_apr, edges.profit
    row.peak_net_edge = edges.net if first else max(row.peak_net_edge, edges.net)
    row.size, row.optimal_notional, row.max_notional = priced.size, priced.optimal_notional, priced.max_notional
    verdict = _assess(row, quote, now)
    row.risk, row.confidence, row.score = verdict.risk, verdict.confidence, verdict.score
    row.expires_at = row.activated_at + BELIEVED_FOR[verdict.risk]
    row.legs = [_leg(facts, quote, at) for at, facts in enumerate(row.legs)]
    row.details = {
        "dollar_rate": row.details["dollar_rate"],
        "quantity": plain(priced.quantity),
        "costs": {name: plain(cost) for name, cost in edges.costs.items()},
        "confidence": verdict.parts,
        **{name: None if value is None else plain(value) for name, value in edges.details.items()},
    }
    row.evidence = evidence_of(quote.strategy, quote.legs, quote.terms, priced.quantity)


def _leg(facts: Mapping[str, Any], quote: _Quote, at: int) -> dict[str, Any]:
    leg = quote.legs[at]
    return {
        **facts,
        "price": plain(quote.priced.prices[at], digits=12),
        "amount": plain(quote.priced.amounts[at], digits=12),
        "rate": None if leg.funding is None else plain(leg.funding.rate),
        "fee": plain(leg.fee),
    }


def _assess(row: Opportunity, quote: _Quote, now: datetime) -> Assessment:
    edges, terms = quote.priced.edges, quote.terms
    break_even = edges.details.get("break_even_hours")
    return assess(
        RiskFacts(
            book_age_s=max(0, clock.to_ms(now) - min(leg.received_at for leg in quote.legs)) / 1000,
            seen_for_s=(now - row.opened_at).total_seconds(),
            optimal_notional=quote.priced.optimal_notional,
            reference_notional=to_decimal(settings.REFERENCE_NOTIONAL),
            net_edge=edges.net,
            profit_usd=edges.profit * terms.dollar_rate,
            break_even_share=None if break_even is None else break_even / terms.edge.horizon_h,
        )
    )


def _update(rows: list[Opportunity]) -> None:
    """Write the priced fields, as an upsert of rows that exist: plain parameters instead of CASE per field and row."""
    if rows:
        Opportunity.objects.bulk_create(rows, update_conflicts=True, unique_fields=["id"], update_fields=_PRICED_FIELDS)


def _promise_markouts(rows: Iterable[Opportunity], now: datetime) -> None:
    Markout.objects.bulk_create(
        [
            Markout(
                opportunity=row,
                horizon_s=seconds,
                due_at=now + timedelta(seconds=seconds),
                quantity=row.details["quantity"],
            )
            for row in rows
            for seconds in MARKOUT_HORIZONS_S
        ],
        ignore_conflicts=True,
    )
