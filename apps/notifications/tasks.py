"""Doorbells of the notifications room. What is to be done stands in rows; a lost message only delays it."""

import threading
from typing import Any
from uuid import UUID

from celery import shared_task

from apps.core import clock, queue
from apps.notifications import services, sms_callback
from apps.notifications.enums import Priority

# The sweep rings every few seconds; what is due sooner than that gets a ring of its own.
LATER_MAX_S = 5.0
DELIVER = "apps.notifications.tasks.deliver"
# The priorities that this process is delivering, and whether somebody rang for them meanwhile. Not in Redis: a lock
# that could not be given back would keep the process from delivering.
_running: dict[str, bool] = {}
_lock = threading.Lock()


@shared_task(
    name="notifications.deliver",
    acks_late=True,
    reject_on_worker_lost=True,
    ignore_result=True,
    max_retries=0,
)
def deliver(*, priority: str) -> dict[str, Any]:
    """Send what is due of `priority`; any number of processes may at once, their leases keep them apart.

    Of one priority a process makes one run at a time: a flood of rings must not take another priority's threads. Who
    comes meanwhile leaves a note, and the run that is on rings once more for it."""
    with _lock:
        if priority in _running:
            _running[priority] = True
            return {"delivered": 0, "retried": 0, "failed": 0}
        _running[priority] = False
    next_in_s: float | None = None
    try:
        report = services.deliver(priority=priority)
        next_in_s = report.next_in_s
    finally:
        with _lock:
            rung_meanwhile = _running.pop(priority)
        if rung_meanwhile:
            next_in_s = 0.0
        if next_in_s is not None and next_in_s <= LATER_MAX_S:
            kwargs = {"priority": priority}
            queue.ring(DELIVER, key=priority, queue=Priority(priority).queue, countdown=next_in_s, kwargs=kwargs)
    return {"delivered": report.delivered, "retried": report.retried, "failed": report.failed}


@shared_task(name="notifications.sms_status", expires=60, ignore_result=True)
def sms_status(*, delivery_id: str, sid: str, status: str, error: int, tries: int) -> None:
    """News of a text message that came before its result was written."""
    known = UUID(delivery_id)
    if not services.sms_status_take(delivery_id=known, sid=sid, status=status, error=error, now=clock.now()):
        sms_callback.again(delivery_id=delivery_id, sid=sid, status=status, error=error, tries=tries + 1)


@shared_task(name="notifications.sweep", expires=5, ignore_result=True)
def sweep() -> None:
    """Take back ended leases and ring for what is due."""
    services.deliveries_sweep(now=clock.wall_now())


@shared_task(name="notifications.prune", expires=3599, ignore_result=True)
def prune() -> None:
    """Delete what is past its retention."""
    services.prune(now=clock.now())


@shared_task(name="notifications.roll_statistics", expires=299, ignore_result=True)
def roll_statistics() -> None:
    """Count the deliveries of the hours that need it."""
    services.statistics_roll(now=clock.now())


@shared_task(name="notifications.prune_statistics", expires=86_399, ignore_result=True)
def prune_statistics() -> None:
    """Delete statistics past the profile's days."""
    services.statistics_prune(now=clock.now())


@shared_task(name="notifications.shift_variants", ignore_result=True)
def shift_variants() -> None:
    """Move the shares of variants by what readers say of them."""
    services.variants_shift()


@shared_task(name="notifications.post_letters", expires=59, ignore_result=True)
def post_letters() -> None:
    """Owe people what their account's room has written to them."""
    services.letters_post(now=clock.now())


@shared_task(name="notifications.digests", expires=59, ignore_result=True)
def digests() -> None:
    """Sum up what came too late."""
    services.digests_send(now=clock.now())
