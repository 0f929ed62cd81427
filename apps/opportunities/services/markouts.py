"""What became of an alert: the net edge at the alerted size 1, 5, 30 and 60 s later, on fresh order books."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import transaction
from django.db.models import Q, QuerySet

from apps.core import clock, events
from apps.opportunities.enums import Reason
from apps.opportunities.models import Markout, Opportunity
from apps.opportunities.pricing import Refusal, edge_at
from apps.opportunities.services.legs import LegSource, leg_source
from apps.opportunities.services.price import MARKOUT_HORIZONS_S
from apps.opportunities.services.terms import pricing_terms
from apps.opportunities.strategies.registry import strategy_get
from apps.opportunities.types import MarkoutsDue

_MEASURED_FIELDS = ["measured_at", "net_edge", "book_age_ms", "reason"]


def markouts_request(*, now: datetime) -> int:
    """Ask for the order books of what is due to be measured (`MarkoutsDue`); returns how many markouts are due.

    A markout that could not be measured in time (half its horizon, at least 5 s) is closed with the reason: a later
    figure would pretend to be an earlier one.
    """
    with transaction.atomic():
        missed = _locked(_pending().filter(_late(now)))
        Markout.objects.filter(pk__in=missed).update(reason=Reason.MISSING_BOOK.value)
    due = list(_due(now))
    wanted = {market_id for markout in due for market_id in markout.opportunity.market_ids}
    if wanted:
        events.publish(MarkoutsDue(market_ids=tuple(sorted(wanted))))
    return len(due)


def markouts_measure(*, market_ids: Collection[int] | None, now: datetime) -> int:
    """Measure what is due, not yet too late, and has a leg among `market_ids` (None: all), ended rows as well; returns
    how many.

    Only books that came after the due moment count. Where the books can't tell (too thin for the size, crossed, a fee
    gone missing) the reason is recorded; where there is no book yet, nothing is.
    """
    due = [markout for markout in _due(now) if _touches(markout.opportunity, market_ids)]
    if not due:
        return 0
    source = leg_source([markout.opportunity for markout in due], now_ms=clock.to_ms(now))
    measured = [markout for markout in due if _measure(markout, source, now)]
    return _store(measured)


def _tolerance(horizon_s: int) -> timedelta:
    return timedelta(seconds=max(5, horizon_s / 2))


def _late(now: datetime) -> Q:
    late = Q()
    for seconds in MARKOUT_HORIZONS_S:
        late |= Q(horizon_s=seconds, due_at__lt=now - _tolerance(seconds))
    return late


def _pending() -> QuerySet[Markout]:
    return Markout.objects.filter(measured_at__isnull=True, reason="")


def _locked(markouts: QuerySet[Markout]) -> list[int]:
    """Ids of those that nobody else holds, locked until the transaction ends."""
    return list(markouts.order_by("pk").select_for_update(skip_locked=True).values_list("pk", flat=True))


def _due(now: datetime) -> QuerySet[Markout]:
    return _pending().filter(~_late(now), due_at__lte=now).select_related("opportunity")


def _touches(opportunity: Opportunity, market_ids: Collection[int] | None) -> bool:
    return market_ids is None or not set(market_ids).isdisjoint(opportunity.market_ids)


def _measure(markout: Markout, source: LegSource, now: datetime) -> bool:
    """Fill in the markout; False where there is nothing to measure by yet."""
    opportunity, now_ms = markout.opportunity, clock.to_ms(now)
    legs = source.legs(opportunity)
    if isinstance(legs, Refusal):
        if legs.reason is Reason.MISSING_BOOK:
            return False
        markout.reason = legs.reason.value
        return True
    received_at = min(leg.received_at for leg in legs)
    if received_at < clock.to_ms(markout.due_at):
        return False
    terms = pricing_terms(dollar_rate=Decimal(opportunity.details["dollar_rate"]), now_ms=now_ms)
    edge = edge_at(strategy_get(opportunity.kind), legs, terms, Decimal(markout.quantity))
    if isinstance(edge, Refusal):
        markout.reason = edge.reason.value
    else:
        markout.net_edge, markout.measured_at, markout.book_age_ms = edge, now, max(0, now_ms - received_at)
    return True


def _store(measured: Sequence[Markout]) -> int:
    """Write the figures, except where somebody else was first."""
    if not measured:
        return 0
    with transaction.atomic():
        ids = [markout.pk for markout in measured]
        free = set(_locked(_pending().filter(pk__in=ids)))
        mine = [markout for markout in measured if markout.pk in free]
        Markout.objects.bulk_update(mine, _MEASURED_FIELDS)
    return len(mine)
