"""Fresh means by our clock: each exchange's is corrected, what stands still is refused whatever is forgotten, and two
legs are compared only if their moments lie together."""

import time
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pytest
import time_machine
from pytest_django import Settings

from apps.core import clock, redis
from apps.markets import selectors, services
from apps.markets.enums import FeedState, SnapshotKind
from apps.markets.exchanges import registry
from apps.markets.exchanges.columns import RowTime
from apps.markets.models import Exchange, Market
from apps.opportunities.services.terms import scan_params
from apps.opportunities.strategies.registry import strategy_get
from apps.opportunities.view import market_view
from tests.markets.wire import (
    BINANCE,
    OKX,
    Wire,
    binance_info,
    binance_symbol,
    binance_ticker,
    okx,
    okx_instrument,
    okx_ticker,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_state")]

SPOT = SnapshotKind.SPOT
BASES = ("BTC", "ETH", "SOL")


@dataclass
class Two:
    """Binance cheap, OKX dear: every coin is a gap of 4 %, if the two may be compared."""

    wire: Wire

    def binance_says(self, *, clock_s: float = 0.0, price: float = 100.0) -> None:
        """Binance's tickers have no time of the quote: its clock is the answer's `Date`."""
        rows = [binance_ticker(base, price - 0.01, price + 0.01) for base in BASES]
        self.wire.say(f"{BINANCE}/ticker/24hr", rows, date=time.time() + clock_s)

    def okx_says(self, *, clock_s: float = 0.0, age_s: float = 0.0, price: float = 104.0) -> None:
        """OKX's rows have times of their own, on its clock."""
        moment = round((time.time() + clock_s - age_s) * 1000)
        rows = [
            okx_ticker(f"{base}-USDT", ts=str(moment), bidPx=str(price - 0.01), askPx=str(price + 0.01))
            for base in BASES
        ]
        self.wire.say(f"{OKX}/market/tickers", okx(*rows), date=time.time() + clock_s)

    def polled(self) -> list[FeedState]:
        """One poll of each."""
        reports = [services.ingest(exchange=name, kind=SPOT) for name in ("binance", "okx")]
        return [report.state for report in reports if report]

    def gaps(self) -> int:
        """How many opportunities a scan finds."""
        now_ms = clock.now_ms()
        latest = selectors.snapshots_latest(now_ms=now_ms)
        view = market_view(
            selectors.market_table(), latest, now_ms=now_ms, max_age_ms=15_000, max_funding_age_ms=120_000
        )
        return len(strategy_get("cross_exchange").scan(view, scan_params()).legs)


@pytest.fixture
def two(wire: Wire, settings: Settings) -> Two:
    """Both exchanges with their markets loaded."""
    settings.EXCHANGES = ["binance", "okx"]
    wire.say(f"{BINANCE}/exchangeInfo", binance_info(*(binance_symbol(base) for base in BASES)))
    wire.say(
        f"{OKX}/public/instruments?instType=SPOT", okx(*(okx_instrument(f"{base}-USDT", "SPOT") for base in BASES))
    )
    wire.say(f"{OKX}/public/instruments?instType=SWAP", okx())
    services.exchanges_setup()
    for name in settings.EXCHANGES:
        services.exchange_sync_markets(exchange=name)
    found = Two(wire)
    found.binance_says()
    found.okx_says()
    return found


def test_two_fresh_legs_are_compared(two: Two) -> None:
    assert two.polled() == [FeedState.OK] * 2
    assert two.gaps() == 3


@pytest.mark.parametrize(("binance_s", "okx_s"), [(-30.0, 20.0), (40.0, -40.0)])
def test_each_exchange_has_a_clock_of_its_own_and_is_corrected_by_it(two: Two, binance_s: float, okx_s: float) -> None:
    two.binance_says(clock_s=binance_s)
    two.okx_says(clock_s=okx_s)
    assert two.polled() == [FeedState.OK] * 2
    offsets = dict(Exchange.objects.values_list("id", "clock_offset_ms"))
    assert offsets["binance"] == pytest.approx(binance_s * 1000, abs=1500)
    assert offsets["okx"] == pytest.approx(okx_s * 1000, abs=1500)
    for quotes in selectors.snapshots_latest(now_ms=clock.now_ms()).spot:
        assert np.abs(quotes.exchange_ts - quotes.received_at).max() < 2000
    assert two.gaps() == 3


@pytest.mark.parametrize(("age_s", "found"), [(0.5, 3), (9.0, 0)])
def test_legs_whose_moments_are_apart_are_not_compared(two: Two, age_s: float, found: int) -> None:
    two.okx_says(age_s=age_s)
    # Neither is too old by itself.
    assert two.polled() == [FeedState.OK] * 2
    assert two.gaps() == found


def test_the_skew_is_a_setting(two: Two, settings: Settings) -> None:
    two.okx_says(age_s=9.0)
    two.polled()
    settings.MAX_SKEW_S = 12.0
    assert two.gaps() == 3


def test_a_clock_that_is_off_by_minutes_costs_its_own_exchange_only(two: Two) -> None:
    two.okx_says(clock_s=300.0)
    assert two.polled() == [FeedState.OK, FeedState.CLOCK_OFF]
    assert [quotes.exchange for quotes in selectors.snapshots_latest(now_ms=clock.now_ms()).spot] == ["binance"]
    assert two.gaps() == 0


def test_ages_count_from_when_we_received_it_whatever_the_exchange_says(two: Two) -> None:
    before = clock.now_ms()
    two.okx_says(clock_s=50.0)
    two.polled()
    for quotes in selectors.snapshots_latest(now_ms=clock.now_ms()).spot:
        assert before <= quotes.received_at <= clock.now_ms()
    assert selectors.snapshots_latest(now_ms=clock.now_ms() + 16_000).spot == []


@pytest.mark.parametrize("lost", [False, True])
def test_a_frozen_feed_stays_frozen_though_the_cache_is_lost(
    two: Two, time_machine: time_machine.TimeMachineFixture, lost: bool
) -> None:
    two.polled()
    for seconds, price in ((31, 100.5), (5, 101.0)):
        time_machine.move_to(clock.wall_now() + timedelta(seconds=seconds), tick=True)
        two.binance_says(price=price)
        # The same content as ever, under a fresh time of the answer.
        two.wire.answers[f"{OKX}/market/tickers"].date = time.time()
        assert two.polled() == [FeedState.OK, FeedState.FROZEN]
        if lost:
            redis.cache().flushdb()
    assert two.gaps() == 0


def test_a_small_exchange_that_nobody_knows_is_fresh_without_a_trade(wire: Wire, settings: Settings) -> None:
    """Bitstamp is read by the generic adapter: whatever its rows' times mean, they don't make its quotes old."""
    settings.EXCHANGES = ["bitstamp"]
    assert "bitstamp" not in registry.EXCHANGES.names()
    url = "https://www.bitstamp.net/api/v2"
    pairs = [
        {"name": f"{base}/USD", "description": f"{base} / U.S. dollar", "market_symbol": f"{base.lower()}usd",
         "url_symbol": f"{base.lower()}usd", "base_currency": base, "counter_currency": "USD", "base_decimals": 8,
         "counter_decimals": 2, "minimum_order": "10 USD", "minimum_order_value": "10", "trading": "Enabled",
         "instant_and_market_orders": "Enabled", "market_type": "SPOT"}
        for base in BASES
    ]  # fmt: skip
    for name in ("markets", "trading-pairs-info"):
        wire.say(f"{url}/{name}/", pairs)

    def say(ask: float) -> None:
        old = str(round(time.time()) - 600)
        wire.say(
            f"{url}/ticker/",
            [
                {"pair": f"{base}/USD", "market": f"{base}/USD", "timestamp": old, "last": "100", "bid": "99.5",
                 "ask": str(ask), "volume": "1", "high": "101", "low": "99", "vwap": "100", "open": "100"}
                for base in BASES
            ],
        )  # fmt: skip

    services.exchanges_setup()
    services.exchange_sync_markets(exchange="bitstamp")
    assert Market.objects.count() == 3
    adapter = registry.adapter("bitstamp", gateway=wire.url)
    assert {call.row_time for call in adapter.able.quotes.values()} == {RowTime.TRADE}
    for ask in (100.5, 100.6):
        say(ask)
        report = services.ingest(exchange="bitstamp", kind=SPOT)
        assert report is not None
        assert (report.state, report.rows) == (FeedState.OK, 3), report
