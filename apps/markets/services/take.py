"""One answer, however it came, to the newest snapshot: judge the feed, refuse bad rows, store, announce."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from django.conf import settings

from apps.core import clock, events
from apps.markets import archive, selectors, store
from apps.markets.enums import ExchangeStatus, FeedState, SnapshotKind, SnapshotOrigin
from apps.markets.events import SnapshotStored
from apps.markets.judge import Rules, feed_judge
from apps.markets.models import Exchange
from apps.markets.services.clean import Answer, answer_clean
from apps.markets.services.feeds import Outcome, feed_note
from apps.markets.services.letters import letter_note
from apps.markets.validate import refusals_text

# Empty, or some other exchange's answer.
_NO_ROW: Final = "the answer has no row of any listed market"


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What one poll came to: the feed's state and why, rows stored, and rows refused by reason."""

    exchange: str
    kind: SnapshotKind
    state: FeedState
    reason: str = ""
    rows: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)


def answer_take(
    *,
    row: Exchange,
    kind: SnapshotKind,
    reply: Answer,
    constant_hours: float | None = None,
    origin: SnapshotOrigin = SnapshotOrigin.POLL,
) -> IngestReport:
    """Judge an answer of the exchange in `row`, clean its rows, and make it the newest snapshot of its feed.

    `constant_hours` is the documented funding interval of the exchange, for rows whose interval nobody tells."""
    index = selectors.market_index(row.id, kind)
    verdict = feed_judge(row.id, reply, store.pulse_get(row.id, kind), _rules(kind))
    store.pulse_put(row.id, kind, verdict.pulse)
    if verdict.state is not FeedState.OK:
        return _refused(row.id, kind, reply, verdict.state, verdict.reason)
    snapshot, refused = answer_clean(
        exchange=row.id,
        kind=kind,
        reply=reply,
        index=index,
        answered_at=verdict.answered_at,
        offset_ms=verdict.offset_ms,
        constant_hours=constant_hours,
    )
    rows = len(snapshot.market_id)
    if not rows:
        told = len(reply.value.symbols)
        reason = f"no usable row of {told}; {refusals_text(refused) or 'none is listed'}" if told else _NO_ROW
        _letter(row.id, kind, "no_row", reason, reply)
        return _refused(row.id, kind, reply, FeedState.ERROR, reason, refused)
    if refused:
        _letter(row.id, kind, "rows", refusals_text(refused), reply)
    snapshot = replace(snapshot, origin=origin)
    store.snapshot_put(snapshot)
    archive.append(snapshot, index)
    total = sum(refused.values())
    moment = clock.from_ms(reply.received_at)
    outcome = Outcome(FeedState.OK, refusals_text(refused), rows, total, reply.received_at - reply.sent_at)
    feed_note(exchange=row.id, kind=kind, outcome=outcome, now=moment)
    _exchange_note(row, verdict.offset_ms)
    events.publish(SnapshotStored(row.id, str(kind), rows, total, reply.received_at))
    return IngestReport(row.id, kind, FeedState.OK, rows=rows, refused=refused)


def _refused(
    exchange: str,
    kind: SnapshotKind,
    reply: Answer,
    state: FeedState,
    reason: str,
    refused: Mapping[str, int] | None = None,
) -> IngestReport:
    """What came before the refusal must not be used on: it goes out of the store."""
    store.snapshot_drop(exchange, kind, at_ms=reply.received_at)
    counted = dict(refused or {})
    total = sum(counted.values()) or len(reply.value.symbols)
    outcome = Outcome(state, reason, refused=total, latency_ms=reply.received_at - reply.sent_at)
    feed_note(exchange=exchange, kind=kind, outcome=outcome, now=clock.from_ms(reply.received_at))
    return IngestReport(exchange, kind, state, reason, refused=counted)


def _letter(exchange: str, kind: SnapshotKind, trouble: str, reason: str, reply: Answer) -> None:
    moment = clock.from_ms(reply.received_at)
    letter_note(exchange=exchange, kind=kind, trouble=trouble, reason=reason, raw=reply.raw, now=moment)


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
