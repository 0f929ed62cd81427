"""Every read of the markets room."""

import threading
import time
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from django.conf import settings
from django.db.models import QuerySet

from apps.core import clock
from apps.markets import store
from apps.markets.enums import FeedState, MarketType, SnapshotKind
from apps.markets.models import Exchange, Feed, Market
from apps.markets.table import TABLE_FIELDS, index_build, table_build
from apps.markets.types import FeedStatus, FundingRates, Latest, MarketFacts, MarketTable, OrderBook, Quotes
from apps.markets.validate import MarketIndex

# An operator's edit of a row (a fee) counts after this long at most, without a new version.
CACHED_S = 15.0
# A feed that claims to be fine but has had no good answer for this long is not being polled.
UNPOLLED_S = 60.0

_lock = threading.Lock()
_tables: dict[int, tuple[float, MarketTable]] = {}
_indexes: dict[tuple[str, MarketType], tuple[float, MarketIndex]] = {}


def market_table() -> MarketTable:
    """All active markets of usable exchanges; kept in the process until an exchange's markets change."""
    version = _table_version(_versions())
    with _lock:
        made_at, table = _tables.get(version, (0.0, None))
        if table is None or time.monotonic() - made_at > CACHED_S:
            rows = Market.objects.filter(active=True, exchange__in=_usable().values("id")).order_by("id")
            table = table_build(version, list(rows.values_list(*TABLE_FIELDS)))
            _tables.clear()
            _tables[version] = (time.monotonic(), table)
        return table


def market_index(exchange: str, market_type: MarketType) -> MarketIndex:
    """The active markets of one exchange and type, for reading its answers; kept until its markets change."""
    version = Exchange.objects.filter(id=exchange).values_list("market_version", flat=True).first() or 0
    with _lock:
        made_at, index = _indexes.get((exchange, market_type), (0.0, None))
        if index is None or index.version != version or time.monotonic() - made_at > CACHED_S:
            rows = Market.objects.filter(exchange=exchange, type=market_type, active=True).order_by("id")
            index = index_build(version, list(rows.values_list("id", "symbol", "contract_size")))
            _indexes[exchange, market_type] = (time.monotonic(), index)
        return index


def caches_forget() -> None:
    """Forget what this process keeps of the market rows (they were replaced behind its back: tests, a restore)."""
    with _lock:
        _tables.clear()
        _indexes.clear()


def snapshots_latest(*, now_ms: int) -> Latest:
    """The usable newest snapshots: of enabled exchanges, made with today's markets, not older than the settings allow.

    Their `market_version` is set to that of `market_table()`. A refused feed has no snapshot in the store."""
    versions = _versions()
    table_version = _table_version(versions)
    found = store.snapshots_all([(exchange, kind) for exchange in versions for kind in SnapshotKind])
    latest = Latest()
    lists: Mapping[SnapshotKind, list[Quotes] | list[FundingRates]] = {
        SnapshotKind.SPOT: latest.spot,
        SnapshotKind.SWAP: latest.swap,
        SnapshotKind.FUNDING: latest.funding,
    }
    for snapshot in found:
        # What is from the future was stored before our clock was set back: nobody knows how old it is.
        fresh = abs(now_ms - snapshot.received_at) <= max_age_ms(snapshot.kind)
        if fresh and snapshot.market_version == versions[snapshot.exchange]:
            lists[snapshot.kind].append(replace(snapshot, market_version=table_version))  # type: ignore[arg-type]
    return latest


def max_age_ms(kind: SnapshotKind) -> int:
    """How old data of this kind may be, in ms."""
    seconds = settings.MAX_FUNDING_AGE_S if kind is SnapshotKind.FUNDING else settings.MAX_QUOTE_AGE_S
    return round(seconds * 1000)


def books_latest(market_ids: Sequence[int], *, max_age_ms: int = 2000) -> dict[int, OrderBook]:
    """The stored order books of these markets that are at most so old, by market id."""
    now_ms = clock.now_ms()
    found = store.books_latest(market_ids)
    return {key: book for key, book in found.items() if abs(now_ms - book.received_at) <= max_age_ms}


def feeds_status() -> list[FeedStatus]:
    """How each configured feed is, exchange by exchange; a feed that claims to be fine but is not polled is stale."""
    now = clock.now()
    answer = []
    for feed in Feed.objects.filter(exchange__in=settings.EXCHANGES).select_related("exchange"):
        age_s = (now - feed.last_ok_at).total_seconds() if feed.last_ok_at else None
        state, reason = FeedState(feed.state), feed.reason
        if not feed.exchange.enabled:
            state, reason = FeedState.DISABLED, "switched off by an operator"
        elif state is FeedState.OK and age_s is not None and age_s > max(UNPOLLED_S, 2 * settings.POLL_SECONDS):
            state, reason = FeedState.STALE, f"no answer for {age_s:.0f} s: is the market worker running?"
        answer.append(
            FeedStatus(
                exchange=feed.exchange_id,
                kind=SnapshotKind(feed.kind),
                state=state,
                reason=reason,
                since=feed.since,
                last_ok_at=feed.last_ok_at,
                age_s=age_s,
                rows=feed.last_rows,
                refused=feed.last_refused,
                latency_ms=feed.latency_ms,
            )
        )
    return answer


def exchanges_all() -> list[Exchange]:
    """Every exchange row with its feeds, by id."""
    return list(Exchange.objects.prefetch_related("feeds").order_by("id"))


def market_get(ids: Iterable[int]) -> dict[int, MarketFacts]:
    """These markets by id, active or not; unknown ids are left out."""
    return {market.id: _facts(market) for market in Market.objects.filter(id__in=set(ids))}


def _facts(market: Market) -> MarketFacts:
    return MarketFacts(
        id=market.id,
        exchange=market.exchange_id,
        symbol=market.symbol,
        type=MarketType(market.type),
        base=market.base,
        quote=market.quote,
        settle=market.settle,
        instrument=market.instrument,
        multiplier=market.multiplier,
        contract_size=market.contract_size,
        taker_fee=market.fee,
        amount_step=market.amount_step,
        min_amount=market.min_amount,
        min_notional=market.min_notional,
        price_step=market.price_step,
        max_leverage=market.max_leverage,
        active=market.active,
    )


def _usable() -> QuerySet[Exchange]:
    return Exchange.objects.filter(enabled=True, id__in=settings.EXCHANGES)


def _versions() -> dict[str, int]:
    return dict(_usable().order_by("id").values_list("id", "market_version"))


def _table_version(versions: Mapping[str, int]) -> int:
    # Any exchange coming, going or changing makes another table.
    return zlib.crc32(repr(sorted(versions.items())).encode())
