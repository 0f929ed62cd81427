"""Poll one feed of one exchange: ask in bulk, take the answer; what goes wrong becomes the feed's state and reason."""

import logging
from datetime import datetime
from typing import Final

from apps.core import clock, loop, queue
from apps.core.exceptions import ArbEdgeError
from apps.markets import selectors
from apps.markets.enums import ExchangeStatus, SnapshotKind
from apps.markets.exceptions import UnreadableAnswer
from apps.markets.exchanges.base import ExchangeAdapter
from apps.markets.exchanges.columns import FundingColumns, QuoteColumns, Reply
from apps.markets.models import Exchange
from apps.markets.services import guard, keys
from apps.markets.services.feeds import SYNC_TASK, Outcome, feed_note
from apps.markets.services.letters import letter_note
from apps.markets.services.take import IngestReport, answer_take

logger = logging.getLogger(__name__)

# A bulk answer takes a second or two; the client itself gives up after ten. Loading markets first may add as much.
DEADLINE_S: Final = 25.0


def ingest(*, exchange: str, kind: SnapshotKind, now: datetime | None = None) -> IngestReport | None:
    """Poll one feed once. None where it was not asked: the breaker is open, or its markets are not loaded yet.

    Never raises for what the exchange does: that becomes the feed's state and reason. `now` is only when the poll
    began (default: the clock); what arrives is timed as it arrives."""
    began = now or clock.now()
    row = Exchange.objects.filter(id=exchange, enabled=True).first()
    if row is None:
        return None
    if row.markets_loaded_at is None:
        queue.ring(SYNC_TASK, key=exchange, kwargs={"exchange": exchange})
        return None
    if not guard.breaker(exchange).allow():
        logger.debug("%s %s not asked: its breaker is open", exchange, kind)
        return None
    try:
        adapter = keys.feed_adapter(row, kind)
        if row.status == ExchangeStatus.MAINTENANCE:
            _maintenance_over(adapter)
        reply = _ask(adapter, kind, markets_from=clock.to_ms(row.markets_loaded_at))
    except ArbEdgeError as error:
        if selectors.feed_needs_key(exchange, kind):
            keys.key_judge(row, error)
        return _failed(exchange, kind, error, now=began)
    guard.breaker(exchange).success()
    if selectors.feed_needs_key(exchange, kind):
        keys.key_works(row)
    return answer_take(row=row, kind=kind, reply=reply, constant_hours=adapter.constant_hours)


def _ask(
    adapter: ExchangeAdapter, kind: SnapshotKind, *, markets_from: int
) -> Reply[QuoteColumns] | Reply[FundingColumns]:
    if kind is SnapshotKind.FUNDING:
        return loop.run(adapter.funding(markets_from=markets_from), timeout=DEADLINE_S)
    return loop.run(adapter.quotes(kind, markets_from=markets_from), timeout=DEADLINE_S)


def _maintenance_over(adapter: ExchangeAdapter) -> None:
    """Before coming back, ask whether it is over; raises TemporaryError(code="maintenance") where it is not.

    A status page that fails itself proves nothing: then the feed is asked."""
    try:
        loop.run(adapter.maintenance_check(), timeout=DEADLINE_S)
    except ArbEdgeError as error:
        if error.code == "maintenance" or guard.asks_for_pause(error):
            raise
        logger.warning("Whether maintenance is over is not known: %s", error.message)


def _failed(exchange: str, kind: SnapshotKind, error: ArbEdgeError, *, now: datetime) -> IngestReport:
    """No answer: the last snapshot stays until it is too old, a single lost poll is not worth forgetting it."""
    if isinstance(error, UnreadableAnswer):
        letter_note(exchange=exchange, kind=kind, trouble="unreadable", reason=error.message, raw=error.raw, now=now)
    guard.failure_note(exchange, error)
    if error.code == "maintenance":
        told = {"status": ExchangeStatus.MAINTENANCE, "status_reason": error.message[:500]}
        Exchange.objects.filter(id=exchange).update(**told)
    state = guard.state_of(error)
    feed_note(exchange=exchange, kind=kind, outcome=Outcome(state, error.message), now=now)
    return IngestReport(exchange, kind, state, error.message)
