"""Forget what nobody needs any more: the table stays bounded."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from apps.opportunities.enums import OpportunityStatus
from apps.opportunities.models import Execution, Opportunity
from apps.opportunities.services.edge_points import edge_points_prune
from apps.opportunities.services.seen import seen_prune

# Dropped rows explain why something was not alerted, which is asked the same day; the others are history.
KEEP_DROPPED = timedelta(days=1)
# A market full of thin books drops rows by the thousand: only the newest are kept, however young the others are.
MAX_DROPPED = 20_000
KEEP_ENDED = timedelta(days=90)
# People look back on a year.
KEEP_EXECUTIONS = timedelta(days=400)
# Small transactions: other writers of SQLite wait for each one.
_BATCH = 500


def prune(*, now: datetime) -> int:
    """Delete ended rows (with their markouts) past their retention or number, points of edges, sights and executions
    past theirs; returns how many opportunities."""
    edge_points_prune(now=now)
    seen_prune(now=now)
    Execution.objects.filter(executed_at__lt=now - KEEP_EXECUTIONS).delete()
    old = Q(status=OpportunityStatus.DROPPED, closed_at__lt=now - KEEP_DROPPED)
    old |= Q(status__in=(OpportunityStatus.EXPIRED, OpportunityStatus.CLOSED), closed_at__lt=now - KEEP_ENDED)
    dropped = Opportunity.objects.filter(status=OpportunityStatus.DROPPED).order_by("-closed_at")
    if spare := dropped.values_list("closed_at", flat=True)[MAX_DROPPED : MAX_DROPPED + 1]:
        old |= Q(status=OpportunityStatus.DROPPED, closed_at__lte=spare[0])
    deleted = 0
    while True:
        with transaction.atomic():
            ids = list(Opportunity.objects.filter(old).locked(skip=True).values_list("pk", flat=True)[:_BATCH])
            Opportunity.objects.filter(pk__in=ids).delete()
        deleted += len(ids)
        if len(ids) < _BATCH:
            return deleted
