"""Doorbells of the notifications room. What is to be done stands in rows; a lost message only delays it."""

from typing import Any

from celery import shared_task

from apps.core import clock, queue
from apps.notifications import services
from apps.notifications.enums import Priority

DELIVER = "apps.notifications.tasks.deliver"
# The sweep rings every few seconds; what is due sooner than that gets a ring of its own.
LATER_MAX_S = 5.0
# What the limits let through one by one is sent a few at a time, not with a message each.
LATER_MIN_S = 0.25


@shared_task(
    name="notifications.deliver",
    queue=Priority.MEDIUM.queue,
    acks_late=True,
    reject_on_worker_lost=True,
    ignore_result=True,
    max_retries=0,
)
def deliver(*, priority: str) -> dict[str, Any]:
    """Send what is due of `priority`; several may run at once."""
    later = f"{priority}:later"
    for key in (priority, later):
        # Entered only to let new rings through from here on: rows, not this lock, keep workers apart.
        with queue.answering(DELIVER, key, ttl=0.001):
            pass
    report = services.deliver(priority=priority)
    if report.next_in_s is not None and report.next_in_s <= LATER_MAX_S:
        queue.ring(
            DELIVER,
            key=later,
            queue=Priority(priority).queue,
            countdown=max(report.next_in_s, LATER_MIN_S),
            kwargs={"priority": priority},
        )
    return {"delivered": report.delivered, "retried": report.retried, "failed": report.failed}


@shared_task(name="notifications.sweep", queue="default", expires=5, ignore_result=True)
def sweep() -> None:
    """Take back ended leases and ring for what is due."""
    services.deliveries_sweep(now=clock.now())
