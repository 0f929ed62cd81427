"""What one exchange's trouble means for it, and that it means nothing for the others."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from pytest_django import Settings

from apps.core import clock, limits, redis
from apps.core.exceptions import TemporaryError, ThrottledError
from apps.markets import services, store
from apps.markets.enums import ExchangeStatus, FeedState, SnapshotKind
from apps.markets.exchanges import registry
from apps.markets.exchanges.throttle import RequestLimit, demand_build, limit_key
from apps.markets.models import Exchange, Feed
from apps.markets.services import guard
from tests.markets.adapters import adapters_close
from tests.markets.wire import OKX, Wire, okx, okx_instrument, okx_ticker
from tests.sandbox_process import Sandbox

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_state")]

SPOT, SWAP = SnapshotKind.SPOT, SnapshotKind.SWAP
TICKERS, STATUS = f"{OKX}/market/tickers", f"{OKX}/system/status"


@pytest.fixture
def okx_ready(wire: Wire, settings: Settings) -> Wire:
    """OKX with one pair, loaded."""
    settings.EXCHANGES = ["okx"]
    wire.say(f"{OKX}/public/instruments?instType=SPOT", okx(okx_instrument("BTC-USDT", "SPOT")))
    wire.say(f"{OKX}/public/instruments?instType=SWAP", okx())
    wire.say(TICKERS, okx(okx_ticker("BTC-USDT")))
    wire.say(STATUS, okx())
    services.exchanges_setup()
    services.exchange_sync_markets(exchange="okx")
    return wire


def poll() -> FeedState:
    report = services.ingest(exchange="okx", kind=SPOT)
    assert report is not None
    return report.state


def pause_is_over() -> None:
    """What the breaker and the limits remember is gone, as after a while."""
    redis.state().flushdb()


def test_maintenance_is_over_when_the_exchange_says_so(okx_ready: Wire) -> None:
    okx_ready.say(TICKERS, {"code": "50001", "data": [], "msg": "Service temporarily unavailable"}, status=503)
    assert poll() is FeedState.MAINTENANCE
    row = Exchange.objects.get()
    assert (row.status, guard.breaker("okx").retry_in() > 50) == (ExchangeStatus.MAINTENANCE, True)
    assert "maintenance" in row.status_reason

    # It would answer, but says that it is not through.
    okx_ready.say(TICKERS, okx(okx_ticker("BTC-USDT")))
    okx_ready.say(f"{STATUS}?state=ongoing", okx({"title": "upgrade", "state": "ongoing", "end": "1"}))
    asked = okx_ready.count(TICKERS)
    pause_is_over()
    assert poll() is FeedState.MAINTENANCE
    assert okx_ready.count(TICKERS) == asked
    assert guard.breaker("okx").retry_in() > 50

    okx_ready.say(f"{STATUS}?state=ongoing", okx())
    pause_is_over()
    assert poll() is FeedState.OK
    assert Exchange.objects.get().status == ExchangeStatus.OK
    statuses = okx_ready.count(STATUS)
    assert poll() is FeedState.OK
    assert okx_ready.count(STATUS) == statuses


def test_a_status_page_that_fails_keeps_nobody_away(okx_ready: Wire) -> None:
    Exchange.objects.update(status=ExchangeStatus.MAINTENANCE)
    okx_ready.say(STATUS, b"<html>", status=502)
    okx_ready.say(f"{STATUS}?state=ongoing", b"<html>", status=502)
    assert poll() is FeedState.OK


def test_a_pause_holds_for_slow_metadata_too() -> None:
    guard.failure_note("okx", ThrottledError("slow down", retry_after=40))
    (wait,) = limits.acquire([[demand_build("okx", RequestLimit(2.0), 110.0)]])
    assert 35 < wait <= 40


def test_our_own_limit_says_nothing_about_the_exchange(okx_ready: Wire) -> None:
    limits.close_tap(limit_key("okx"), 30.0)
    for _ in range(6):
        assert poll() is FeedState.THROTTLED
    assert guard.breaker("okx").retry_in() == 0.0
    assert guard.state_of(TemporaryError("", code="limit_reached")) is FeedState.THROTTLED


@pytest.mark.django_db(transaction=True)
def test_a_stalled_exchange_delays_no_other(sandbox: Sandbox, settings: Settings) -> None:
    settings.EXCHANGES = ["bybit", "okx", "binance"]
    services.exchanges_setup()
    for exchange in settings.EXCHANGES:
        services.exchange_sync_markets(exchange=exchange)
    sandbox.faults([{"host": "www.okx.com", "latency_s": 600.0}])
    others = [("bybit", SPOT), ("bybit", SWAP), ("binance", SPOT)]

    def run(exchange: str, kind: SnapshotKind) -> FeedState:
        try:
            report = services.ingest(exchange=exchange, kind=kind)
        finally:
            connection.close()
        assert report is not None
        return report.state

    with ThreadPoolExecutor(8) as workers:
        stalled = [workers.submit(run, "okx", kind) for kind in (SPOT, SWAP)]
        for _ in range(4):
            begun = clock.now_ms()
            assert {poll.result(30) for poll in [workers.submit(run, *feed) for feed in others]} == {FeedState.OK}
            assert min(store.snapshot_latest(*feed).received_at for feed in others) >= begun
            assert not any(poll.done() for poll in stalled)
        # They would go on for as long as the client waits.
        adapters_close()
        assert {poll.result(30) for poll in stalled} == {FeedState.ERROR}


def test_a_stall_ends_with_the_clients_deadline(sandbox: Sandbox, settings: Settings) -> None:
    settings.EXCHANGES = ["okx"]
    services.exchanges_setup()
    services.exchange_sync_markets(exchange="okx")
    client = registry.adapter("okx", gateway=sandbox.url).client._ccxt  # type: ignore[attr-defined]
    assert client.timeout == 10_000
    client.timeout = 300
    sandbox.faults([{"host": "www.okx.com", "latency_s": 600.0}])
    assert poll() is FeedState.ERROR
    assert "did not answer in time" in Feed.objects.get(kind=SPOT).reason
    sandbox.faults([])
    assert poll() is FeedState.OK
