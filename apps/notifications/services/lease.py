"""Taking due deliveries: each goes to one worker at a time, however many ask at once."""

import uuid
from datetime import datetime, timedelta

from django.db import connection, transaction

from apps.notifications.enums import DeliveryState
from apps.notifications.models import Delivery

BATCH_MAX = 100
# Between the latest moment a send may end and the moment another worker may take the row.
MARGIN_S = 30.0
# So long after the lease a send may still start; the rest of the margin is for writing the result.
START_S = 15.0


def deliveries_lease(*, priority: str, limit: int, send_seconds: float, now: datetime) -> list[Delivery]:
    """Lease at most `limit` deliveries of `priority`, due at `now` (real time), whose sending takes `send_seconds`.

    They come with notification, user and endpoint loaded, longest due first; their `lease_token` is the right to write
    the result. Two short statements and no wait for others' locks: PostgreSQL skips rows that somebody is taking,
    SQLite takes them in one UPDATE under its single writer lock."""
    due = Delivery.objects.filter(state=DeliveryState.PENDING, priority=priority, next_attempt_at__lte=now)
    if not due.exists():
        return []
    token = uuid.uuid4()
    wanted = due.order_by("next_attempt_at").values_list("pk", flat=True)
    size = min(limit, BATCH_MAX)
    lease = {
        "state": DeliveryState.SENDING,
        "lease_token": token,
        "lease_until": now + timedelta(seconds=send_seconds + MARGIN_S),
    }
    if connection.features.has_select_for_update_skip_locked:
        with transaction.atomic():
            keys = list(wanted.select_for_update(skip_locked=True)[:size])
            Delivery.objects.filter(pk__in=keys).update(**lease)
    else:
        Delivery.objects.filter(pk__in=wanted[:size]).update(**lease)
    held = Delivery.objects.filter(state=DeliveryState.SENDING, lease_token=token)
    return list(held.select_related("notification__user", "endpoint").order_by("next_attempt_at"))
