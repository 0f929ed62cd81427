"""Reads of the notifications room. When something is due is real time, as in the rows."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Count, Min

from apps.notifications.enums import DeliveryState, Priority
from apps.notifications.models import Delivery, Endpoint, Notification


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """How many deliveries of a channel are in a state, and the oldest moment one of them was (or is) due."""

    state: str
    channel: str
    count: int
    oldest_due: datetime


def priorities_due(*, now: datetime) -> tuple[str, ...]:
    """The priorities with something to send now, most urgent first."""
    due = Delivery.objects.filter(state=DeliveryState.PENDING, next_attempt_at__lte=now)
    found = set(due.order_by().values_list("priority", flat=True).distinct())
    return tuple(priority.value for priority in Priority if priority.value in found)


def due_in(*, priority: str, now: datetime) -> float | None:
    """Seconds until the next delivery of `priority` is due, 0.0 where one is; None where none is waiting."""
    waiting = Delivery.objects.filter(state=DeliveryState.PENDING, priority=priority)
    soonest: datetime | None = waiting.aggregate(soonest=Min("next_attempt_at"))["soonest"]
    return None if soonest is None else max(0.0, (soonest - now).total_seconds())


def oldest_due_s(*, now: datetime) -> float:
    """How many seconds the longest waiting due delivery has been due; 0.0 where none is."""
    waiting = Delivery.objects.filter(state=DeliveryState.PENDING, next_attempt_at__lte=now)
    oldest: datetime | None = waiting.aggregate(oldest=Min("next_attempt_at"))["oldest"]
    return 0.0 if oldest is None else (now - oldest).total_seconds()


def deliveries_ledger() -> list[LedgerRow]:
    """Deliveries counted by state and channel."""
    rows = Delivery.objects.order_by().values("state", "channel").annotate(n=Count("pk"), due=Min("next_attempt_at"))
    ledger = [LedgerRow(row["state"], row["channel"], row["n"], row["due"]) for row in rows]
    return sorted(ledger, key=lambda row: (DeliveryState.values.index(row.state), row.channel))


def channels_in_use() -> set[str]:
    """The channels of endpoints that messages may go to."""
    usable = Endpoint.objects.filter(verified_at__isnull=False, disabled_at__isnull=True)
    return set(usable.order_by().values_list("channel", flat=True).distinct())


def users_reachable(*, user_ids: Iterable[UUID]) -> set[UUID]:
    """Those of the users who have at least one usable endpoint."""
    usable = Endpoint.objects.filter(user_id__in=list(user_ids), verified_at__isnull=False, disabled_at__isnull=True)
    return set(usable.order_by().values_list("user_id", flat=True).distinct())


def notification_ids_by_key(dedupe_keys: Iterable[str]) -> dict[str, UUID]:
    """Ids of the notifications that are owed or were sent under these keys."""
    rows = Notification.objects.filter(dedupe_key__in=list(dedupe_keys)).order_by()
    return dict(rows.values_list("dedupe_key", "pk"))
