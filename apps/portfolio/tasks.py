"""Doorbells of the portfolio room."""

from uuid import UUID

from celery import shared_task

from apps.core import clock, queue
from apps.portfolio import services

# Longer than a check's own deadline.
_CHECK_TTL_S = 40.0


@shared_task(name="portfolio.check_key", acks_late=False, expires=50)
def check_key(key_id: str) -> None:
    """Ask an exchange about a key; for workers of the market queue. What comes of it stands in the key's row."""
    with queue.answering("apps.portfolio.tasks.check_key", key_id, ttl=_CHECK_TTL_S, kwargs={"key_id": key_id}) as mine:
        if mine:
            services.exchange_key_check(key_id=UUID(key_id), now=clock.wall_now())


@shared_task(name="portfolio.check_due_keys", expires=59)
def check_due_keys() -> None:
    """Ring the checks that are due, of new keys whose ring was lost too."""
    services.exchange_keys_ring(now=clock.wall_now())
