"""Doorbells of the ground floor."""

from celery import shared_task

from apps.core import clock, idempotency


@shared_task(name="core.prune", expires=3000, soft_time_limit=100, time_limit=120)
def prune() -> None:
    """Delete idempotency keys whose day is over."""
    idempotency.keys_prune(now=clock.wall_now())
