"""Forget decisions that nobody asks for any more: of all tables this one grows fastest."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import QuerySet

from apps.distribution.enums import DistributionState
from apps.distribution.models import AlertFired, Distribution

# Turns look back a week (`distribution.strategy`), quotas and cooldowns less.
_DAYS_MIN = 8
# Small deletes: other writers of SQLite wait for each one.
_BATCH = 2000


def prune(*, now: datetime) -> int:
    """Delete decisions and alerts older than the messages they led to (NOTIFICATION_DAYS, at least eight days); how
    many."""
    before = now - timedelta(days=max(settings.NOTIFICATION_DAYS, _DAYS_MIN))
    # State by state, as the index goes.
    decisions = (
        Distribution.objects.filter(state=state, decided_at__lt=before).order_by() for state in DistributionState.values
    )
    fired = AlertFired.objects.filter(fired_at__lt=before).order_by()
    return sum(_deleted(old) for old in (*decisions, fired))


def _deleted(old: QuerySet[Any]) -> int:
    deleted = 0
    while ids := list(old.values_list("pk", flat=True)[:_BATCH]):
        deleted += old.model.objects.filter(pk__in=ids).delete()[0]
    return deleted
