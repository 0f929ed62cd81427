"""Forget decisions that nobody asks for any more: of all tables this one grows fastest."""

from datetime import datetime, timedelta

from django.conf import settings

from apps.distribution.enums import DistributionState
from apps.distribution.models import Distribution

# Turns look back a week (`distribution.strategy`), quotas and cooldowns less.
_DAYS_MIN = 8
# Small deletes: other writers of SQLite wait for each one.
_BATCH = 2000


def prune(*, now: datetime) -> int:
    """Delete decisions older than the messages they led to (NOTIFICATION_DAYS, at least eight days); how many."""
    before = now - timedelta(days=max(settings.NOTIFICATION_DAYS, _DAYS_MIN))
    # State by state, as the index goes.
    return sum(_deleted(state, before) for state in DistributionState.values)


def _deleted(state: str, before: datetime) -> int:
    old = Distribution.objects.filter(state=state, decided_at__lt=before).order_by()
    deleted = 0
    while ids := list(old.values_list("pk", flat=True)[:_BATCH]):
        deleted += Distribution.objects.filter(pk__in=ids).delete()[0]
    return deleted
