"""Market metadata of an exchange: what it lists, with fees, sizes and limits."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Context, Decimal
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import F

from apps.core import clock, loop, queue, redis
from apps.core.exceptions import ArbEdgeError, OperatorError, TemporaryError
from apps.markets import selectors
from apps.markets.enums import ExchangeStatus, FeedState, SnapshotKind
from apps.markets.exchanges import registry
from apps.markets.exchanges.columns import MarketSpec
from apps.markets.instruments import NameRules
from apps.markets.models import Exchange, Feed, Market
from apps.markets.services import guard
from apps.markets.services.feeds import SYNC_TASK, Outcome, feed_note, feed_ring

logger = logging.getLogger(__name__)

DEADLINE_S: Final = 45.0
# A list that shrank to less than half is asked for again after so long; doubts further apart are two matters.
_LOOK_AGAIN_S: Final = 60.0
_DOUBT_TTL_S: Final = 2 * 3600
_STATUS: Final = {"restricted": ExchangeStatus.RESTRICTED, "maintenance": ExchangeStatus.MAINTENANCE}
# What an exchange tells of a market: all of it is written when any of it differs.
_TOLD: Final = (
    "type",
    "base",
    "quote",
    "settle",
    "instrument",
    "multiplier",
    "contract_size",
    "taker_fee",
    "maker_fee",
    "amount_step",
    "min_amount",
    "min_notional",
    "price_step",
    "max_leverage",
    "active",
)
_QUANTUM: Final = Decimal("1e-18")
# 36 digits, as the column; the default context stops at 28.
_WIDE: Final = Context(prec=40)


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What a sync found: active markets, and how many rows it created, changed and took out."""

    exchange: str
    active: int
    created: int
    changed: int
    delisted: int


def exchange_sync_markets(*, exchange: str) -> SyncReport:
    """Load the exchange's markets and write what changed; the market version goes up if anything did.

    Raises core errors, after writing the reason to the exchange's row: OperatorError for an id that ccxt does not know,
    TemporaryError for an empty answer (which never delists everything). An answer that lacks more than half of the
    active markets is believed only when a second one, a minute later, lacks as many: until then they stay."""
    # The moment before asking: a client whose markets are from then or later has nothing to load again.
    began = clock.now()
    try:
        adapter = registry.adapter(exchange, gateway=settings.SANDBOX_URL)
        specs = loop.run(adapter.markets(), timeout=DEADLINE_S)
        if not specs:
            raise TemporaryError(f"{exchange} lists no market at all", code="bad_response")
    except ArbEdgeError as error:
        _failed(exchange, error)
        raise
    guard.breaker(exchange).success()
    doubt = _doubt(exchange, specs)
    if doubt:
        logger.warning("%s: %s", exchange, doubt)
    report = _write(exchange, specs, doubt=doubt, now=began)
    _feeds_match(exchange, adapter.able.kinds, now=began)
    logger.info(
        "%s: %d active markets (%d new, %d changed, %d delisted)",
        exchange,
        report.active,
        report.created,
        report.changed,
        report.delisted,
    )
    for kind in adapter.able.kinds:
        # Snapshots made with the old markets are refused: read anew at once.
        feed_ring(exchange, kind)
    return report


def _doubt(exchange: str, specs: Sequence[MarketSpec]) -> str:
    """Why an answer is not believed in what it no longer lists: "" where it is. A second look is rung.

    What it does list and calls halted is believed: only what is missing may be missing by mistake."""
    listed = {spec.symbol for spec in specs}
    known = list(Market.objects.filter(exchange=exchange, active=True).values_list("symbol", flat=True))
    lost = sum(1 for symbol in known if symbol not in listed)
    if lost * 2 <= len(known):
        _remembered(exchange, doubted=False)
        return ""
    if _remembered(exchange, doubted=True):
        return ""
    queue.ring(SYNC_TASK, key=f"{exchange}:again", countdown=_LOOK_AGAIN_S, kwargs={"exchange": exchange})
    return f"{lost} of {len(known)} active markets are gone from the list all at once: kept until a second look agrees"


def _remembered(exchange: str, *, doubted: bool) -> bool:
    """Whether the answer before this one was doubted too; a second doubt ends the matter. Nothing is remembered, and so
    nothing believed, while Redis is away."""
    key = f"markets:lost:{exchange}"
    try:
        if doubted and redis.state().set(key, b"1", nx=True, ex=_DOUBT_TTL_S):
            return False
        redis.state().delete(key)
    except redis.Error as error:
        logger.warning("Doubts about %s's markets not remembered, Redis is away: %s", exchange, error)
        return False
    return doubted


def _write(exchange: str, specs: Sequence[MarketSpec], *, doubt: str, now: datetime) -> SyncReport:
    rules = selectors.name_rules(exchange)
    listed = {spec.base for spec in specs}
    kept = (spec for spec in specs if not rules.leaves_out(spec.base, listed, is_stock=spec.is_stock))
    told = {spec.symbol: _values(spec, rules) for spec in kept}
    with transaction.atomic():
        existing = {market.symbol: market for market in Market.objects.filter(exchange=exchange)}
        created = [
            Market(exchange_id=exchange, symbol=symbol, first_seen_at=now, last_seen_at=now, **values)
            for symbol, values in told.items()
            if symbol not in existing
        ]
        changed = [
            _updated(market, told[symbol])
            for symbol, market in existing.items()
            if symbol in told and _differs(market, told[symbol])
        ]
        unlisted = {symbol for symbol in existing if symbol not in told}
        if doubt:
            # What the rules leave out was listed, so nothing about it is doubtful.
            unlisted &= {spec.symbol for spec in specs}
        gone = [existing[symbol].id for symbol in sorted(unlisted) if existing[symbol].active]
        Market.objects.bulk_create(created, batch_size=500)
        Market.objects.bulk_update(changed, _TOLD, batch_size=100)
        for start in range(0, len(gone), 500):
            Market.objects.filter(id__in=gone[start : start + 500]).update(active=False)
        Market.objects.filter(exchange=exchange, active=True).update(last_seen_at=now)
        row = Exchange.objects.filter(id=exchange)
        row.update(markets_loaded_at=now, status=ExchangeStatus.OK, status_reason=doubt)
        if created or changed or gone:
            row.update(market_version=F("market_version") + 1)
    active = sum(1 for values in told.values() if values["active"])
    return SyncReport(exchange, active, len(created), len(changed), len(gone))


def _values(spec: MarketSpec, rules: NameRules) -> dict[str, Any]:
    identity = rules.identity(spec.base)
    return {
        "type": spec.type,
        "base": spec.base,
        "quote": spec.quote,
        "settle": spec.settle,
        "instrument": identity.instrument,
        "multiplier": identity.multiplier,
        "contract_size": _stored(spec.contract_size) or Decimal(1),
        "taker_fee": _fraction(spec.taker_fee),
        "maker_fee": _fraction(spec.maker_fee),
        "amount_step": _stored(spec.amount_step),
        "min_amount": _stored(spec.min_amount),
        "min_notional": _stored(spec.min_notional),
        "price_step": _stored(spec.price_step),
        "max_leverage": None if spec.max_leverage is None else spec.max_leverage.quantize(Decimal("0.01")),
        "active": spec.active,
    }


def _fraction(fee: Decimal | None) -> Decimal | None:
    return None if fee is None else fee.quantize(Decimal("1e-8"))


def _stored(value: Decimal | None) -> Decimal | None:
    """As the column keeps it; a step below its last digit is unknown rather than zero."""
    if value is None:
        return None
    return value.quantize(_QUANTUM, context=_WIDE) or None


def _differs(market: Market, values: dict[str, Any]) -> bool:
    return any(getattr(market, name) != values[name] for name in _TOLD)


def _updated(market: Market, values: dict[str, Any]) -> Market:
    for name in _TOLD:
        setattr(market, name, values[name])
    return market


def _feeds_match(exchange: str, kinds: tuple[SnapshotKind, ...], *, now: datetime) -> None:
    """Switch off the feeds that were expected of an unlisted exchange and which it does not have, and those that nobody
    without a key is given; wake those it has."""
    for feed in Feed.objects.filter(exchange=exchange).select_related("exchange"):
        trouble = selectors.feed_key_trouble(feed.exchange, SnapshotKind(feed.kind))
        if feed.kind not in kinds:
            outcome = Outcome(FeedState.DISABLED, f"{exchange} gives no {feed.kind} data in bulk")
        elif trouble:
            outcome = Outcome(FeedState.DISABLED, trouble)
        elif feed.state == FeedState.DISABLED:
            outcome = Outcome(FeedState.NEW)
        else:
            continue
        feed_note(exchange=exchange, kind=SnapshotKind(feed.kind), outcome=outcome, now=now)


def _failed(exchange: str, error: ArbEdgeError) -> None:
    unknown = isinstance(error, OperatorError)
    if not unknown:
        guard.failure_note(exchange, error)
    status = ExchangeStatus.UNKNOWN if unknown else _STATUS.get(error.code, ExchangeStatus.ERROR)
    Exchange.objects.filter(id=exchange).update(status=status, status_reason=error.message[:500])
    if unknown:
        outcome = Outcome(FeedState.DISABLED, error.message)
        for feed in Feed.objects.filter(exchange=exchange):
            feed_note(exchange=exchange, kind=SnapshotKind(feed.kind), outcome=outcome, now=clock.now())
