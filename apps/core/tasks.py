"""Doorbells of the ground floor."""

from datetime import timedelta

from celery import shared_task
from django.conf import settings

from apps.core import audit_chain, clock, idempotency


@shared_task(name="core.prune", expires=3000, soft_time_limit=100, time_limit=120)
def prune() -> None:
    """Delete idempotency keys whose day is over, and audit records past their retention."""
    now = clock.wall_now()
    idempotency.keys_prune(now=now)
    audit_chain.prune(before=now - timedelta(days=settings.AUDIT_DAYS))


@shared_task(name="core.seal_audit", expires=59, soft_time_limit=100, time_limit=120)
def seal_audit() -> None:
    """Let audit records join the chain whose process died before it could."""
    audit_chain.seal()
