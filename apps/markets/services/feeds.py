"""Feed rows: what is known of each feed, written when it changes or every half minute; and which feeds are due."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings

from apps.core import events, queue, redis
from apps.markets import beats, selectors
from apps.markets.enums import ExchangeStatus, FeedState, SnapshotKind
from apps.markets.events import FeedStateChanged
from apps.markets.models import Exchange, Feed

logger = logging.getLogger(__name__)

WRITE_EVERY: Final = timedelta(seconds=30)
FUNDING_EVERY_S: Final = 30.0
# A bounded number of perpetuals each time, so that all of an exchange's have their turn within the hour.
SETTLED_EVERY_S: Final = 60.0
MARKETS_EVERY_S: Final = 3600.0
# A bounded number of bars each time; none is asked for twice within a quarter of an hour.
KLINES_EVERY_S: Final = 60.0
# An exchange whose markets could not be loaded is tried again this soon.
MARKETS_RETRY_S: Final = 20.0

TRANSFERS_EVERY_S: Final = 600.0

SYNC_TASK: Final = "apps.markets.tasks.sync_markets"
SETTLED_TASK: Final = "apps.markets.tasks.sync_fundings"
KLINES_TASK: Final = "apps.markets.tasks.sync_klines"
INGEST_TASK: Final = "apps.markets.tasks.ingest"
TRANSFERS_TASK: Final = "apps.markets.tasks.sync_transfers"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one poll came to; `rows` and `refused` count rows, `latency_ms` is None where nothing was answered."""

    state: FeedState
    reason: str = ""
    rows: int = 0
    refused: int = 0
    latency_ms: int | None = None


def feed_note(*, exchange: str, kind: SnapshotKind, outcome: Outcome, now: datetime) -> bool:
    """Keep the outcome of a poll; True where the feed's state changed (then it is also announced and logged)."""
    feed, _ = Feed.objects.get_or_create(exchange_id=exchange, kind=kind, defaults={"since": now, "updated_at": now})
    changed = feed.state != outcome.state
    if not changed and timedelta(0) <= now - feed.updated_at < WRITE_EVERY:
        return False
    values: dict[str, object] = {
        "state": outcome.state,
        "reason": outcome.reason[:500],
        "last_rows": outcome.rows,
        "last_refused": outcome.refused,
        "latency_ms": outcome.latency_ms,
        "updated_at": now,
    }
    if outcome.state is FeedState.OK:
        values["last_ok_at"] = now
    if changed:
        values["since"] = now
    # The state read above is part of the condition: of two writers only one announces the change.
    written = Feed.objects.filter(id=feed.id, state=feed.state).update(**values)
    if not (changed and written):
        return False
    level = logging.INFO if outcome.state is FeedState.OK else logging.WARNING
    logger.log(level, "%s %s: %s, was %s. %s", exchange, kind, outcome.state, feed.state, outcome.reason)
    events.publish(FeedStateChanged(exchange, str(kind), str(outcome.state), outcome.reason))
    return True


def feeds_due(*, now: datetime) -> int:
    """Ring what is due: quotes at every poll, funding every 30 s, settled fundings and bars every minute,
    deposits and withdrawals every ten, markets hourly and at first need; how many rings.

    Feeds that are pushed need no poll. Due times are keys that expire, so any number of pollers ring once."""
    rung = 0
    usable = Exchange.objects.filter(enabled=True, id__in=settings.EXCHANGES).exclude(status=ExchangeStatus.UNKNOWN)
    exchanges = list(usable.prefetch_related("feeds"))
    pushed = beats.pushed_are((row.id, SnapshotKind(feed.kind)) for row in exchanges for feed in row.feeds.all())
    for exchange in exchanges:
        rung += _markets_due(exchange, now=now)
        if exchange.markets_loaded_at is None:
            continue
        rung += _settled_due(exchange) + _transfers_due(exchange) + _klines_due(exchange)
        for feed in exchange.feeds.all():
            kind = SnapshotKind(feed.kind)
            if (exchange.id, kind) in pushed:
                continue
            if _is_off(exchange, feed) or (kind is SnapshotKind.FUNDING and not _funding_due(exchange.id)):
                continue
            feed_ring(exchange.id, kind)
            rung += 1
    return rung


def _is_off(exchange: Exchange, feed: Feed) -> bool:
    """Disabled, unless what was missing is a key and it has come."""
    if feed.state != FeedState.DISABLED:
        return False
    kind = SnapshotKind(feed.kind)
    return not selectors.feed_needs_key(exchange.id, kind) or bool(selectors.feed_key_trouble(exchange, kind))


def feed_ring(exchange: str, kind: SnapshotKind) -> None:
    """Ring one poll of a feed, on the queue of its kind."""
    queue.ring(
        INGEST_TASK,
        key=f"{exchange}:{kind}",
        queue=ingest_queue(kind),
        kwargs={"exchange": exchange, "kind": str(kind)},
    )


def ingest_queue(kind: SnapshotKind) -> str:
    """The queue on which polls of this kind wait."""
    return "market.funding" if kind is SnapshotKind.FUNDING else "market.quotes"


def _markets_due(exchange: Exchange, *, now: datetime) -> int:
    loaded = exchange.markets_loaded_at
    if loaded is not None and timedelta(0) <= now - loaded < timedelta(seconds=MARKETS_EVERY_S):
        return 0
    if not _claim(f"{exchange.id}:markets", MARKETS_RETRY_S):
        return 0
    queue.ring(SYNC_TASK, key=exchange.id, kwargs={"exchange": exchange.id})
    return 1


def _funding_due(exchange: str) -> bool:
    # A little less than the period: polls come in steps, and the next step must not just miss it.
    return _claim(f"{exchange}:funding", FUNDING_EVERY_S - settings.POLL_SECONDS / 2)


def _transfers_due(exchange: Exchange) -> int:
    # What fails is asked for at the next time: what was known is used for three of them.
    if selectors.transfers_trouble(exchange) or not _claim(f"{exchange.id}:transfers", TRANSFERS_EVERY_S):
        return 0
    queue.ring(TRANSFERS_TASK, key=exchange.id, kwargs={"exchange": exchange.id})
    return 1


def _settled_due(exchange: Exchange) -> int:
    swaps = [feed for feed in exchange.feeds.all() if feed.kind == SnapshotKind.SWAP]
    active = any(feed.state != FeedState.DISABLED for feed in swaps)
    if not (active and _claim(f"{exchange.id}:settled", SETTLED_EVERY_S)):
        return 0
    queue.ring(SETTLED_TASK, key=exchange.id, kwargs={"exchange": exchange.id})
    return 1


def _klines_due(exchange: Exchange) -> int:
    wanted = settings.CANDLE_CALLS and settings.CANDLE_MARKETS
    if not (wanted and _claim(f"{exchange.id}:klines", KLINES_EVERY_S)):
        return 0
    queue.ring(KLINES_TASK, key=exchange.id, kwargs={"exchange": exchange.id})
    return 1


def _claim(what: str, seconds: float) -> bool:
    return bool(redis.state().set(f"markets:due:{what}", b"1", nx=True, px=max(1, round(seconds * 1000))))
