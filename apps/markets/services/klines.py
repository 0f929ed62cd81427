"""The exchange's own bars of its best-ranked markets: a few calls per run, in turns, beside those of our quotes."""

import logging
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
from django.conf import settings

from apps.core import clock, loop
from apps.core.exceptions import ArbEdgeError, PermanentError
from apps.markets import selectors
from apps.markets.candles import store
from apps.markets.candles.bars import CLOSE, FIELDS, VOLUME, Bars
from apps.markets.candles.timeframes import KEPT, TIMEFRAMES
from apps.markets.enums import BarOrigin
from apps.markets.exchanges import registry
from apps.markets.exchanges.base import ExchangeAdapter
from apps.markets.exchanges.columns import BarColumns, Reply
from apps.markets.models import Exchange
from apps.markets.services import guard
from apps.markets.types import Int64s

logger = logging.getLogger(__name__)

# Our own bars go on meanwhile; asking again brings volumes, true highs and lows, and what we missed.
ASK_EVERY_MS: Final = 15 * 60_000
CALL_DEADLINE_S: Final = 12.0
# No call is begun later than this: an exchange with a small budget must not keep a worker's thread from the others.
RUN_S: Final = 15.0


@dataclass(frozen=True, slots=True)
class KlinesReport:
    """What a run came to: answers that held bars, how many that had ended, and why it ended early ("": it did not)."""

    exchange: str
    read: int = 0
    bars: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Bars of one market in one timeframe, and when they were last asked for (Unix ms, 0: never)."""

    market_id: int
    symbol: str
    timeframe: str
    asked_ms: int


def klines_sync(*, exchange: str, now: datetime) -> KlinesReport:
    """Read the exchange's bars that are due, at most settings.CANDLE_CALLS answers, each of one market and timeframe.

    One call follows the other. Never raises for what the exchange does: the run ends and says why, and the next one
    goes on. Raises redis.RedisError where the cache is away."""
    row = Exchange.objects.filter(id=exchange, enabled=True).first()
    if row is None or row.markets_loaded_at is None:
        return KlinesReport(exchange, reason=f"{exchange} is not read, or its markets are not loaded yet")
    asked: dict[str, list[int]] = defaultdict(list)
    read: dict[str, dict[int, Bars]] = defaultdict(dict)
    reason = ""
    give_up = time.monotonic() + RUN_S
    try:
        adapter = registry.adapter(exchange, gateway=settings.SANDBOX_URL)
        due = klines_due(exchange, adapter.timeframes, now_ms=clock.to_ms(now))
        # Only who is going to ask may take what could be the breaker's one probe.
        if due and not guard.breaker(exchange).allow():
            return KlinesReport(exchange, reason=f"{exchange} is left alone now")
        for wanted in due:
            if time.monotonic() > give_up:
                logger.info("Bars of %s: the rest is left to the next run", exchange)
                break
            # Whatever comes of it, so that one that always fails does not stand before all others.
            asked[wanted.timeframe].append(wanted.market_id)
            bars = _read(adapter, wanted, markets_from=clock.to_ms(row.markets_loaded_at))
            if bars is not None:
                read[wanted.timeframe][wanted.market_id] = bars
    except ArbEdgeError as error:
        reason = error.message
        guard.failure_note(exchange, error)
        logger.warning("Bars of %s not read on: %s", exchange, reason)
    for timeframe, market_ids in asked.items():
        store.asked_put(exchange, timeframe, market_ids, now_ms=clock.to_ms(now))
    kept = selectors.candle_markets(exchange)
    for timeframe, found in read.items():
        _block_put(exchange, timeframe, found, kept=kept)
    answers = [bars for found in read.values() for bars in found.values()]
    closed = sum(int(np.isfinite(bars.values[CLOSE]).sum()) for bars in answers)
    return KlinesReport(exchange, len(answers), closed, reason)


def klines_due(exchange: str, timeframes: Iterable[str], *, now_ms: int) -> list[Wanted]:
    """What to ask for in this run, most urgent first: what has never been read, by rank, then what was read longest
    ago; nothing again within a quarter of an hour, or before a new bar can have ended."""
    given = set(timeframes)
    due = []
    markets = selectors.candle_markets_ranked(exchange)
    for timeframe, step_ms in TIMEFRAMES.items():
        if timeframe not in given:
            continue
        asked = store.asked_get(exchange, timeframe)
        # The cache may have dropped the bars and not when they were asked for.
        there = set(store.bars_get(exchange, timeframe, BarOrigin.EXCHANGE).market_ids.tolist())
        for place, (market_id, symbol) in enumerate(markets):
            at_ms = asked.get(market_id, 0)
            every_ms = max(step_ms, ASK_EVERY_MS) if market_id in there else ASK_EVERY_MS
            if not 0 <= now_ms - at_ms < every_ms:
                due.append((at_ms, place, step_ms, Wanted(market_id, symbol, timeframe, at_ms)))
    due.sort(key=lambda row: row[:3])
    return [wanted for *_, wanted in due[: settings.CANDLE_CALLS]]


def _read(adapter: ExchangeAdapter, wanted: Wanted, *, markets_from: int) -> Bars | None:
    """What was told, None where the exchange has nothing of this market; raises what isn't about one market."""
    # One more than is kept: the last one has not ended.
    call = adapter.bars(wanted.symbol, wanted.timeframe, count=KEPT + 1, markets_from=markets_from)
    try:
        reply = loop.run(call, timeout=CALL_DEADLINE_S)
    except PermanentError as error:
        if guard.asks_for_pause(error):
            raise
        # About this market alone (delisted a moment ago): it is asked again in its turn.
        guard.failure_note(adapter.client.exchange, error)
        logger.info("Bars of %s not read: %s", wanted.symbol, error.message)
        return None
    guard.breaker(adapter.client.exchange).success()
    return bars_believed(wanted.market_id, reply, step_ms=TIMEFRAMES[wanted.timeframe])


def bars_believed(market_id: int, reply: Reply[BarColumns], *, step_ms: int) -> Bars | None:
    """The bars in an answer that had ended when it was given, by the exchange's own clock, and that can be true: they
    begin where bars begin, prices are positive, and none is above the high or below the low.
    None: there is none."""
    told = reply.value
    answered_at = reply.received_at if reply.exchange_at is None else min(reply.exchange_at, reply.received_at)
    prices = np.stack([told.open, told.high, told.low, told.close])
    # A comparison with NaN is False.
    fit = (prices > 0).all(axis=0) & np.isfinite(prices).all(axis=0)
    fit &= (prices.max(axis=0) <= told.high) & (prices.min(axis=0) >= told.low)
    fit &= (told.open_ms % step_ms == 0) & (told.open_ms + step_ms <= answered_at)
    rows = np.flatnonzero(fit)
    if not len(rows):
        return None
    last_ms = int(told.open_ms[rows[-1]])
    at = KEPT - 1 - (last_ms - told.open_ms[rows]) // step_ms
    rows, at = rows[at >= 0], at[at >= 0]
    values = np.full((FIELDS, 1, KEPT), np.nan)
    values[:VOLUME, 0, at] = prices[:, rows]
    values[VOLUME, 0, at] = np.where(told.volume[rows] >= 0, told.volume[rows], np.nan)
    return Bars(np.array([market_id], dtype=np.int64), step_ms, last_ms, values)


def _block_put(exchange: str, timeframe: str, found: Mapping[int, Bars], *, kept: Int64s) -> None:
    """Put what was told into the exchange's block; markets that are not kept any more leave it."""
    block = store.bars_get(exchange, timeframe, BarOrigin.EXCHANGE)
    ids = np.intersect1d(kept, np.union1d(block.market_ids, np.array(list(found), dtype=np.int64)))
    last_ms = max([block.last_ms, *(bars.last_ms for bars in found.values())])
    block = block.window(ids, last_ms=last_ms, count=KEPT)
    for market_id, bars in found.items():
        at = np.flatnonzero(ids == market_id)
        newer = bars.window(ids[at], last_ms=last_ms, count=KEPT)
        older = Bars(ids[at], block.step_ms, last_ms, block.values[:, at])
        block.values[:, at] = newer.over(older).values
    store.bars_put(exchange, timeframe, BarOrigin.EXCHANGE, block)
