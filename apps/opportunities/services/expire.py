"""End what nobody should believe any more: too old for its risk, not seen or not priced lately, or never priced."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from apps.opportunities.enums import OpportunityStatus, Reason
from apps.opportunities.models import PRICE_BELIEVED_FOR, Opportunity, price_disbelieved
from apps.opportunities.services.detect import PRICED_WITHIN
from apps.opportunities.services.ending import End, opportunities_end
from apps.opportunities.strategies.registry import kinds_all


def expire(*, now: datetime) -> int:
    """End every open row whose time is up at `now`; returns how many ended.

    Rows that another transaction is working on are left to the next run. Moments in the future (our clock was set back)
    are no more believed than old ones."""
    unseen = Q()
    for strategy in kinds_all():
        unseen |= Q(kind=strategy.kind, last_seen_at__lte=now - timedelta(seconds=strategy.unseen_s))
    due = Q(status=OpportunityStatus.ACTIVE) & (Q(expires_at__lte=now) | unseen | price_disbelieved(now))
    waited = Q(opened_at__lte=now - PRICED_WITHIN) | Q(opened_at__gte=now + PRICED_WITHIN)
    due |= Q(status=OpportunityStatus.DETECTED) & waited
    with transaction.atomic():
        rows = list(Opportunity.objects.filter(due).defer("evidence").locked(skip=True))
        return opportunities_end([_end(row, now) for row in rows], now=now)


def _end(row: Opportunity, now: datetime) -> End:
    if row.status == OpportunityStatus.DETECTED:
        # The last try to price it left why it failed.
        return row, OpportunityStatus.DROPPED, Reason(row.reason) if row.reason else Reason.NEVER_PRICED
    if row.expires_at <= now:
        return row, OpportunityStatus.EXPIRED, Reason.TIME_UP
    unpriced = row.priced_at is not None and abs(now - row.priced_at) >= PRICE_BELIEVED_FOR
    return row, OpportunityStatus.EXPIRED, Reason.DATA_GONE if unpriced else Reason.NOT_SEEN
