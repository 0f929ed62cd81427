"""Settled fundings of an exchange's perpetuals: a few calls per run, written as rows; their spacing is the interval."""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np
from django.conf import settings
from django.db import transaction
from django.db.models import BooleanField, Case, F, Q, QuerySet, Value, When

from apps.core import clock, loop
from apps.core.exceptions import ArbEdgeError, PermanentError
from apps.markets.enums import MarketType
from apps.markets.exchanges import registry
from apps.markets.exchanges.base import ExchangeAdapter
from apps.markets.exchanges.columns import SettledColumns
from apps.markets.funding import LATE_MS, RECENT, interval_settled
from apps.markets.models import Exchange, Market, SettledFunding
from apps.markets.services import guard
from apps.markets.types import Int64s
from apps.markets.validate import ABSURD_RATE

logger = logging.getLogger(__name__)

# No exchange settles more often: reading a market again sooner would show nothing new.
READ_EVERY: Final = timedelta(hours=1)
CALL_DEADLINE_S: Final = 12.0
# No call is begun later than this: an exchange with a small budget must not keep a worker's thread from the others.
RUN_S: Final = 15.0
_DELETE_AT_ONCE: Final = 5000


@dataclass(frozen=True, slots=True)
class FundingsReport:
    """What a run came to: perpetuals read, rows that their answers held, the market ids whose interval is another than
    before, and why it ended early ("": it did not)."""

    exchange: str
    read: int = 0
    rows: int = 0
    changed: tuple[int, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Read:
    """What one perpetual's settled fundings came to."""

    market: Market
    rows: int
    hours: float | None

    @property
    def is_changed(self) -> bool:
        """Whether rates were compared by another interval until now; learning a first one spoils nothing."""
        before = self.market.settled_interval_hours
        return before is not None and before != self.hours


def fundings_sync(*, exchange: str, now: datetime) -> FundingsReport:
    """Read the settled fundings of the perpetuals that are due, at most settings.FUNDING_HISTORY_CALLS of them.

    Due is what was not read for an hour: first what has no interval yet, then what was never read, by rank, then the
    others in turn. One call follows the other, so that a poll never waits for more than one of them. Never raises for
    what the exchange does: the run ends and says why, and the next one goes on."""
    return _sync(exchange, list(markets_due(exchange, now=now)[: settings.FUNDING_HISTORY_CALLS]), now=now)


def market_fundings_sync(*, market_id: int, now: datetime) -> FundingsReport:
    """Read the settled fundings of this perpetual, due or not. Raises Market.DoesNotExist."""
    market = Market.objects.get(id=market_id)
    return _sync(market.exchange_id, [market], now=now)


def _sync(exchange: str, markets: list[Market], *, now: datetime) -> FundingsReport:
    row = Exchange.objects.filter(id=exchange, enabled=True).first()
    if row is None or row.markets_loaded_at is None or not guard.breaker(exchange).allow():
        return FundingsReport(exchange, reason=f"{exchange} is not asked now")
    if not markets:
        return FundingsReport(exchange)
    done: list[_Read] = []
    reason = ""
    try:
        adapter = registry.adapter(exchange, gateway=settings.SANDBOX_URL)
        for read in _read_all(adapter, markets, markets_from=clock.to_ms(row.markets_loaded_at), now=now):
            done.append(read)  # noqa: PERF402  (what was read before an error counts)
    except ArbEdgeError as error:
        reason = error.message
        if error.code != "not_supported":
            guard.failure_note(exchange, error)
            logger.warning("Settled fundings of %s not read on: %s", exchange, reason)
    changed = tuple(read.market.id for read in done if read.is_changed)
    if changed:
        logger.info("%s settles %d perpetuals at another interval than before", exchange, len(changed))
        # Rates that were read with the old interval are refused.
        Exchange.objects.filter(id=exchange).update(market_version=F("market_version") + 1)
    return FundingsReport(exchange, len(done), sum(read.rows for read in done), changed, reason)


def markets_due(exchange: str, *, now: datetime) -> QuerySet[Market]:
    """The monitored perpetuals of an exchange whose settled fundings should be read, most urgent first."""
    is_known = Case(
        When(settled_interval_hours__isnull=False, then=Value(True)), default=Value(False), output_field=BooleanField()
    )
    return Market.objects.filter(
        Q(settled_checked_at=None) | Q(settled_checked_at__lte=now - READ_EVERY),
        exchange=exchange,
        type__in=(MarketType.SWAP, MarketType.INVERSE),
        active=True,
        monitored=True,
    ).order_by(is_known, F("settled_checked_at").asc(nulls_first=True), F("rank").asc(nulls_last=True), "id")


def fundings_prune(*, now: datetime) -> int:
    """Delete settled fundings older than FUNDING_HISTORY_DAYS, a bounded number at once; how many."""
    before = now - timedelta(days=settings.FUNDING_HISTORY_DAYS)
    count = 0
    while True:
        old = SettledFunding.objects.filter(settled_at__lt=before).order_by().values_list("id", flat=True)
        ids = list(old[:_DELETE_AT_ONCE])
        for start in range(0, len(ids), 500):
            SettledFunding.objects.filter(id__in=ids[start : start + 500]).delete()
        count += len(ids)
        if len(ids) < _DELETE_AT_ONCE:
            return count


def _read_all(adapter: ExchangeAdapter, markets: list[Market], *, markets_from: int, now: datetime) -> Iterator[_Read]:
    """What is written of each market, one after the other; ends when the time is up, raises what isn't about one."""
    give_up = time.monotonic() + RUN_S
    for market in markets:
        if time.monotonic() > give_up:
            logger.info("Settled fundings of %s: the rest is left to the next run", market.exchange_id)
            return
        call = adapter.settled(market.symbol, since=_since(market), markets_from=markets_from)
        try:
            settled = loop.run(call, timeout=CALL_DEADLINE_S).value
        except PermanentError as error:
            if error.code == "not_supported" or guard.asks_for_pause(error):
                raise
            # About this market alone (delisted a moment ago, none of this kind): it is asked again in its turn.
            logger.info("Settled fundings of %s not read: %s", market, error.message)
            Market.objects.filter(id=market.id).update(settled_checked_at=now)
            continue
        guard.breaker(market.exchange_id).success()
        yield _written(market, settled, now=now)


def _since(market: Market) -> int | None:
    newest = SettledFunding.objects.filter(market=market).order_by("-settled_at").first()
    return None if newest is None else clock.to_ms(newest.settled_at) + 1


def _written(market: Market, settled: SettledColumns, *, now: datetime) -> _Read:
    """Add what is believable and not too old, and keep the interval that the newest settlements tell."""
    rows = [
        SettledFunding(market=market, settled_at=clock.from_ms(moment), rate=rate)
        for moment, rate in zip(*_believable(settled, now=now), strict=True)
    ]
    with transaction.atomic():
        SettledFunding.objects.bulk_create(rows, batch_size=500, ignore_conflicts=True)
        hours = interval_settled(_newest(market))
        Market.objects.filter(id=market.id).update(settled_interval_hours=hours, settled_checked_at=now)
    return _Read(market, len(rows), hours)


def _believable(settled: SettledColumns, *, now: datetime) -> tuple[list[int], list[float]]:
    oldest = clock.to_ms(now - timedelta(days=settings.FUNDING_HISTORY_DAYS))
    moment, rate = settled.settled_at, settled.rate
    # A comparison with NaN is False.
    good = (np.abs(rate) < ABSURD_RATE) & (moment >= oldest) & (moment <= clock.to_ms(now) + LATE_MS)
    return moment[good].tolist(), rate[good].tolist()


def _newest(market: Market) -> Int64s:
    moments = SettledFunding.objects.filter(market=market).order_by("-settled_at").values_list("settled_at", flat=True)
    return np.array([clock.to_ms(moment) for moment in moments[: RECENT + 1]][::-1], dtype=np.int64)
