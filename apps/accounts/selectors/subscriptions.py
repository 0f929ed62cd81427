"""Reads: subscriptions and their history."""

from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from apps.accounts.models import Subscription, SubscriptionChange


def subscriptions_counting(*, user_id: UUID, now: datetime) -> QuerySet[Subscription]:
    """Those that are open and not over at `now`."""
    return Subscription.objects.filter(user_id=user_id, closed_at=None).filter(
        Q(grace_until=None) | Q(grace_until__gt=now)
    )


def subscription_changes(user_id: UUID) -> QuerySet[SubscriptionChange]:
    """All that ever happened to a user's subscriptions, newest first, each with its subscription."""
    return SubscriptionChange.objects.filter(subscription__user_id=user_id).select_related("subscription")
