"""Price open rows on fresh order books: activate, update, close or drop them."""

import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.db import transaction

from apps.core import clock, config, events
from apps.opportunities.enums import OpportunityStatus, Reason
from apps.opportunities.evidence import evidence_of
from apps.opportunities.legs import leg_facts
from apps.opportunities.models import OPEN, Markout, Opportunity
from apps.opportunities.pricing import Refusal, price_legs
from apps.opportunities.risk import BELIEVED_FOR, assess
from apps.opportunities.services.circumstances import Circumstances, circumstances_of, gate_shut
from apps.opportunities.services.details import Quoted, details_of, facts_of
from apps.opportunities.services.edge_points import edge_points_note
from apps.opportunities.services.ending import End, opportunities_end
from apps.opportunities.services.legs import LegSource, leg_source
from apps.opportunities.services.terms import pricing_terms
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
    "reason", "max_participants",
]  # fmt: skip


# What a new price of a row depends on and another run may have changed.
_OF_OTHERS = ("status", "activated_at", "priced_at", "peak_net_edge")


@dataclass(frozen=True, slots=True)
class PriceRun:
    """What became of the rows that could be priced."""

    activated: int
    updated: int
    ended: int
    undecided: int


def price(*, market_ids: Collection[int] | None, now: datetime) -> PriceRun:
    """Price the open rows that have a leg among `market_ids` (None: all) and fresh order books of every leg.

    Detected rows become active or are dropped, active ones are updated or closed; a leg that is no longer listed or has
    lost its fee ends a row without any book. Where the data is unfit to judge by, a row stays as it is; a row without
    books is not touched at all.
    """
    rows = _open_rows(market_ids)
    source = leg_source(rows, now_ms=clock.to_ms(now)) if rows else None
    verdicts: dict[UUID, Quoted | Refusal] = {
        row.pk: verdict for row in rows if source and (verdict := _judge(row, source, now)) is not None
    }
    if not verdicts:
        return PriceRun(0, 0, 0, 0)
    quoted = {row.pk: (row, verdict) for row in rows if isinstance(verdict := verdicts.get(row.pk), Quoted)}
    around = circumstances_of([row for row, _ in quoted.values()], now=now)
    for pk, (row, quote) in quoted.items():
        if gate_shut(around.moved(row, quote.legs, quote.priced)):
            verdicts[pk] = Refusal(Reason.TRANSFER_CLOSED)
    with transaction.atomic():
        return _store({row.pk: row for row in rows if row.pk in verdicts}, verdicts, around, now)


def _open_rows(market_ids: Collection[int] | None) -> list[Opportunity]:
    rows = Opportunity.objects.with_edge().filter(status__in=OPEN).defer("evidence")
    if market_ids is None:
        return list(rows)
    wanted = set(market_ids)
    return [row for row in rows if not wanted.isdisjoint(row.market_ids)]


def _judge(row: Opportunity, source: LegSource, now: datetime) -> Quoted | Refusal | None:
    """The new price or why there is none; None where there are no books to judge by."""
    legs = source.legs(row)
    if isinstance(legs, Refusal):
        return None if legs.reason is Reason.MISSING_BOOK else legs
    strategy = strategy_get(row.kind)
    terms = pricing_terms(dollar_rate=Decimal(row.details["dollar_rate"]), now_ms=clock.to_ms(now))
    if row.status == OpportunityStatus.ACTIVE:
        terms = replace(terms, min_net_edge=terms.min_net_edge * KEPT_ABOVE)
    priced = price_legs(strategy, legs, terms)
    return priced if isinstance(priced, Refusal) else Quoted(priced, strategy, legs, terms)


def _store(
    read: Mapping[UUID, Opportunity], verdicts: Mapping[UUID, Quoted | Refusal], around: Circumstances, now: datetime
) -> PriceRun:
    """Write the verdicts on the rows that are still open and not priced later by somebody else."""
    rows = _locked(read, now)
    ends: list[End] = []
    changed: list[Opportunity] = []
    activated: list[Opportunity] = []
    unfit: dict[Reason, list[UUID]] = {}
    for row in rows:
        verdict = verdicts[row.pk]
        if isinstance(verdict, Quoted):
            if row.status == OpportunityStatus.DETECTED:
                activated.append(row)
            _apply(row, verdict, around, now)
            changed.append(row)
        elif verdict.reason.is_verdict:
            ends.append((row, _ended_as(row), verdict.reason))
        else:
            unfit.setdefault(verdict.reason, []).append(row.pk)
    _update(changed)
    edge_points_note(changed, now=now)
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


def _locked(read: Mapping[UUID, Opportunity], now: datetime) -> list[Opportunity]:
    """The rows that may be written, locked, with what another run may have made of them since they were read; of the
    rest of a row only its own price is kept, and that is written as a whole."""
    rows = []
    locked = Opportunity.objects.filter(pk__in=read, status__in=OPEN).locked()
    for pk, *fields in locked.values_list("pk", *_OF_OTHERS):
        row = read[pk]
        for name, value in zip(_OF_OTHERS, fields, strict=True):
            setattr(row, name, value)
        if row.priced_at is None or row.priced_at < now:
            rows.append(row)
    return rows


def _ended_as(row: Opportunity) -> OpportunityStatus:
    return OpportunityStatus.CLOSED if row.status == OpportunityStatus.ACTIVE else OpportunityStatus.DROPPED


def _apply(row: Opportunity, quote: Quoted, around: Circumstances, now: datetime) -> None:
    priced, edges = quote.priced, quote.priced.edges
    facts = facts_of(row, quote, around, now)
    verdict = assess(facts)
    first = row.activated_at is None
    row.activated_at = row.activated_at or now
    row.status, row.reason, row.priced_at = OpportunityStatus.ACTIVE, "", now
    row.gross_edge, row.net_edge, row.net_apr, row.profit = edges.gross, edges.net, edges.net_apr, edges.profit
    row.peak_net_edge = edges.net if first else max(row.peak_net_edge or edges.net, edges.net)
    row.size, row.optimal_notional, row.max_notional = priced.size, priced.optimal_notional, priced.max_notional
    row.max_participants = _participants(priced.optimal_notional)
    row.risk, row.confidence, row.score = verdict.risk, verdict.confidence, verdict.score
    longest = timedelta(seconds=quote.strategy.longest_s)
    row.expires_at = row.activated_at + min(BELIEVED_FOR[verdict.risk], longest)
    contracts = around.counts(row, priced)
    row.legs = [
        leg_facts(told, leg, price=price, amount=amount) | {"contracts": contracts[at]}
        for at, (told, leg, price, amount) in enumerate(
            zip(row.legs, quote.legs, priced.prices, priced.amounts, strict=True)
        )
    ]
    row.details = details_of(row, quote, facts, verdict, around)
    row.evidence = evidence_of(quote.strategy, quote.legs, quote.terms, priced.quantity)


def _participants(optimal_notional: Decimal) -> int | None:
    """How many people can take it, each with the configured size; None without such a limit."""
    each: Decimal | None = config.get("opportunities.participant_notional")
    return None if each is None else max(1, int(optimal_notional / each))


def _update(rows: list[Opportunity]) -> None:
    """Write the priced fields, as an upsert of rows that exist: plain parameters instead of CASE per field and row."""
    if rows:
        Opportunity.objects.bulk_create(rows, update_conflicts=True, unique_fields=["id"], update_fields=_PRICED_FIELDS)


def _promise_markouts(rows: Iterable[Opportunity], now: datetime) -> None:
    Markout.objects.bulk_create(
        [
            Markout(
                opportunity_id=row.pk,
                horizon_s=seconds,
                due_at=now + timedelta(seconds=seconds),
                quantity=row.details["quantity"],
            )
            for row in rows
            for seconds in MARKOUT_HORIZONS_S
        ],
        ignore_conflicts=True,
    )
