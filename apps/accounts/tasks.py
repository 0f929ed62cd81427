"""Doorbells of the accounts room."""

from celery import shared_task

from apps.accounts import services
from apps.core import clock


@shared_task(name="accounts.sweep_subscriptions", expires=299, ignore_result=True)
def sweep_subscriptions() -> None:
    """Announce ends that are near, close what is over."""
    services.subscriptions_sweep(now=clock.wall_now())


@shared_task(name="accounts.prune", expires=3599, ignore_result=True)
def prune() -> None:
    """Delete what is past its retention; give back the places of those who never confirmed their address."""
    now = clock.wall_now()
    services.registrations_prune(now=now)
    services.letters_prune(now=now)
    services.payments_prune(now=now)
