"""Exchange and feed rows from the settings. Never imports ccxt: any process may run it."""

import logging

from django.conf import settings
from django.db import transaction

from apps.markets.enums import ExchangeStatus, FeedState, SnapshotKind
from apps.markets.exchanges import names, registry
from apps.markets.models import Exchange, Feed

logger = logging.getLogger(__name__)


def exchanges_setup() -> list[str]:
    """Create the missing rows of settings.EXCHANGES; returns their ids.

    An id that ccxt dropped is marked unknown at once, with what to do; whether it knows any other unlisted id is found
    out by the market worker when it loads the markets. The other exchanges go on. One that was unknown and is not any
    more (another release of ccxt) is tried again."""
    existing = dict(Exchange.objects.filter(id__in=settings.EXCHANGES).values_list("id", "status"))
    for name, status in existing.items():
        if status == ExchangeStatus.UNKNOWN and not names.problem(name):
            exchange_retry(exchange=name)
    created = []
    for name in settings.EXCHANGES:
        if name in existing:
            continue
        dropped = names.DROPPED.get(name, "")
        with transaction.atomic():
            Exchange.objects.get_or_create(
                id=name,
                defaults={
                    "name": name,
                    "status": ExchangeStatus.UNKNOWN if dropped else ExchangeStatus.NEW,
                    "status_reason": dropped,
                },
            )
            if not dropped:
                _feeds_create(name)
        if dropped:
            logger.error("Exchange left out: %s", dropped)
        created.append(name)
    return created


def exchange_retry(*, exchange: str) -> None:
    """Forget that an exchange was unknown, so that its markets are loaded at the next poll; others stay as they are."""
    unknown = Exchange.objects.filter(id=exchange, status=ExchangeStatus.UNKNOWN)
    with transaction.atomic():
        if not unknown.update(status=ExchangeStatus.NEW, status_reason=""):
            return
        _feeds_create(exchange)
        Feed.objects.filter(exchange=exchange, state=FeedState.DISABLED).update(state=FeedState.NEW, reason="")
    logger.info("%s is tried again", exchange)


def _feeds_create(exchange: str) -> None:
    kinds: tuple[SnapshotKind, ...] = registry.adapter_class(exchange).capabilities.kinds
    for kind in kinds:
        Feed.objects.get_or_create(exchange_id=exchange, kind=kind)
