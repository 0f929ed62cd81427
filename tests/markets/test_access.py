"""Reading market data: what is nearest and fresh enough answers; only market workers ask the exchange."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from apps.core import clock, queue, redis
from apps.core.exceptions import PermanentError, TemporaryError
from apps.markets import access, archive, services, store, tasks
from apps.markets.access import Answer, Pending
from apps.markets.access.kinds.snapshots import TickersQuery
from apps.markets.archive import intake
from apps.markets.enums import DataSource, SnapshotKind, SnapshotOrigin
from apps.markets.health import reads_probe
from apps.markets.models import Exchange, Market
from tests.markets.wire import BINANCE, Wire, binance_ticker

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_state")]

SPOT = SnapshotKind.SPOT
TICKERS = f"{BINANCE}/ticker/24hr"
DEPTH = f"{BINANCE}/depth"


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """What was rung instead of a worker, with its arguments."""
    found: list[tuple[str, dict[str, Any]]] = []

    def ring(task: str, **options: Any) -> bool:
        found.append((task, options))
        return True

    monkeypatch.setattr(queue, "ring", ring)
    return found


@pytest.fixture
def ready(binance: Wire, rung: list[tuple[str, dict[str, Any]]]) -> Wire:
    """Binance with its markets loaded and nothing read yet."""
    services.exchanges_setup()
    services.exchange_sync_markets(exchange="binance")
    rung.clear()
    binance.asked.clear()
    return binance


def answered(outcome: Any) -> Answer[Any]:
    assert isinstance(outcome, Answer), outcome
    return outcome


def test_what_nobody_has_is_rung_for_and_brought_by_a_worker(ready: Wire, rung: list[Any]) -> None:
    pending = access.tickers("binance", SPOT)
    assert pending == Pending(retry_after=1.0, newest_age_ms=None, rung=True)
    assert ready.asked == []
    ((task, options),) = rung
    assert (task, options["queue"]) == ("apps.markets.tasks.fetch", "market.quotes")
    tasks.fetch(**options["kwargs"])
    assert ready.count(TICKERS) == 1
    answer = answered(access.tickers("binance", SPOT, symbols=("ETH/USDT",)))
    (ticker,) = answer.value
    assert (ticker.symbol, ticker.bid, ticker.ask, ticker.bid_size) == ("ETH/USDT", 99.0, 101.0, 2.0)
    assert answer.source is DataSource.REDIS
    assert 0 <= answer.age_ms < 5000
    assert clock.now_ms() - answer.received_at_ms >= answer.age_ms


def test_a_worker_that_asks_says_that_it_did_and_then_not_again(ready: Wire) -> None:
    query = TickersQuery("binance", "spot")
    assert answered(access.obtain(query)).source is DataSource.API
    assert answered(access.obtain(query)).source is DataSource.REDIS
    assert ready.count(TICKERS) == 1
    (counts,) = access.access_counts()
    assert (counts.kind, counts.hits, counts.misses, counts.upstream) == ("tickers", 1, 1, 1)
    assert counts.by_source == {"redis": 1}
    assert counts.hit_rate == 0.5
    assert reads_probe().details["tickers"]["upstream"] == 1


def test_what_came_by_stream_says_so(ready: Wire) -> None:
    services.ingest(exchange="binance", kind=SPOT)
    snapshot = store.snapshot_latest("binance", SPOT)
    assert snapshot is not None
    store.snapshot_put(replace(snapshot, origin=SnapshotOrigin.STREAM))
    assert answered(access.tickers("binance", SPOT)).source is DataSource.STREAM


def test_what_is_too_old_is_not_given_unless_the_reader_says_so(ready: Wire, rung: list[Any]) -> None:
    services.ingest(exchange="binance", kind=SPOT)
    snapshot = store.snapshot_latest("binance", SPOT)
    assert snapshot is not None
    redis.cache().flushdb()
    store.mirror.forget()
    store.snapshot_put(replace(snapshot, received_at=snapshot.received_at - 20_000))
    pending = access.tickers("binance", SPOT)
    assert isinstance(pending, Pending)
    assert 20_000 <= (pending.newest_age_ms or 0) < 25_000
    answer = answered(access.tickers("binance", SPOT, max_age_s=60))
    assert 20_000 <= answer.age_ms < 25_000


def test_a_vain_attempt_is_told_to_readers_and_not_repeated(ready: Wire, rung: list[Any]) -> None:
    ready.say(TICKERS, {"msg": "down"}, status=503)
    tasks.fetch("tickers", {"exchange": "binance", "market": "spot"}, None)
    for _ in range(3):
        with pytest.raises(TemporaryError, match="binance"):
            access.tickers("binance", SPOT)
    assert ready.count(TICKERS) == 1
    assert rung == []


@pytest.mark.parametrize(
    "ask",
    [
        lambda: access.tickers("kraken", SPOT),
        lambda: access.tickers("binance", SnapshotKind.SWAP),
        lambda: access.funding_rates("binance"),
        lambda: access.order_book(999_999),
        lambda: access.markets("nowhere"),
        lambda: access.networks("nowhere"),
    ],
)
def test_nobody_is_rung_for_what_we_do_not_know(ready: Wire, rung: list[Any], ask: Any) -> None:
    with pytest.raises(PermanentError) as error:
        ask()
    assert error.value.code == "not_found"
    assert rung == []


def test_an_order_book_is_asked_for_by_its_market(ready: Wire, rung: list[Any]) -> None:
    market = Market.objects.get(symbol="BTC/USDT")
    ready.say(DEPTH, {"lastUpdateId": 1, "bids": [["99", "2"]], "asks": [["101", "3"]]})
    assert isinstance(access.order_book(market.id), Pending)
    ((_, options),) = rung
    assert options["queue"] == "market.books"
    tasks.fetch(**options["kwargs"])
    answer = answered(access.order_book(market.id))
    assert [float(price) for price, _ in answer.value.bids] == [99.0]
    assert answer.source is DataSource.REDIS


def test_markets_come_from_the_rows_and_then_from_the_cache_until_they_change(ready: Wire) -> None:
    first = answered(access.markets("binance"))
    assert first.source is DataSource.DATABASE
    assert [facts.symbol for facts in first.value] == ["BTC/USDT", "ETH/USDT", "SOL/USDT"]
    second = answered(access.markets("binance"))
    assert (second.source, second.value) == (DataSource.REDIS, first.value)
    Exchange.objects.update(market_version=99)
    assert answered(access.markets("binance")).source is DataSource.DATABASE


def test_slow_data_past_its_time_is_answered_while_a_worker_brings_it_anew(ready: Wire, rung: list[Any]) -> None:
    hour_ago = clock.from_ms(clock.now_ms() - 3_600_000)
    Exchange.objects.update(markets_loaded_at=hour_ago)
    answer = answered(access.markets("binance"))
    assert answer.age_ms >= 3_600_000
    ((_, options),) = rung
    tasks.fetch(**options["kwargs"])
    assert answered(access.markets("binance")).age_ms < 60_000


def test_large_values_are_compressed(ready: Wire) -> None:
    Market.objects.bulk_create(
        Market(exchange_id="binance", symbol=f"C{n}/USDT", type="spot", base=f"C{n}", quote="USDT", instrument=f"C{n}")
        for n in range(500)
    )
    value = answered(access.markets("binance")).value
    assert len(value) == 503
    (key,) = redis.cache().keys("markets:access:rows:markets:binance:*")
    assert redis.cache().strlen(key) < 503 * 100
    assert answered(access.markets("binance")).value == value


@pytest.fixture
def archived(ready: Wire, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wire:
    """One sample in an archive of the test's own, and nothing in Redis any more."""
    settings.VAR_DIR, settings.ARCHIVE_QUOTES_S = tmp_path, 60
    backend = "django.core.files.storage.FileSystemStorage"
    options = {"location": str(tmp_path / "archive"), "allow_overwrite": True}
    settings.STORAGES = settings.STORAGES | {"archive": {"BACKEND": backend, "OPTIONS": options}}
    monkeypatch.setattr(intake, "_sampled", {})
    monkeypatch.setattr(intake, "_flusher_start", lambda: None)
    services.ingest(exchange="binance", kind=SPOT)
    archive.flush()
    redis.cache().flushdb()
    ready.asked.clear()
    return ready


def test_a_worker_takes_from_the_archive_what_is_good_enough_and_asks_nobody(archived: Wire, rung: list[Any]) -> None:
    assert isinstance(access.tickers("binance", SPOT, max_age_s=600), Pending)
    options = next(options for task, options in rung if task == "apps.markets.tasks.fetch")
    tasks.fetch(**options["kwargs"])
    assert archived.count(TICKERS) == 0
    answer = answered(access.tickers("binance", SPOT, max_age_s=600))
    assert answer.source is DataSource.ARCHIVE
    assert [ticker.symbol for ticker in answer.value] == ["BTC/USDT", "ETH/USDT", "SOL/USDT"]
    assert answer.age_ms < 60_000


def test_the_archive_is_not_asked_for_what_has_to_be_newer_than_its_samples(archived: Wire) -> None:
    assert answered(access.obtain(TickersQuery("binance", "spot"))).source is DataSource.API
    assert archived.count(TICKERS) == 1


def test_with_the_archive_away_the_exchange_is_asked(archived: Wire, tmp_path: Path) -> None:
    (tmp_path / "archive").rename(tmp_path / "gone")
    (tmp_path / "archive").write_text("a file where the storage's folder has to be")
    answer = answered(access.obtain(TickersQuery("binance", "spot"), max_age_s=600))
    assert answer.source is DataSource.API


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_make_one_call(ready: Wire) -> None:
    ready.say(TICKERS, [binance_ticker(base, 99, 101) for base in ("BTC", "ETH", "SOL")], delay=0.3)
    query = TickersQuery("binance", "spot")
    outcomes = _at_once(lambda: access.obtain(query), 4)
    assert ready.count(TICKERS) == 1
    assert {answered(outcome).source for outcome in outcomes} == {DataSource.API, DataSource.REDIS}


def test_a_process_does_not_wait_for_another_that_is_asking(ready: Wire) -> None:
    redis.state().set("markets:access:flight:tickers:binance:spot", b"somebody else", px=5000)
    assert isinstance(access.obtain(TickersQuery("binance", "spot")), Pending)
    assert ready.count(TICKERS) == 0


def _at_once(work: Any, count: int) -> Iterator[Any]:
    from concurrent.futures import ThreadPoolExecutor

    from django.db import connection

    def run() -> Any:
        try:
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        futures = [pool.submit(run) for _ in range(count)]
        time.sleep(0)
        return iter([future.result() for future in futures])
