"""Doorbells of the markets room, for workers of the `market` queue: stale work dies (early ack, expires)."""

import logging

from celery import shared_task

from apps.core import clock, queue
from apps.core.exceptions import ArbEdgeError
from apps.markets import services
from apps.markets.enums import SnapshotKind

logger = logging.getLogger(__name__)

# Locks outlive the deadlines inside, which is what really ends a run: threads can't be killed.
_INGEST_TTL_S = 35.0
_SYNC_TTL_S = 90.0


@shared_task(name="markets.poll", acks_late=False, expires=5)
def poll() -> None:
    """Ring what is due; creates the rows of newly configured exchanges."""
    services.exchanges_setup()
    services.feeds_due(now=clock.now())


@shared_task(name="markets.ingest", acks_late=False, expires=20)
def ingest(exchange: str, kind: str) -> None:
    """Poll one feed once."""
    with queue.answering(
        "apps.markets.tasks.ingest",
        f"{exchange}:{kind}",
        ttl=_INGEST_TTL_S,
        kwargs={"exchange": exchange, "kind": kind},
    ) as mine:
        if mine:
            services.ingest(exchange=exchange, kind=SnapshotKind(kind))


@shared_task(name="markets.sync_markets", acks_late=False, expires=120)
def sync_markets(exchange: str) -> None:
    """Load an exchange's markets."""
    with queue.answering(
        "apps.markets.tasks.sync_markets", exchange, ttl=_SYNC_TTL_S, kwargs={"exchange": exchange}
    ) as mine:
        if not mine:
            return
        try:
            services.exchange_sync_markets(exchange=exchange)
        except ArbEdgeError as error:
            # The exchange's row says it too, and the poll rings again.
            logger.error("Markets of %s not loaded: %s", exchange, error.message)


@shared_task(name="markets.fetch_books", acks_late=False, expires=5)
def fetch_books(market_ids: list[int]) -> None:
    """Fetch the order books of these markets."""
    services.books_fetch(market_ids=market_ids)
