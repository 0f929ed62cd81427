"""Exchange and feed rows from the settings. Never imports ccxt: any process may run it."""

import logging

from django.conf import settings
from django.db import transaction

from apps.markets.enums import ExchangeStatus, SnapshotKind
from apps.markets.exchanges import names, registry
from apps.markets.models import Exchange, Feed

logger = logging.getLogger(__name__)


def exchanges_setup() -> list[str]:
    """Create the missing rows of settings.EXCHANGES; returns their ids.

    An id that ccxt dropped is marked unknown at once, with what to do; whether it knows any other unlisted id is found
    out by the market worker when it loads the markets. The other exchanges go on."""
    existing = set(Exchange.objects.filter(id__in=settings.EXCHANGES).values_list("id", flat=True))
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


def _feeds_create(exchange: str) -> None:
    kinds: tuple[SnapshotKind, ...] = registry.adapter_class(exchange).capabilities.kinds
    for kind in kinds:
        Feed.objects.get_or_create(exchange_id=exchange, kind=kind)
