"""From an exchange's answer to the newest snapshot: ask in bulk, judge the feed, refuse bad rows, store, announce."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from django.conf import settings

from apps.core import clock, events, loop, queue
from apps.core.exceptions import ArbEdgeError
from apps.markets import selectors, store
from apps.markets.enums import ExchangeStatus, FeedState, MarketType, SnapshotKind
from apps.markets.exchanges import registry
from apps.markets.exchanges.base import ExchangeAdapter
from apps.markets.exchanges.columns import FundingColumns, QuoteColumns, Reply
from apps.markets.judge import Rules, Verdict, feed_judge
from apps.markets.models import Exchange
from apps.markets.services import guard
from apps.markets.services.feeds import SYNC_TASK, Outcome, feed_note
from apps.markets.types import Snapshot, SnapshotStored
from apps.markets.validate import Arrival, MarketIndex, funding_clean, quotes_clean, refusals_text

logger = logging.getLogger(__name__)

# A bulk answer takes a second or two; the client itself gives up after ten. Loading markets first may add as much.
DEADLINE_S: Final = 25.0
_MARKET_TYPE: Final = {
    SnapshotKind.SPOT: MarketType.SPOT,
    SnapshotKind.SWAP: MarketType.SWAP,
    SnapshotKind.FUNDING: MarketType.SWAP,
}


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What one poll came to: the feed's state and why, rows stored, and rows refused by reason."""

    exchange: str
    kind: SnapshotKind
    state: FeedState
    reason: str = ""
    rows: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)


def ingest(*, exchange: str, kind: SnapshotKind, now: datetime | None = None) -> IngestReport | None:
    """Poll one feed once. None where it was not asked: the breaker is open, or its markets are not loaded yet.

    Never raises for what the exchange does: that becomes the feed's state and reason. `now` is only when the poll
    began (default: the clock); what arrives is timed as it arrives."""
    began = now or clock.now()
    row = Exchange.objects.filter(id=exchange, enabled=True).first()
    if row is None:
        return None
    index = selectors.market_index(exchange, _MARKET_TYPE[kind])
    if row.markets_loaded_at is None:
        queue.ring(SYNC_TASK, key=exchange, kwargs={"exchange": exchange})
        return None
    if not guard.breaker(exchange).allow():
        logger.debug("%s %s not asked: its breaker is open", exchange, kind)
        return None
    try:
        adapter = registry.adapter(exchange, gateway=settings.SANDBOX_URL)
        reply = _ask(adapter, kind, markets_from=clock.to_ms(row.markets_loaded_at))
    except ArbEdgeError as error:
        return _failed(exchange, kind, error, now=began)
    guard.breaker(exchange).success()
    return _take(row, kind, reply, index)


def _ask(
    adapter: ExchangeAdapter, kind: SnapshotKind, *, markets_from: int
) -> Reply[QuoteColumns] | Reply[FundingColumns]:
    if kind is SnapshotKind.FUNDING:
        return loop.run(adapter.funding(markets_from=markets_from), timeout=DEADLINE_S)
    return loop.run(adapter.quotes(kind, markets_from=markets_from), timeout=DEADLINE_S)


def _take(
    row: Exchange, kind: SnapshotKind, reply: Reply[QuoteColumns] | Reply[FundingColumns], index: MarketIndex
) -> IngestReport:
    verdict = feed_judge(row.id, reply, store.pulse_get(row.id, kind), _rules(kind))
    store.pulse_put(row.id, kind, verdict.pulse)
    if verdict.state is not FeedState.OK:
        return _refused(row.id, kind, reply, verdict.state, verdict.reason)
    snapshot, refused = _clean(row.id, kind, reply, verdict, index)
    rows = len(snapshot.market_id)
    if not rows:
        reason = f"no usable row of {len(reply.value.symbols)}; {refusals_text(refused) or 'none is listed'}"
        return _refused(row.id, kind, reply, FeedState.ERROR, reason, refused)
    store.snapshot_put(snapshot)
    total = sum(refused.values())
    moment = clock.from_ms(reply.received_at)
    outcome = Outcome(FeedState.OK, refusals_text(refused), rows, total, reply.received_at - reply.sent_at)
    feed_note(exchange=row.id, kind=kind, outcome=outcome, now=moment)
    _exchange_note(row, verdict.offset_ms)
    events.publish(SnapshotStored(row.id, str(kind), rows, total, reply.received_at))
    return IngestReport(row.id, kind, FeedState.OK, rows=rows, refused=refused)


def _clean(
    exchange: str,
    kind: SnapshotKind,
    reply: Reply[QuoteColumns] | Reply[FundingColumns],
    verdict: Verdict,
    index: MarketIndex,
) -> tuple[Snapshot, dict[str, int]]:
    arrival = Arrival(
        exchange=exchange,
        received_at=reply.received_at,
        answered_at=verdict.answered_at,
        offset_ms=verdict.offset_ms,
        max_age_ms=selectors.max_age_ms(kind),
    )
    if isinstance(reply.value, FundingColumns):
        return funding_clean(reply.value, index, arrival=arrival)
    return quotes_clean(reply.value, index, kind=kind, arrival=arrival)


def _refused(
    exchange: str,
    kind: SnapshotKind,
    reply: Reply[QuoteColumns] | Reply[FundingColumns],
    state: FeedState,
    reason: str,
    refused: Mapping[str, int] | None = None,
) -> IngestReport:
    """What came before the refusal must not be used on: it goes out of the store."""
    store.snapshot_drop(exchange, kind)
    counted = dict(refused or {})
    total = sum(counted.values()) or len(reply.value.symbols)
    outcome = Outcome(state, reason, refused=total, latency_ms=reply.received_at - reply.sent_at)
    feed_note(exchange=exchange, kind=kind, outcome=outcome, now=clock.from_ms(reply.received_at))
    return IngestReport(exchange, kind, state, reason, refused=counted)


def _failed(exchange: str, kind: SnapshotKind, error: ArbEdgeError, *, now: datetime) -> IngestReport:
    """No answer: the last snapshot stays until it is too old, a single lost poll is not worth forgetting it."""
    guard.failure_note(exchange, error)
    state = guard.state_of(error)
    feed_note(exchange=exchange, kind=kind, outcome=Outcome(state, error.message), now=now)
    return IngestReport(exchange, kind, state, error.message)


def _exchange_note(row: Exchange, offset_ms: int) -> None:
    """Keep status and clock offset; written only where they moved, so that a poll costs no write."""
    if row.status != ExchangeStatus.OK or abs(row.clock_offset_ms - offset_ms) > 250:
        Exchange.objects.filter(id=row.id).update(status=ExchangeStatus.OK, status_reason="", clock_offset_ms=offset_ms)


def _rules(kind: SnapshotKind) -> Rules:
    return Rules(
        max_offset_ms=round(settings.MAX_CLOCK_OFFSET_S * 1000),
        frozen_after_ms=round(settings.FROZEN_AFTER_S * 1000),
        max_age_ms=selectors.max_age_ms(kind),
    )
