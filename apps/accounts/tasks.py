"""Doorbells of the accounts room."""

from celery import shared_task

from apps.accounts import services
from apps.accounts.services import exchange_keys, passwords, sessions
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
    sessions.sessions_prune(now=now)
    passwords.recoveries_prune(now=now)
    exchange_keys.exchange_keys_prune(now=now)


@shared_task(name="accounts.send_recoveries", expires=59, ignore_result=True)
def send_recoveries() -> None:
    """Write the letters that set new passwords."""
    passwords.recoveries_send(now=clock.wall_now())
