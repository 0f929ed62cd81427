"""Doorbells of the notifications room. What is to be done stands in rows; a lost message only delays it."""

import os
import socket
from typing import Any

from celery import shared_task
from django.conf import settings

from apps.core import clock, queue
from apps.notifications import services
from apps.notifications.enums import Priority

# The sweep rings every few seconds; what is due sooner than that gets a ring of its own.
LATER_MAX_S = 5.0
DELIVER = "apps.notifications.tasks.deliver"
# How long writing down may take after the last send has ended; only a killed process leaves its lock to time out.
_END_S = 60.0


@shared_task(
    name="notifications.deliver",
    acks_late=True,
    reject_on_worker_lost=True,
    ignore_result=True,
    max_retries=0,
)
def deliver(*, priority: str) -> dict[str, Any]:
    """Send what is due of `priority`; any number of processes may at once, their leases keep them apart.

    Of one priority a process makes one run at a time: a flood of rings must not take another priority's threads."""
    queue_name = Priority(priority).queue
    here = f"{priority}@{socket.gethostname()}:{os.getpid()}"
    ttl = services.RUN_S + settings.DELIVERY_TIMEOUT_S + _END_S
    with queue.answering(DELIVER, here, ttl=ttl, queue=queue_name, kwargs={"priority": priority}) as mine:
        return _deliver(priority, queue_name) if mine else {"delivered": 0, "retried": 0, "failed": 0}


def _deliver(priority: str, queue_name: str) -> dict[str, Any]:
    report = services.deliver(priority=priority)
    if report.next_in_s is not None and report.next_in_s <= LATER_MAX_S:
        kwargs = {"priority": priority}
        queue.ring(DELIVER, key=priority, queue=queue_name, countdown=report.next_in_s, kwargs=kwargs)
    return {"delivered": report.delivered, "retried": report.retried, "failed": report.failed}


@shared_task(name="notifications.sweep", expires=5, ignore_result=True)
def sweep() -> None:
    """Take back ended leases and ring for what is due."""
    services.deliveries_sweep(now=clock.wall_now())
