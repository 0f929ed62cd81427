"""Order books: bounded, side by side, in base units; what failed says why and the rest is there."""

import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from apps.core import events, redis
from apps.markets import selectors, services
from apps.markets.events import BooksStored
from apps.markets.models import Exchange, Market
from apps.markets.services import books as books_service
from apps.markets.services import guard
from tests.markets.wire import BINANCE, OKX, Wire, binance_info, binance_symbol, okx, okx_instrument

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_state")]

DEPTH = f"{BINANCE}/depth"
GOOD = {"lastUpdateId": 1, "bids": [["99", "1"], ["98", "2"]], "asks": [["101", "3"], ["102", "4"]]}


def ids() -> list[int]:
    return list(Market.objects.order_by("id").values_list("id", flat=True))


def _fetch_and_leave(market_ids: list[int]) -> services.BooksReport:
    """For a thread: its own connection to the database is closed behind it."""
    try:
        return services.books_fetch(market_ids=market_ids)
    finally:
        connection.close()


@pytest.fixture
def ready(binance: Wire) -> Wire:
    """Binance with its markets loaded and a good book for all of them."""
    binance.say(DEPTH, GOOD)
    services.exchanges_setup()
    services.exchange_sync_markets(exchange="binance")
    return binance


def test_books_are_stored_exactly_and_announced(
    ready: Wire, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    heard: list[BooksStored] = []
    hear = heard.append
    events.subscribe(BooksStored, hear)
    with django_capture_on_commit_callbacks(execute=True):
        report = services.books_fetch(market_ids=ids())
    events.unsubscribe(BooksStored, hear)
    assert sorted(report.stored) == ids()
    assert report.failed == {}
    book = selectors.books_latest(ids())[ids()[0]]
    assert book.bids == ((Decimal(99), Decimal(1)), (Decimal(98), Decimal(2)))
    assert book.asks[0] == (Decimal(101), Decimal(3))
    assert abs(book.exchange_ts - book.received_at) < 3000
    assert sorted(market_id for event in heard for market_id in event.market_ids) == ids()


def test_a_new_book_is_announced_but_not_asked_for_again(
    ready: Wire, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    services.books_fetch(market_ids=ids())
    asked = ready.count(DEPTH)
    heard: list[BooksStored] = []
    hear = heard.append
    events.subscribe(BooksStored, hear)
    with django_capture_on_commit_callbacks(execute=True):
        report = services.books_fetch(market_ids=ids())
    events.unsubscribe(BooksStored, hear)
    assert (report.stored, sorted(report.fresh)) == ((), ids())
    assert ready.count(DEPTH) == asked
    assert sorted(market_id for event in heard for market_id in event.market_ids) == ids()


@pytest.mark.django_db(transaction=True)
def test_two_at_once_ask_for_a_book_once(ready: Wire) -> None:
    ready.say(DEPTH, GOOD, delay=0.5)
    with ThreadPoolExecutor(2) as pool:
        reports = list(pool.map(_fetch_and_leave, [ids()[:1]] * 2))
    assert [report.stored for report in reports] == [tuple(ids()[:1])] * 2
    assert ready.count(DEPTH) == 1


def test_a_slow_exchange_delays_only_its_own_books(
    ready: Wire, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    ready.say(f"{DEPTH}?symbol=SOLUSDT&limit=50", GOOD, delay=1)
    heard: list[BooksStored] = []
    hear = heard.append
    events.subscribe(BooksStored, hear)
    with django_capture_on_commit_callbacks(execute=True):
        services.books_fetch(market_ids=ids())
    events.unsubscribe(BooksStored, hear)
    late = Market.objects.get(base="SOL").id
    assert sorted(heard[0].market_ids) == sorted(set(ids()) - {late})
    assert heard[-1].market_ids == (late,)


def test_a_book_counts_for_two_seconds_and_can_be_seen_for_longer(ready: Wire) -> None:
    services.books_fetch(market_ids=ids()[:1])
    assert selectors.books_latest(ids()[:1], max_age_ms=-1) == {}
    assert len(selectors.books_latest(ids()[:1], max_age_ms=60_000)) == 1
    assert 2 < redis.cache().ttl(f"markets:book:{ids()[0]}") <= 15


@pytest.mark.parametrize(
    ("book", "reason"),
    [
        (GOOD | {"bids": []}, "one side"),
        (GOOD | {"bids": [["102", "1"]]}, "crossed"),
        (GOOD | {"bids": [["NaN", "1"]]}, "unreadable"),
        (GOOD | {"bids": [["-5", "1"]]}, "unreadable"),
        (GOOD | {"asks": [["101", "0"]]}, "one side"),
        ({"code": -1121, "msg": "Invalid symbol."}, "symbol"),
    ],
)
def test_a_bad_book_is_refused_with_the_reason_and_the_others_stay(ready: Wire, book: Any, reason: str) -> None:
    ready.say(f"{DEPTH}?symbol=ETHUSDT&limit=50", book)
    report = services.books_fetch(market_ids=ids())
    bad = Market.objects.get(base="ETH").id
    assert set(report.failed) == {bad}
    assert reason in report.failed[bad]
    assert set(report.stored) == set(ids()) - {bad}
    assert bad not in selectors.books_latest(ids())


def test_what_does_not_come_in_time_is_left_out(ready: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    services.books_fetch(market_ids=ids()[:1])
    monkeypatch.setattr(books_service, "DEADLINE_S", 1.5)
    ready.say(f"{DEPTH}?symbol=SOLUSDT&limit=50", GOOD, delay=4)
    report = services.books_fetch(market_ids=ids())
    late = Market.objects.get(base="SOL").id
    assert report.failed == {late: "no book within 1.5 s"}
    assert (len(report.stored), len(report.fresh)) == (1, 1)


def test_at_most_twenty_of_an_exchange(binance: Wire) -> None:
    binance.say(DEPTH, GOOD)
    symbols = [binance_symbol(f"C{number}X") for number in range(25)]
    binance.say(f"{BINANCE}/exchangeInfo", binance_info(*symbols))
    services.exchanges_setup()
    services.exchange_sync_markets(exchange="binance")
    report = services.books_fetch(market_ids=ids())
    assert sorted(report.stored) == ids()[:20]
    assert binance.count(DEPTH) == 20
    assert all("more than 20" in reason for reason in report.failed.values())


def test_unknown_delisted_and_disabled_markets_are_not_asked_for(ready: Wire) -> None:
    first = ids()[0]
    Market.objects.filter(id=first).update(active=False)
    report = services.books_fetch(market_ids=[first, 999_999])
    assert set(report.failed) == {first, 999_999}
    Exchange.objects.update(enabled=False)
    assert services.books_fetch(market_ids=ids()).stored == ()
    assert ready.count(DEPTH) == 0


def test_a_throttle_closes_the_exchange_for_all(ready: Wire) -> None:
    ready.say(f"{DEPTH}?symbol=ETHUSDT&limit=50", b"", status=429, headers={"Retry-After": "50"})
    report = services.books_fetch(market_ids=ids())
    assert len(report.stored) == 2
    assert guard.breaker("binance").retry_in() > 40
    asked = len(ready.asked)
    (reason,) = services.books_fetch(market_ids=ids()).failed.values()
    assert "left alone" in reason
    assert len(ready.asked) == asked


def test_perpetual_sizes_are_in_base_units(wire: Wire, settings: Settings) -> None:
    settings.EXCHANGES = ["okx"]
    wire.say(f"{OKX}/public/instruments?instType=SPOT", okx())
    wire.say(f"{OKX}/public/instruments?instType=SWAP", okx(okx_instrument("BTC-USDT-SWAP", "SWAP")))
    services.exchanges_setup()
    services.exchange_sync_markets(exchange="okx")
    now = Market.objects.get().last_seen_at.timestamp() * 1000
    book = {"bids": [["99.5", "300", "0", "1"]], "asks": [["100", "7", "0", "1"]], "ts": str(int(now))}
    wire.say(f"{OKX}/market/books", okx(book))
    services.books_fetch(market_ids=ids())
    found = selectors.books_latest(ids())[ids()[0]]
    assert found.bids == ((Decimal("99.5"), Decimal(3)),)
    assert found.asks == ((Decimal(100), Decimal("0.07")),)


@pytest.mark.parametrize(("seconds", "reason"), [(-20, "the book is stale"), (20, "the book is from the future")])
def test_a_book_of_another_time_is_refused(ready: Wire, seconds: int, reason: str) -> None:
    ready.say(DEPTH, GOOD, date=time.time() + seconds)
    report = services.books_fetch(market_ids=ids()[:1])
    assert report.failed == {ids()[0]: reason}
    # Where the exchange's clock is known to be off by as much, the book is of now.
    Exchange.objects.update(clock_offset_ms=seconds * 1000)
    assert services.books_fetch(market_ids=ids()[:1]).stored == (ids()[0],)
