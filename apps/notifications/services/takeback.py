"""A message that a provider took, and later says it could not hand on: it was not delivered after all."""

from datetime import datetime

from apps.core import clock, events
from apps.notifications.enums import DeliveryState, NotificationState, Outcome
from apps.notifications.models import Delivery, DeliveryAttempt, Notification
from apps.notifications.services.results import notifications_settle
from apps.notifications.services.routes import endpoints_next
from apps.notifications.services.statistics import statistics_reopen
from apps.notifications.types import DeliveriesDue


def delivery_take_back(*, delivery: Delivery, code: str, reason: str, lasting: bool, now: datetime) -> None:
    """Write the news into a delivery's log, and where it counted as delivered hand its message to the next endpoint of
    its route; inside a transaction, the delivery locked, its endpoint and notification loaded.

    `lasting`: the same would happen again. What is not worth sending any more, or has nobody to take over, is a dead
    letter."""
    message = delivery.notification
    statistics_reopen(ended_at=message.finished_at, until=max(now, message.expires_at))
    DeliveryAttempt.objects.create(
        delivery=delivery,
        number=max(delivery.attempts, 1),
        started_at=now,
        finished_at=now,
        outcome=Outcome.PERMANENT if lasting else Outcome.TEMPORARY,
        code=code,
        reason=reason[:500],
    )
    delivery.last_error = f"{code}: {reason}"[:500]
    if delivery.state != DeliveryState.DELIVERED:
        delivery.save(update_fields=["last_error"])
        return
    heir = endpoints_next([delivery])[delivery.pk] if delivery.notification.expires_at > now else None
    delivery.state = DeliveryState.DEAD if heir is None else DeliveryState.FAILED
    delivery.finished_at = now
    delivery.save(update_fields=["last_error", "state", "finished_at"])
    if heir is not None:
        Delivery.objects.create(
            notification_id=delivery.notification_id,
            endpoint=heir,
            channel=heir.channel,
            priority=delivery.priority,
            next_attempt_at=clock.wall_now(),
            created_at=now,
        )
        events.publish(DeliveriesDue((delivery.priority,)))
    elsewhere = Delivery.objects.filter(notification_id=delivery.notification_id, state=DeliveryState.DELIVERED)
    if not elsewhere.exists():
        delivered = Notification.objects.filter(pk=delivery.notification_id, state=NotificationState.DELIVERED)
        delivered.update(state=NotificationState.PENDING, finished_at=None)
        notifications_settle(notification_ids={delivery.notification_id}, now=now)
