"""A message once more, for whom it reached nobody: by its owner or by an operator."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from apps.core import clock, events
from apps.core.exceptions import PermanentError
from apps.notifications.enums import DeliveryState, NotificationState
from apps.notifications.models import Delivery, Endpoint, Notification
from apps.notifications.services.notifications import NO_ENDPOINT
from apps.notifications.services.routes import endpoints_first, endpoints_named, endpoints_usable
from apps.notifications.services.sweep import delivery_replay
from apps.notifications.types import DeliveriesDue

_NOTHING = {
    NotificationState.PENDING: "It is still under way.",
    NotificationState.DELIVERED: "It was delivered.",
    NotificationState.EXPIRED: "The message has expired.",
    NotificationState.DEAD: NO_ENDPOINT,
}


def notification_resend(*, notification_id: UUID, now: datetime) -> Notification:
    """Try the dead letters of a message again with fresh budgets; one that had no endpoint goes to those there are now.

    PermanentError: code "not_found"; "is_code" for codes, which are asked for anew; "expired"; "nothing_to_resend"
    where it is under way, or arrived by every route, or there still is no endpoint."""
    with transaction.atomic():
        # Deliveries first, as whoever writes results does: two that lock both must not wait for each other.
        held = Delivery.objects.select_for_update().filter(notification_id=notification_id).order_by("pk")
        states = dict(held.values_list("pk", "state"))
        row = Notification.objects.select_for_update().filter(pk=notification_id).first()
        if row is None:
            raise PermanentError("There is no such message.", code="not_found")
        if row.confirms:
            raise PermanentError("A code is sent once: ask for another one.", code="is_code")
        if row.expires_at <= now:
            raise PermanentError(_NOTHING[NotificationState.EXPIRED], code="expired")
        dead = [key for key, state in states.items() if state == DeliveryState.DEAD]
        for key in dead:
            delivery_replay(delivery_id=key)
        if not dead and not (row.state == NotificationState.DEAD and not states and _owed(row, now)):
            raise PermanentError(_NOTHING[NotificationState(row.state)], code="nothing_to_resend")
        row.refresh_from_db()
    return row


def _owed(row: Notification, now: datetime) -> bool:
    """Owe it at the first endpoint of each route; False where there is none."""
    endpoints = _endpoints(row)
    if not endpoints:
        return False
    due_at = clock.wall_now()
    Delivery.objects.bulk_create(
        Delivery(
            notification=row,
            endpoint=one,
            channel=one.channel,
            priority=row.priority,
            next_attempt_at=due_at,
            created_at=now,
        )
        for one in endpoints
    )
    row.state, row.reason, row.finished_at = NotificationState.PENDING, "", None
    row.save(update_fields=["state", "reason", "finished_at"])
    events.publish(DeliveriesDue((row.priority,)))
    return True


def _endpoints(row: Notification) -> list[Endpoint]:
    if row.to_endpoint_id is not None:
        return endpoints_named([row.to_endpoint_id]).get(row.to_endpoint_id, [])
    return endpoints_first(endpoints_usable(user_ids=[row.user_id]).get(row.user_id, []))
