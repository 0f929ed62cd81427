"""CPU of one whole look at the market: stored snapshots loaded, scanned for every kind, the best 50 priced on the order
books in the cache, rows written. 12 exchanges x 2,000 instruments, spot and perpetual."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

from django.conf import settings
from django.core.management import call_command

from apps.core import clock, redis
from apps.markets import store
from apps.markets.enums import MarketType
from apps.markets.models import Exchange, Market
from apps.markets.selectors import caches_forget, market_table, tables
from apps.markets.types import FundingRates, Latest, OrderBook, Snapshot
from apps.opportunities import services
from apps.opportunities.models import Opportunity
from apps.opportunities.services.detect import PRICED_PER_SCAN
from apps.opportunities.strategies.graph import cycle_graph
from apps.opportunities.view import market_view
from tests.opportunities.bench import market_of
from tests.opportunities.factories import NOW_MS, Listing, latest_of

T = TypeVar("T")

EXCHANGES, INSTRUMENTS = 12, 2000
ROUNDS = 8
LEVELS = 20
MOST_MS = 100.0


def figures() -> Iterator[dict[str, Any]]:
    """Two figures, each the median round: all the best are new (50 rows opened, priced with their profit curves and
    activated), or all have been seen before. Each counts `detect`, `price`, and `table`: its share of making the table
    of all 48,000 markets anew, which is done after `TABLE_CACHED_S`, as if nothing but one look per poll shared it. The
    control is the promise."""
    call_command("migrate", verbosity=0)
    for client in (redis.state(), redis.cache()):
        client.flushdb()
    listings = market_of(EXCHANGES, INSTRUMENTS)
    ids = _rows(listings)
    table = _table_ms()
    rounds: dict[str, list[tuple[float, float]]] = {"all new": [], "all seen before": []}
    for _ in range(ROUNDS):
        Opportunity.objects.all().delete()
        for taken in rounds.values():
            _quote(listings, ids)
            now = clock.now()
            detected, _ = _cpu_ms(partial(services.detect, now=now))
            asked = [market_id for row in Opportunity.objects.all() for market_id in row.market_ids]
            _books(listings, ids, asked)
            now = clock.now()
            priced, run = _cpu_ms(partial(services.price, market_ids=asked, now=now))
            # On a busy machine books may be too old by now: such a round priced nothing and counts for nothing.
            if run.activated + run.updated == PRICED_PER_SCAN:
                taken.append((detected, priced))
    for which, taken in rounds.items():
        if not taken:
            raise AssertionError(f"no round priced its {PRICED_PER_SCAN} rows ({which})")
        detected, priced = sorted(taken, key=sum)[len(taken) // 2]
        shared = table * settings.POLL_SECONDS / tables.TABLE_CACHED_S
        value = detected + priced + shared
        yield {
            "bench": "detect_task",
            "rows": which,
            "value": round(value, 1),
            "unit": "ms",
            "control": MOST_MS,
            "ratio": round(value / MOST_MS, 2),
            "detect": round(detected, 1),
            "price": round(priced, 1),
            "table": round(shared, 1),
            "whole_table": round(table, 1),
            "rounds": len(taken),
            "ok": value < MOST_MS,
        }


def _table_ms() -> float:
    """Milliseconds to make the table and what hangs on it anew, the faster of two."""

    def anew() -> None:
        caches_forget()
        table = market_table()
        view = market_view(table, Latest(), now_ms=0, max_age_ms=0, max_funding_age_ms=0)
        cycle_graph(table, view.layout)

    return min(_cpu_ms(anew)[0] for _ in range(2))


def _cpu_ms(work: Callable[[], T]) -> tuple[float, T]:
    begun = time.process_time()
    result = work()
    return (time.process_time() - begun) * 1000, result


def _rows(listings: list[Listing]) -> dict[int, int]:
    """Market rows; their ids by place in the list, from 1."""
    names = sorted({one.exchange for one in listings})
    settings.EXCHANGES = names
    Exchange.objects.bulk_create(Exchange(id=name, name=name, market_version=1) for name in names)
    rows = Market.objects.bulk_create(
        [
            Market(
                exchange_id=one.exchange,
                symbol=one.symbol,
                type=MarketType.SWAP if one.swap else MarketType.SPOT,
                base=one.instrument,
                quote=one.quote,
                settle=one.quote if one.swap else "",
                instrument=one.instrument,
                multiplier=1,
                taker_fee=Decimal(str(one.fee)),
                amount_step=Decimal("0.0001"),
                min_notional=Decimal(5),
            )
            for one in listings
        ],
        batch_size=500,
    )
    return {at: row.pk for at, row in enumerate(rows, start=1)}


def _quote(listings: list[Listing], ids: dict[int, int]) -> None:
    """Snapshots of now as ingestion stores them."""
    latest = latest_of(listings)
    now_ms = clock.now_ms()
    snapshots: list[Snapshot] = [*latest.spot, *latest.swap, *latest.funding]
    for snapshot in snapshots:
        facts: dict[str, Any] = {"received_at": now_ms - 100, "market_id": snapshot.market_id.copy()}
        for row, at in enumerate(snapshot.market_id.tolist()):
            facts["market_id"][row] = ids[at]
        facts["exchange_ts"] = snapshot.exchange_ts - NOW_MS + now_ms
        if isinstance(snapshot, FundingRates):
            facts["next_funding_at"] = snapshot.next_funding_at - NOW_MS + now_ms
        store.snapshot_put(replace(snapshot, **facts))


def _books(listings: list[Listing], ids: dict[int, int], wanted: list[int]) -> None:
    """Order books of the wanted markets, 20 levels a side."""
    at = {market_id: place for place, market_id in ids.items()}
    received_at = clock.now_ms()
    books = []
    for market_id in dict.fromkeys(wanted):
        one = listings[at[market_id] - 1]
        bids, asks = (
            tuple(
                (Decimal(f"{price * (1 + side * level * 1e-4):.8g}"), Decimal(f"{100 / price:.6g}"))
                for level in range(LEVELS)
            )
            for price, side in ((one.bid, -1), (one.ask, 1))
        )
        books.append(OrderBook(market_id, bids, asks, received_at, received_at))
    store.books_put(books)
