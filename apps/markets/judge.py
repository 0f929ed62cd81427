"""Is a feed as a whole alive and on time? Pure decisions with the reason in words; a `Pulse` is all the memory."""

import zlib
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np

from apps.core import clock
from apps.markets.enums import FeedState
from apps.markets.exchanges.columns import FundingColumns, QuoteColumns, Reply, RowTime

# How much a new sample moves the clock offset: a `Date` header is only exact to a second.
SMOOTHING = 0.2
# A clock may drift by minutes, and nobody may trade for minutes. Hours mean that the answer itself is old: a dead
# mirror, a cache, a recording.
DRIFT_MAX_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Pulse:
    """What is remembered between two polls: clock offset (None: unknown), the sign of life of the last answer that was
    used (0: there was none), and when that was first seen."""

    offset_ms: float | None = None
    sign: int = 0
    moved_at: int = 0


@dataclass(frozen=True, slots=True)
class Rules:
    """The limits in ms: how far a clock may be off, how long a feed may stand still, how old its newest row may be."""

    max_offset_ms: int
    frozen_after_ms: int
    max_age_ms: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """May the answer be used? `state` is OK or says why not, `reason` says it in words; `pulse` is for the next one."""

    state: FeedState
    reason: str
    pulse: Pulse
    offset_ms: int = 0
    answered_at: int = 0


def feed_judge(
    exchange: str, reply: Reply[QuoteColumns] | Reply[FundingColumns], pulse: Pulse, rules: Rules
) -> Verdict:
    """Judge one answer: whether it moves at all, then the exchange's clock, then the age of its newest row.

    The exchange's clock is the answer's own time, else its newest row. Its sign of life is the newest row time, and
    where rows carry none the content: the time of the answer alone proves only that a front server is up. Times of
    trades are signs of life beside the content, and no more: on a small exchange a minute without a trade is nothing
    special, and quotes may move without one. Funding rates may honestly stand still: without row times theirs is the
    time of the answer. What was used once and has not moved since is frozen, however far its unmoving clock falls
    behind; an answer that was old from the first is stale.
    """
    now = reply.received_at
    # One row with a time far in the future must not speak for the others.
    latest = max(now, reply.exchange_at or 0) + rules.max_offset_ms
    row_ts = reply.value.row_ts
    newest_row = int(row_ts[row_ts <= latest].max(initial=0))
    trades = isinstance(reply.value, QuoteColumns) and reply.value.row_time is RowTime.TRADE
    quoted_at = 0 if trades else newest_row
    sign = quoted_at or _content(reply.value, newest_row) or reply.exchange_at or 0
    still = now - pulse.moved_at if sign and sign == pulse.sign else 0
    if still >= rules.frozen_after_ms:
        reason = f"{exchange} answers, but nothing in it has moved for {_span(still)}: refused as frozen"
        return Verdict(FeedState.FROZEN, reason, pulse)
    answered_at = reply.exchange_at or quoted_at or now
    asked_ms = (reply.sent_at + now) // 2
    offset = answered_at - asked_ms
    if abs(offset) > rules.max_offset_ms:
        return _off(exchange, answered_at, offset, pulse)
    smooth = float(offset) if pulse.offset_ms is None else pulse.offset_ms + SMOOTHING * (offset - pulse.offset_ms)
    seen = replace(pulse, offset_ms=smooth)
    verdict = Verdict(FeedState.OK, "", seen, offset_ms=round(smooth), answered_at=answered_at)
    row_age = now - (newest_row - verdict.offset_ms)
    if newest_row and row_age > (DRIFT_MAX_MS if trades else rules.max_age_ms):
        reason = f"{exchange}'s newest {'trade' if trades else 'row'} is {_span(row_age)} old: refused as stale"
        return replace(verdict, state=FeedState.STALE, reason=reason)
    if sign != pulse.sign or still < 0:
        # A moment in the future: our clock was set back.
        return replace(verdict, pulse=replace(seen, sign=sign, moved_at=now))
    return verdict


def _off(exchange: str, answered_at: int, offset: int, pulse: Pulse) -> Verdict:
    moment = clock.from_ms(answered_at).strftime("%Y-%m-%d %H:%M UTC")
    side = "ahead of" if offset > 0 else "before"
    old = offset < -DRIFT_MAX_MS
    state = FeedState.STALE if old else FeedState.CLOCK_OFF
    reason = f"{exchange} says it is {moment}, {_span(abs(offset))} {side} our clock: refused as {state.label}"
    # The offset is forgotten: once the clock is right again it starts afresh.
    return Verdict(state, reason, replace(pulse, offset_ms=None))


def _content(columns: QuoteColumns | FundingColumns, newest_row: int) -> int:
    if isinstance(columns, FundingColumns):
        return 0
    digest = newest_row
    for column in (columns.bid, columns.ask, columns.bid_size):
        digest = zlib.crc32(np.ascontiguousarray(column).tobytes(), digest)
    # Negative, so that it can't be taken for a time; zero would mean that there is none.
    return -digest - 1


def _span(milliseconds: int) -> str:
    seconds = timedelta(milliseconds=milliseconds).total_seconds()
    for size, unit in ((365.25 * 86400, "year"), (86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = round(seconds / size)
            return f"{count} {unit}{'s' if count != 1 else ''}"
    return f"{seconds:.0f} s"
