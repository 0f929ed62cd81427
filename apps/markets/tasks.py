"""Doorbells of the markets room, for workers of the `market` queue: stale work dies (early ack, expires)."""

import logging
from typing import Any

from celery import shared_task

from apps.core import clock, queue
from apps.core.exceptions import ArbEdgeError, TemporaryError
from apps.markets import access, archive, selectors, services
from apps.markets.enums import SnapshotKind

logger = logging.getLogger(__name__)

# Locks outlive the deadlines inside, which is what really ends a run: threads can't be killed.
_INGEST_TTL_S = 35.0
_SYNC_TTL_S = 90.0
_WATCH_TTL_S = 30.0
_RANK_TTL_S = 120.0
_TRANSFERS_TTL_S = 45.0
_FUNDINGS_TTL_S = 35.0
_UPKEEP_TTL_S = 120.0
_KLINES_TTL_S = 35.0
_ROLL_TTL_S = 20.0


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
        queue=services.ingest_queue(SnapshotKind(kind)),
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


@shared_task(name="markets.sync_fundings", acks_late=False, expires=55)
def sync_fundings(exchange: str) -> None:
    """Read settled fundings of some of an exchange's perpetuals."""
    with queue.answering(
        "apps.markets.tasks.sync_fundings", exchange, ttl=_FUNDINGS_TTL_S, kwargs={"exchange": exchange}
    ) as mine:
        if mine:
            services.fundings_sync(exchange=exchange, now=clock.now())


@shared_task(name="markets.sync_klines", acks_late=False, expires=55)
def sync_klines(exchange: str) -> None:
    """Read some of an exchange's own bars."""
    with queue.answering(
        "apps.markets.tasks.sync_klines", exchange, ttl=_KLINES_TTL_S, kwargs={"exchange": exchange}
    ) as mine:
        if mine:
            services.klines_sync(exchange=exchange, now=clock.now())


@shared_task(name="markets.sync_transfers", acks_late=False, expires=60)
def sync_transfers(exchange: str) -> None:
    """Ask an exchange which deposits and withdrawals are open."""
    with queue.answering(
        "apps.markets.tasks.sync_transfers", exchange, ttl=_TRANSFERS_TTL_S, kwargs={"exchange": exchange}
    ) as mine:
        if not mine:
            return
        try:
            services.transfers_sync(exchange=exchange)
        except ArbEdgeError as error:
            # What was known stays until it is too old; the poll rings again.
            logger.warning("Deposits and withdrawals of %s not read: %s", exchange, error.message)


@shared_task(name="markets.fetch_books", acks_late=False, expires=5)
def fetch_books(market_ids: list[int]) -> None:
    """Fetch the order books of these markets."""
    services.books_fetch(market_ids=market_ids)


@shared_task(name="markets.fetch", acks_late=False, expires=20)
def fetch(kind: str, query: dict[str, Any], max_age_s: float | None) -> None:
    """Bring what a reader of market data did not find."""
    try:
        access.obtain(access.query_of(kind, query), max_age_s=max_age_s)
    except ArbEdgeError as error:
        # Readers are told the same for some seconds.
        logger.info("%s %s not brought: %s", kind, query, error.message)


@shared_task(name="markets.archive_upkeep", acks_late=False)
def archive_upkeep() -> None:
    """Compact the archive's finished days, delete what is too old."""
    with queue.answering("apps.markets.tasks.archive_upkeep", ttl=_UPKEEP_TTL_S) as mine:
        if not mine:
            return
        try:
            archive.upkeep()
        except TemporaryError as error:
            logger.warning("Archive left as it is: %s", error.message)


@shared_task(name="markets.replay_letter", acks_late=False, expires=120)
def replay_letter(letter_id: int) -> None:
    """Read a dead letter again; the outcome stands in its row."""
    services.letter_replay(letter_id=letter_id)


@shared_task(name="markets.watch_prices", expires=14, soft_time_limit=25, time_limit=30)
def watch_prices() -> None:
    """Look for strangers among namesakes, and sample how wide the markets are and how much their prices move."""
    with queue.answering("apps.markets.tasks.watch_prices", ttl=_WATCH_TTL_S) as mine:
        if mine:
            now = clock.now()
            latest = selectors.snapshots_latest(now_ms=clock.to_ms(now))
            services.quarantine_check(latest=latest, now=now)
            services.spreads_sample(latest=latest)
            services.volatility_sample(latest=latest)


@shared_task(name="markets.roll_candles", acks_late=False, expires=4, soft_time_limit=15, time_limit=20)
def roll_candles() -> None:
    """Take the latest quotes into the bars that form, store those that are over."""
    with queue.answering("apps.markets.tasks.roll_candles", ttl=_ROLL_TTL_S) as mine:
        if mine:
            now = clock.now()
            services.candles_roll(latest=selectors.snapshots_latest(now_ms=clock.to_ms(now)), now=now)


@shared_task(name="markets.rank_universe", expires=300, soft_time_limit=100, time_limit=120)
def rank_universe() -> None:
    """Rank the markets of every exchange, and decide which are monitored."""
    with queue.answering("apps.markets.tasks.rank_universe", ttl=_RANK_TTL_S) as mine:
        if mine:
            now = clock.now()
            services.universe_rank(latest=selectors.snapshots_latest(now_ms=clock.to_ms(now)), now=now)


@shared_task(name="markets.prune")
def prune() -> None:
    """Delete what is past its retention."""
    services.letters_prune(now=clock.now())
    services.fundings_prune(now=clock.now())
