"""The cache goes away and comes back: a real Redis, killed and started again while a feed is polled."""

import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis as redis_py
from pytest_django import Settings

from apps.core import clock, redis
from apps.markets import access, selectors, services, store
from apps.markets.enums import DataSource, FeedState, SnapshotKind
from apps.markets.mirror import Mirror
from apps.markets.models import Market
from arbedge.run.ports import free_ports
from arbedge.run.redis_server import RedisServer
from tests.markets.wire import BINANCE, Wire, binance_ticker

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_state")]
SPOT = SnapshotKind.SPOT


class Cache:
    """A Redis of the test's own that can be killed."""

    def __init__(self, folder: Path) -> None:
        (port,) = free_ports(1)
        self.server = RedisServer(folder / "cache", port, secrets.token_urlsafe(8), evicting=True)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, empty."""
        self.process = subprocess.Popen(self.server.command(), stdout=subprocess.DEVNULL, start_new_session=True)
        self.server.wait_ready()

    def kill(self) -> None:
        """As by kill -9."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(timeout=10)


@pytest.fixture
def cache(tmp_path: Path, settings: Settings) -> Iterator[Cache]:
    """A running cache that the settings point at; what the process kept is forgotten afterwards."""
    own = Cache(tmp_path)
    own.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "CACHE_URL", own.server.url)
        store.mirror.forget()
        yield own
    store.mirror.forget()
    own.kill()


@pytest.fixture
def ready(cache: Cache, binance: Wire) -> Wire:
    """Binance with its markets loaded."""
    services.exchanges_setup()
    services.exchange_sync_markets(exchange="binance")
    return binance


def poll() -> services.IngestReport:
    report = services.ingest(exchange="binance", kind=SPOT)
    assert report is not None
    return report


def bid() -> tuple[float, DataSource]:
    answer = access.tickers("binance", SPOT, symbols=("BTC/USDT",))
    assert isinstance(answer, access.Answer), answer
    return answer.value[0].bid, answer.source


def test_polling_and_reading_go_on_and_what_was_kept_is_written_back(
    cache: Cache, ready: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    assert poll().state is FeedState.OK
    assert bid() == (99.0, DataSource.REDIS)
    cache.kill()
    assert bid() == (99.0, DataSource.MEMORY)
    ready.say(f"{BINANCE}/ticker/24hr", [binance_ticker(base, 199, 201) for base in ("BTC", "ETH", "SOL")])
    for _ in range(2):
        assert poll().state is FeedState.OK
    assert bid() == (199.0, DataSource.MEMORY)
    assert [quotes.exchange for quotes in selectors.snapshots_latest(now_ms=clock.now_ms()).spot] == ["binance"]
    assert caplog.text.count("Redis is away, this process keeps") == 1
    cache.start()
    assert redis.cache().dbsize() == 0
    # The first command that succeeds, a read or a write, writes back.
    assert bid() == (199.0, DataSource.REDIS)
    assert 0 < redis.cache().ttl("markets:snapshot:binance:spot") <= store.SNAPSHOT_TTL_S
    assert "written back" in caplog.text


def test_order_books_stay_too(cache: Cache, ready: Wire) -> None:
    market = Market.objects.get(symbol="BTC/USDT")
    ready.say(f"{BINANCE}/depth", {"lastUpdateId": 1, "bids": [["99", "2"]], "asks": [["101", "3"]]})
    cache.kill()
    assert services.books_fetch(market_ids=[market.id]).stored == (market.id,)
    answer = access.order_book(market.id)
    assert isinstance(answer, access.Answer)
    assert answer.source is DataSource.MEMORY


def test_another_process_says_that_it_does_not_know(cache: Cache, ready: Wire) -> None:
    poll()
    cache.kill()
    store.mirror.forget()
    with pytest.raises(redis_py.RedisError):
        selectors.snapshots_latest(now_ms=clock.now_ms())
    assert isinstance(access.tickers("binance", SPOT), access.Pending)
    # Rows are found without a cache.
    answer = access.markets("binance")
    assert isinstance(answer, access.Answer)
    assert answer.source is DataSource.DATABASE


def test_a_worker_fetches_and_answers_without_the_cache(cache: Cache, ready: Wire) -> None:
    cache.kill()
    answer = access.obtain(access.query_of("tickers", {"exchange": "binance", "market": "spot"}))
    assert isinstance(answer, access.Answer)
    assert answer.source is DataSource.API


def test_what_was_refused_while_the_cache_was_away_does_not_come_back(cache: Cache, ready: Wire) -> None:
    poll()
    cache.kill()
    store.snapshot_drop("binance", SPOT, at_ms=clock.now_ms())
    cache.start()
    assert store.snapshot_latest("binance", SPOT) is None


def test_a_faster_process_keeps_its_newer_value(cache: Cache) -> None:
    mirror = Mirror()
    mirror.put({"k": b"old"}, ttl_s=60)
    cache.kill()
    with pytest.raises(redis_py.RedisError):
        mirror.get(["other"])
    cache.start()
    redis.cache().set("k", b"new")
    assert mirror.get(["k"])[0] == [b"new"]
    assert mirror.get(["k"])[0] == [b"new"]


def test_of_two_processes_snapshots_the_newest_is_written_back(cache: Cache) -> None:
    mirrors = {2: Mirror(), 3: Mirror(), 1: Mirror()}
    for mirror in mirrors.values():
        mirror.put_newest("k", b"0", moment=0, ttl_s=60)
    cache.kill()
    for moment, mirror in mirrors.items():
        mirror.put_newest("k", str(moment).encode(), moment=moment, ttl_s=60)
        # Its own threads may come in any order too.
        mirror.put_newest("k", b"late", moment=moment - 1, ttl_s=60)
        assert mirror.get(["k"]) == ([str(moment).encode()], True)
    cache.start()
    for mirror in mirrors.values():
        mirror.get(["other"])
    assert redis.cache().get("k") == b"3"


def test_the_memory_is_bounded(cache: Cache) -> None:
    cache.kill()
    mirror = Mirror(most_bytes=1000)
    for number in range(50):
        mirror.put({f"k{number}": b"x" * 100}, ttl_s=60)
    kept, is_kept = mirror.get([f"k{number}" for number in range(50)])
    assert is_kept
    assert [value is not None for value in kept] == [False] * 40 + [True] * 10


def test_what_has_had_its_time_is_not_given(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    now: list[Any] = [1000.0]
    monkeypatch.setattr("apps.markets.mirror.time.monotonic", lambda: now[0])
    mirror = Mirror()
    mirror.put({"k": b"v"}, ttl_s=60)
    cache.kill()
    assert mirror.get(["k"]) == ([b"v"], True)
    now[0] += 61
    with pytest.raises(redis_py.RedisError):
        mirror.get(["k"])
