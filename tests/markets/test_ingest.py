"""One poll: stored and announced when good, refused with the reason when not."""

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from apps.core import clock, events, redis
from apps.markets import selectors, services, store
from apps.markets.enums import FeedState, SnapshotKind
from apps.markets.events import FeedStateChanged, SnapshotStored
from apps.markets.models import Exchange, Feed, Market
from apps.markets.services import guard
from tests.markets.wire import (
    BINANCE,
    BYBIT,
    OKX,
    USDM,
    Wire,
    binance_info,
    binance_ticker,
    bybit,
    bybit_perpetual,
    bybit_ticker,
    okx,
    okx_instrument,
    okx_ticker,
    usdm_symbol,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_state")]

TICKERS = f"{BINANCE}/ticker/24hr"
SPOT, SWAP, FUNDING = SnapshotKind.SPOT, SnapshotKind.SWAP, SnapshotKind.FUNDING


@pytest.fixture
def ready(binance: Wire) -> Wire:
    """Binance with its markets loaded."""
    services.exchanges_setup()
    services.exchange_sync_markets(exchange="binance")
    return binance


def poll(exchange: str = "binance", kind: SnapshotKind = SPOT) -> services.IngestReport:
    report = services.ingest(exchange=exchange, kind=kind)
    assert report is not None
    return report


def usable() -> list[str]:
    latest = selectors.snapshots_latest(now_ms=clock.now_ms())
    quotes = [snapshot.exchange for snapshot in (*latest.spot, *latest.swap)]
    return quotes + [snapshot.exchange for snapshot in latest.funding]


def feed() -> Feed:
    return Feed.objects.get(kind=SPOT)


@pytest.fixture
def heard() -> Iterator[list[events.Event]]:
    """Events published in this test."""
    found: list[events.Event] = []
    hear = found.append
    for kind in (SnapshotStored, FeedStateChanged):
        events.subscribe(kind, hear)
    yield found
    for kind in (SnapshotStored, FeedStateChanged):
        events.unsubscribe(kind, hear)


def test_a_good_answer_is_stored_and_announced(
    ready: Wire, heard: list[events.Event], django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        report = poll()
    assert (report.state, report.rows, report.refused) == (FeedState.OK, 3, {})
    (quotes,) = selectors.snapshots_latest(now_ms=clock.now_ms()).spot
    assert quotes.bid.tolist() == [99, 99, 99]
    assert quotes.ask_size.tolist() == [3, 3, 3]
    assert quotes.market_version == selectors.market_table().version
    assert quotes.market_id.tolist() == list(Market.objects.order_by("id").values_list("id", flat=True))
    kinds = [type(event) for event in heard]
    assert kinds.count(SnapshotStored) == 1
    assert kinds.count(FeedStateChanged) == 1
    assert feed().state == FeedState.OK
    assert feed().last_rows == 3


def test_bad_rows_are_refused_counted_and_named(ready: Wire) -> None:
    ready.say(
        TICKERS,
        [binance_ticker("BTC", 99, 101), binance_ticker("ETH", 102, 101), binance_ticker("SOL", "NaN", 101)],
    )
    report = poll()
    assert report.rows == 1
    assert report.refused == {"missing": 1, "crossed": 1}
    assert feed().reason == "2 rows refused: 1 missing, 1 crossed"
    assert feed().last_refused == 2


def test_an_answer_without_a_usable_row_is_an_error_and_takes_the_old_one_out(ready: Wire) -> None:
    poll()
    assert usable() == ["binance"]
    # What the sync loaded is what the answers are read with.
    assert ready.count(f"{BINANCE}/exchangeInfo") == 1
    ready.say(TICKERS, [binance_ticker("BTC", 0, 101), binance_ticker("UNLISTED", 99, 101)])
    report = poll()
    assert report.state is FeedState.ERROR
    assert "no usable row" in report.reason
    assert usable() == []


def test_a_recording_of_another_year_is_refused_as_stale_in_words(
    ready: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    poll()
    ready.say(TICKERS, [binance_ticker("BTC", 99, 101, closeTime=1_566_445_106_532)], date=1_566_445_106)
    report = poll()
    assert report.state is FeedState.STALE
    assert report.reason.startswith("binance says it is 2019-08-22 03:38 UTC, 7 years before our clock")
    assert feed().reason == report.reason
    assert report.reason in caplog.text
    assert usable() == []


def test_a_clock_that_is_off_is_refused(ready: Wire) -> None:
    ready.say(TICKERS, [binance_ticker("BTC", 99, 101)], date=time.time() + 120)
    assert poll().state is FeedState.CLOCK_OFF
    assert usable() == []


def test_a_small_clock_offset_is_corrected_and_kept(ready: Wire) -> None:
    ready.say(TICKERS, [binance_ticker("BTC", 99, 101)], date=time.time() - 20)
    assert poll().state is FeedState.OK
    (quotes,) = selectors.snapshots_latest(now_ms=clock.now_ms()).spot
    assert abs(quotes.exchange_ts[0] - quotes.received_at) < 2000
    assert -21_500 < Exchange.objects.get().clock_offset_ms < -18_500


def test_a_feed_that_does_not_move_is_frozen(ready: Wire, settings: Settings) -> None:
    settings.FROZEN_AFTER_S = 0.0
    poll()
    report = poll()
    assert report.state is FeedState.FROZEN
    assert usable() == []


@pytest.mark.parametrize(
    ("answer", "state", "pause"),
    [
        ({"body": b"", "status": 429, "headers": {"Retry-After": "40"}}, FeedState.THROTTLED, 39.0),
        ({"body": {"msg": "restricted location"}, "status": 451}, FeedState.RESTRICTED, 3000.0),
    ],
)
def test_a_pause_that_is_asked_for_is_kept(ready: Wire, answer: dict[str, Any], state: FeedState, pause: float) -> None:
    poll()
    ready.say(TICKERS, answer.pop("body"), **answer)
    assert poll().state is state
    asked = len(ready.asked)
    assert services.ingest(exchange="binance", kind=SPOT) is None
    assert len(ready.asked) == asked
    assert guard.breaker("binance").retry_in() > pause
    # One lost poll is not worth forgetting what came just before.
    assert usable() == ["binance"]


def test_after_five_failures_it_is_left_alone(ready: Wire) -> None:
    ready.say(TICKERS, b"oops", status=500)
    for _ in range(5):
        assert poll().state is FeedState.ERROR
    assert services.ingest(exchange="binance", kind=SPOT) is None


def test_the_feed_row_is_written_on_change_and_else_every_half_minute(ready: Wire) -> None:
    poll()
    Feed.objects.update(last_rows=77)
    poll()
    assert feed().last_rows == 77
    Feed.objects.update(updated_at=clock.now() - timedelta(seconds=31))
    poll()
    assert feed().last_rows == 3


def test_old_snapshots_and_those_of_other_markets_are_not_used(ready: Wire) -> None:
    poll()
    now = clock.now_ms()
    assert len(selectors.snapshots_latest(now_ms=now + 14_000).spot) == 1
    assert selectors.snapshots_latest(now_ms=now + 16_000).spot == []
    Exchange.objects.update(market_version=9)
    assert usable() == []


def test_a_disabled_exchange_is_not_polled_and_its_data_not_used(ready: Wire) -> None:
    poll()
    Exchange.objects.update(enabled=False)
    assert services.ingest(exchange="binance", kind=SPOT) is None
    assert usable() == []
    assert len(selectors.market_table().market_id) == 0
    assert {status.state for status in selectors.feeds_status()} == {FeedState.DISABLED}


def test_an_exchange_taken_out_of_the_settings_is_not_used(ready: Wire, settings: Settings) -> None:
    poll()
    settings.EXCHANGES = ["okx"]
    assert usable() == []
    assert selectors.feeds_status() == []


def test_a_stored_snapshot_of_another_format_is_left_out(ready: Wire) -> None:
    poll()
    redis.cache().set("markets:snapshot:binance:spot", b"of another release")
    assert usable() == []
    assert store.snapshot_latest("binance", SPOT) is None


def test_a_feed_that_nobody_polls_shows_as_stale(ready: Wire) -> None:
    poll()
    Feed.objects.update(last_ok_at=clock.now() - timedelta(minutes=5))
    (status,) = selectors.feeds_status()
    assert status.state is FeedState.STALE
    assert "market worker" in status.reason


def test_okx_sizes_are_in_base_units_and_old_rows_refused(wire: Wire, settings: Settings) -> None:
    settings.EXCHANGES = ["okx"]
    swaps = [okx_instrument(f"{base}-USDT-SWAP", "SWAP") for base in ("BTC", "ETH")]
    wire.say(f"{OKX}/public/instruments?instType=SWAP", okx(*swaps))
    old = str(clock.now_ms() - 40_000)
    wire.say(f"{OKX}/market/tickers", okx(okx_ticker("BTC-USDT-SWAP"), okx_ticker("ETH-USDT-SWAP", ts=old)))
    wire.say(f"{OKX}/public/instruments?instType=SPOT", okx())
    services.exchanges_setup()
    services.exchange_sync_markets(exchange="okx")
    report = poll("okx", SWAP)
    assert (report.rows, report.refused) == (1, {"stale": 1})
    (quotes,) = selectors.snapshots_latest(now_ms=clock.now_ms()).swap
    assert quotes.bid_size.tolist() == [pytest.approx(5.0)]


def test_okx_funding_interval_is_next_minus_current(wire: Wire, settings: Settings) -> None:
    settings.EXCHANGES = ["okx"]
    bases = ("BTC", "ETH")
    wire.say(
        f"{OKX}/public/instruments?instType=SWAP", okx(*(okx_instrument(f"{base}-USDT-SWAP", "SWAP") for base in bases))
    )
    now = clock.now_ms()
    rows = [
        {"instId": f"{base}-USDT-SWAP", "instType": "SWAP", "fundingRate": "0.0001", "ts": str(now),
         "fundingTime": str(now + 3_600_000), "nextFundingTime": following}
        for base, following in (("BTC", str(now + 2 * 3_600_000)), ("ETH", ""))
    ]  # fmt: skip
    wire.say(f"{OKX}/public/funding-rate", okx(*rows))
    wire.say(f"{OKX}/public/instruments?instType=SPOT", okx())
    services.exchanges_setup()
    services.exchange_sync_markets(exchange="okx")
    poll("okx", FUNDING)
    (rates,) = selectors.snapshots_latest(now_ms=clock.now_ms()).funding
    assert rates.interval_hours[0] == 1.0
    assert np.isnan(rates.interval_hours[1])
    assert rates.next_funding_at.tolist() == [now + 3_600_000] * 2


def test_binance_funding_interval_is_told_or_the_documented_eight_hours(wire: Wire, settings: Settings) -> None:
    settings.EXCHANGES = ["binanceusdm"]
    wire.say(f"{USDM}/exchangeInfo", binance_info(usdm_symbol("BTC"), usdm_symbol("BLZ")))
    now = clock.now_ms()
    rows = [{"symbol": f"{base}USDT", "markPrice": "100", "indexPrice": "99", "lastFundingRate": "0.0003",
             "nextFundingTime": now + 1000, "time": now} for base in ("BTC", "BLZ")]  # fmt: skip
    wire.say(f"{USDM}/premiumIndex", rows)
    wire.say(f"{USDM}/fundingInfo", [{"symbol": "BLZUSDT", "fundingIntervalHours": 4}])
    services.exchanges_setup()
    services.exchange_sync_markets(exchange="binanceusdm")
    poll("binanceusdm", FUNDING)
    (rates,) = selectors.snapshots_latest(now_ms=clock.now_ms()).funding
    assert rates.interval_hours.tolist() == [8.0, 4.0]
    assert rates.mark.tolist() == [100, 100]
    # Without the list of exceptions nobody knows which symbols are the eight-hour ones.
    wire.say(f"{USDM}/fundingInfo", b"oops", status=500)
    assert poll("binanceusdm", FUNDING).state is FeedState.ERROR


def test_a_funding_interval_that_changed_since_the_markets_were_loaded_counts_at_once(
    wire: Wire, settings: Settings
) -> None:
    settings.EXCHANGES = ["bybit"]
    wire.say(f"{BYBIT}/market/instruments-info", bybit(bybit_perpetual("BTC"), bybit_perpetual("ETH")))
    services.exchanges_setup()
    services.exchange_sync_markets(exchange="bybit")
    tickers = bybit(bybit_ticker("BTC", fundingIntervalHour="1"), bybit_ticker("ETH", fundingIntervalHour=""))
    wire.say(f"{BYBIT}/market/tickers", tickers)
    assert poll("bybit", FUNDING).rows == 2
    (rates,) = selectors.snapshots_latest(now_ms=clock.now_ms()).funding
    assert rates.interval_hours.tolist() == [1.0, 8.0]


def test_what_was_stored_before_our_clock_was_set_back_is_not_used(ready: Wire) -> None:
    ready.say(TICKERS, [binance_ticker("BTC", 99, 101)])
    poll()
    assert len(selectors.snapshots_latest(now_ms=clock.now_ms() - 10_000).spot) == 1
    assert selectors.snapshots_latest(now_ms=clock.now_ms() - 600_000).spot == []
