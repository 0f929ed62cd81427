"""Doorbells of the notifications room. What is to be done stands in rows; a lost message only delays it."""

from typing import Any

from celery import shared_task

from apps.core import clock, queue
from apps.notifications import services
from apps.notifications.enums import Priority

# The sweep rings every few seconds; what is due sooner than that gets a ring of its own.
LATER_MAX_S = 5.0


@shared_task(
    name="notifications.deliver",
    acks_late=True,
    reject_on_worker_lost=True,
    ignore_result=True,
    max_retries=0,
)
def deliver(*, priority: str) -> dict[str, Any]:
    """Send what is due of `priority`; several may run at once, their leases keep them apart."""
    report = services.deliver(priority=priority)
    if report.next_in_s is not None and report.next_in_s <= LATER_MAX_S:
        queue.ring(
            "apps.notifications.tasks.deliver",
            key=priority,
            queue=Priority(priority).queue,
            countdown=report.next_in_s,
            kwargs={"priority": priority},
        )
    return {"delivered": report.delivered, "retried": report.retried, "failed": report.failed}


@shared_task(name="notifications.sweep", expires=5, ignore_result=True)
def sweep() -> None:
    """Take back ended leases and ring for what is due."""
    services.deliveries_sweep(now=clock.wall_now())
