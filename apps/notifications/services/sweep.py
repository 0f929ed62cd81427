"""Setting right what a lost message or a dead worker left behind, and giving dead letters another chance."""

import logging
from datetime import datetime
from uuid import UUID

from django.db import transaction

from apps.core import clock, events
from apps.core.exceptions import PermanentError
from apps.notifications.enums import DeliveryState, NotificationState, Priority
from apps.notifications.models import Delivery, Notification
from apps.notifications.selectors import priorities_due
from apps.notifications.services.journal import with_note
from apps.notifications.services.lease import BATCH_MAX
from apps.notifications.services.results import Settled, results_write
from apps.notifications.services.routes import endpoints_next
from apps.notifications.services.states import Happened, Result
from apps.notifications.services.statistics import statistics_reopen
from apps.notifications.types import DeliveriesDue

logger = logging.getLogger(__name__)

BATCHES = 10


def deliveries_sweep(*, now: datetime) -> int:
    """Take back leases that ended before `now` (real time; each counts as an attempt) and ring for what is due then.

    Returns how many leases were taken back; at most BATCHES × BATCH_MAX a run, the next one goes on."""
    taken = 0
    for _ in range(BATCHES):
        batch = list(
            Delivery.objects.filter(state=DeliveryState.SENDING, lease_until__lt=now)
            .select_related("notification", "endpoint")
            .order_by("lease_until")[:BATCH_MAX]
        )
        if not batch:
            break
        lost = Result(Happened.LOST, "lease_ended", "The worker that had it died or was cut off.")
        nexts = endpoints_next(batch)
        at = clock.now()
        settled = [Settled(row, lost, nexts[row.pk], started_at=at, finished_at=at) for row in batch]
        taken += sum(results_write(settled, now=at).states.values())
    if taken:
        logger.warning("%d deliveries were taken back from workers that did not finish them", taken)
    due = priorities_due(now=now)
    if due:
        events.publish(DeliveriesDue(due))
    return taken


def delivery_replay(*, delivery_id: UUID) -> Delivery:
    """Try a dead letter again with a fresh budget.

    PermanentError: code "not_found", "not_dead", or "expired" where the message has lost its worth: an old alert would
    do harm."""
    with transaction.atomic():
        row = Delivery.objects.select_for_update().filter(pk=delivery_id).first()
        if row is None:
            raise PermanentError("There is no such delivery.", code="not_found")
        if row.state != DeliveryState.DEAD:
            raise PermanentError(f"Only a dead letter can be replayed; this one is {row.state}.", code="not_dead")
        if row.notification.expires_at <= clock.now():
            raise PermanentError("The message has expired.", code="expired")
        row.state, row.attempts, row.next_attempt_at, row.finished_at = DeliveryState.PENDING, 0, clock.wall_now(), None
        row.notes = with_note(row.notes, "sent_again", "It was to be tried again with a fresh budget.", at=clock.now())
        row.save(update_fields=["state", "attempts", "next_attempt_at", "finished_at", "notes"])
        # Where another route has it, the message has ended already, and this delivery belongs to that hour.
        statistics_reopen(ended_at=row.notification.finished_at, until=row.notification.expires_at)
        Notification.objects.filter(pk=row.notification_id, state=NotificationState.DEAD).update(
            state=NotificationState.PENDING, reason="", finished_at=None
        )
        events.publish(DeliveriesDue((Priority(row.priority).value,)))
    return row
