"""Settled fundings: read a few at a time, kept as rows of their own, and what their spacing is good for."""

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
import time_machine
from pytest_django import Settings

from apps.core import clock, queue
from apps.markets import selectors, services, tasks
from apps.markets.enums import IntervalSource, SnapshotKind
from apps.markets.exchanges import registry
from apps.markets.models import Exchange, Market, SettledFunding
from apps.markets.services import guard
from tests.markets.wire import (
    BYBIT,
    USDM,
    Wire,
    binance_info,
    bybit,
    bybit_perpetual,
    bybit_ticker,
    usdm_symbol,
)
from tests.sandbox_process import Sandbox

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_state")]

HOUR_MS = 3_600_000
BASES = ("BTC", "ETH", "SOL")
PAID = f"{USDM}/fundingRate"


@pytest.fixture
def usdm(wire: Wire, settings: Settings) -> Wire:
    """Binance's perpetuals of BTC, ETH and SOL, settled every eight hours."""
    settings.EXCHANGES = ["binanceusdm"]
    wire.say(f"{USDM}/exchangeInfo", binance_info(*(usdm_symbol(base) for base in BASES)))
    services.exchanges_setup()
    services.exchange_sync_markets(exchange="binanceusdm")
    for base in BASES:
        pays(wire, base, range(8, 0, -1), 8)
    return wire


def pays(wire: Wire, base: str, ago: Any, hours: float, rate: Any = "0.0001") -> None:
    """From now on this is what `base` has paid, so many intervals ago."""
    last = clock.now_ms() // HOUR_MS * HOUR_MS
    rows = [
        {"symbol": f"{base}USDT", "fundingTime": round(last - back * hours * HOUR_MS), "fundingRate": rate}
        for back in ago
    ]
    # However it is asked: ccxt leaves out what is older than the start that it asked for.
    wire.answers = {url: answer for url, answer in wire.answers.items() if not url.startswith(f"{PAID}?symbol={base}")}
    wire.say(PAID, rows)
    wire.say(f"{PAID}?symbol={base}USDT&limit=100", rows)
    newest = SettledFunding.objects.filter(market__base=base).order_by("-settled_at").first()
    if newest:
        wire.say(f"{PAID}?symbol={base}USDT&startTime={clock.to_ms(newest.settled_at) + 1}&limit=100", rows)


def sync(**later: float) -> services.FundingsReport:
    return services.fundings_sync(exchange="binanceusdm", now=clock.now() + timedelta(**later))


def market(base: str = "BTC") -> Market:
    return Market.objects.get(base=base)


def version() -> int:
    return Exchange.objects.get().market_version


def asked(wire: Wire) -> list[str]:
    """Whose history was asked for, in order."""
    urls = [url for url in wire.asked if url.startswith(PAID)]
    wire.asked.clear()
    return [url.partition("symbol=")[2].partition("USDT")[0] for url in urls]


def test_what_was_paid_becomes_rows_and_tells_the_interval(usdm: Wire) -> None:
    before = version()
    report = sync()
    assert (report.read, report.rows, report.changed, report.reason) == (3, 24, (), "")
    assert set(Market.objects.values_list("settled_interval_hours", flat=True)) == {8.0}
    assert SettledFunding.objects.count() == 24
    # A first interval spoils no rate that was read without one.
    assert version() == before
    one = SettledFunding.objects.filter(market=market()).first()
    assert one is not None
    assert one.rate == 0.0001


def test_the_same_again_adds_nothing_and_a_market_is_read_once_an_hour(usdm: Wire) -> None:
    sync()
    usdm.asked.clear()
    assert sync(minutes=59).read == 0
    assert asked(usdm) == []
    for base in BASES:
        pays(usdm, base, range(8, 0, -1), 8)
    assert (sync(minutes=61).read, SettledFunding.objects.count()) == (3, 24)


def test_a_run_is_bounded_and_goes_on_where_it_ended(usdm: Wire, settings: Settings) -> None:
    settings.FUNDING_HISTORY_CALLS = 2
    Market.objects.filter(base="SOL").update(rank=1)
    Market.objects.filter(base="ETH").update(rank=2)
    assert sync().read == 2
    assert asked(usdm) == ["SOL", "ETH"]
    assert sync().read == 1
    assert asked(usdm) == ["BTC"]
    settings.FUNDING_HISTORY_CALLS = 0
    assert sync(hours=2).read == 0


def test_a_run_that_takes_too_long_leaves_the_rest_to_the_next(usdm: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.markets.services.fundings.RUN_S", -1.0)
    assert sync().read == 0
    assert asked(usdm) == []
    monkeypatch.undo()
    assert sync().read == 3


def test_unknown_intervals_come_first_then_the_longest_unread(usdm: Wire, settings: Settings) -> None:
    sync()
    now = clock.now()
    for base, hours, known in (("BTC", 3, 8.0), ("ETH", 2, None), ("SOL", 5, 8.0)):
        Market.objects.filter(base=base).update(
            settled_checked_at=now - timedelta(hours=hours), settled_interval_hours=known
        )
    assert [one.base for one in services.fundings.markets_due("binanceusdm", now=now)] == ["ETH", "SOL", "BTC"]


def test_only_monitored_perpetuals_are_read(usdm: Wire) -> None:
    Market.objects.filter(base="ETH").update(monitored=False)
    Market.objects.filter(base="SOL").update(active=False)
    assert sync().read == 1
    assert asked(usdm) == ["BTC"]


def test_an_interval_that_changes_counts_and_rates_read_with_the_old_one_are_refused(usdm: Wire) -> None:
    sync()
    before = version()
    with time_machine.travel(clock.now() + timedelta(hours=3), tick=True):
        pays(usdm, "BTC", range(3, -1, -1), 1)
        report = services.market_fundings_sync(market_id=market().id, now=clock.now())
    assert report.changed == (market().id,)
    assert market().settled_interval_hours == 1.0
    assert version() == before + 1


def test_garbage_old_and_future_rows_are_left_out(usdm: Wire, settings: Settings) -> None:
    settings.FUNDING_HISTORY_DAYS = 1
    last = clock.now_ms() // HOUR_MS * HOUR_MS
    told = [(-8, "0.0001"), (-4, "NaN"), (-3, "1.5"), (-2, None), (0, "0.0002"), (5, "0.0003"), (-30, "0.0004")]
    rows = [{"symbol": "BTCUSDT", "fundingTime": last + hours * HOUR_MS, "fundingRate": rate} for hours, rate in told]
    usdm.say(f"{PAID}?symbol=BTCUSDT&limit=100", [*rows, {"symbol": "BTCUSDT", "fundingRate": "0.0001"}])
    services.market_fundings_sync(market_id=market().id, now=clock.now())
    assert sorted(SettledFunding.objects.values_list("rate", flat=True)) == [0.0001, 0.0002]
    assert market().settled_interval_hours == 8.0


def test_one_settlement_tells_no_interval(usdm: Wire) -> None:
    pays(usdm, "BTC", [0], 8)
    services.market_fundings_sync(market_id=market().id, now=clock.now())
    assert SettledFunding.objects.count() == 1
    assert market().settled_interval_hours is None
    assert market().settled_checked_at is not None


def test_a_market_that_is_refused_stops_no_other_and_a_failing_exchange_stops_the_run(usdm: Wire) -> None:
    usdm.say(f"{PAID}?symbol=BTCUSDT&limit=100", {"code": -1121, "msg": "Invalid symbol."}, status=400)
    assert sync().read == 2
    assert market().settled_checked_at is not None
    assert SettledFunding.objects.filter(market=market()).count() == 0
    Market.objects.update(settled_checked_at=None)
    SettledFunding.objects.all().delete()
    for base in BASES:
        usdm.say(f"{PAID}?symbol={base}USDT&limit=100", b"", status=429, headers={"Retry-After": "40"})
    usdm.asked.clear()
    report = sync()
    assert (report.read, len(asked(usdm))) == (0, 1)
    assert "asks for a pause" in report.reason
    assert guard.breaker("binanceusdm").retry_in() > 39
    assert "not asked" in sync().reason
    assert asked(usdm) == []


def test_what_is_past_its_retention_goes(usdm: Wire, settings: Settings) -> None:
    sync()
    settings.FUNDING_HISTORY_DAYS = 1
    # Eight and sixteen hours ago stay.
    assert services.fundings_prune(now=clock.now() + timedelta(minutes=1)) == 3 * 6
    assert SettledFunding.objects.count() == 3 * 2
    tasks.prune()
    assert SettledFunding.objects.count() == 3 * 2


def test_the_task_reads_and_only_one_runs_at_a_time(usdm: Wire) -> None:
    kwargs = {"exchange": "binanceusdm"}
    with queue.answering("apps.markets.tasks.sync_fundings", "binanceusdm", ttl=30, kwargs=kwargs):
        tasks.sync_fundings("binanceusdm")
    assert SettledFunding.objects.count() == 0
    tasks.sync_fundings("binanceusdm")
    assert SettledFunding.objects.count() == 24


def test_an_exchange_that_tells_no_interval_gets_it_from_what_it_paid(wire: Wire, settings: Settings) -> None:
    """Bybit's perpetual without an interval: not comparable until its history tells one, and then predicted and settled
    rate are kept apart."""
    settings.EXCHANGES = ["bybit"]
    wire.say(f"{BYBIT}/market/instruments-info", bybit(bybit_perpetual("BTC", fundingInterval="")))
    wire.say(f"{BYBIT}/market/tickers", bybit(bybit_ticker("BTC", fundingIntervalHour="")))
    services.exchanges_setup()
    services.exchange_sync_markets(exchange="bybit")

    def rates() -> Any:
        services.ingest(exchange="bybit", kind=SnapshotKind.FUNDING)
        (found,) = selectors.snapshots_latest(now_ms=clock.now_ms()).funding
        return found

    assert np.isnan(rates().interval_hours).all()
    assert rates().interval_source.tolist() == [IntervalSource.UNKNOWN]
    last = clock.now_ms() // HOUR_MS * HOUR_MS
    paid = [
        {"symbol": "BTCUSDT", "fundingRate": "0.0007", "fundingRateTimestamp": str(last - back * 4 * HOUR_MS)}
        for back in range(5)
    ]
    wire.say(f"{BYBIT}/market/funding/history", bybit(*paid))
    assert services.fundings_sync(exchange="bybit", now=clock.now()).rows == 5
    selectors.caches_forget()
    known = rates()
    assert known.interval_hours.tolist() == [4.0]
    assert known.interval_source.tolist() == [IntervalSource.HISTORY]
    assert known.rate.tolist() == [0.0001]
    perpetual = Market.objects.get(type="swap")
    history = selectors.funding_history(perpetual.id, clock.now() - timedelta(days=1), clock.now())
    assert history.rate.tolist() == [0.0007] * 5
    assert history.settled_at.tolist() == sorted(history.settled_at.tolist())
    stats = selectors.funding_stats(perpetual.id, 1)
    assert (stats.count, stats.interval_hours) == (5, 4.0)
    assert stats.mean_8h == pytest.approx(0.0014)


def test_the_spread_of_two_perpetuals_is_read_from_their_rows(usdm: Wire) -> None:
    btc, eth = market("BTC"), market("ETH")
    now = clock.now()
    dice = np.random.default_rng(3)
    wobble = 0.0
    rows = []
    for back in range(80, 0, -1):
        wobble = 0.5 * wobble + dice.normal(0, 1e-5)
        moment = now - timedelta(hours=8 * back)
        rows += [
            SettledFunding(market=btc, settled_at=moment, rate=0.0001),
            SettledFunding(market=eth, settled_at=moment, rate=0.0005 + wobble),
        ]
    SettledFunding.objects.bulk_create(rows)
    spread = selectors.spread_stats(btc.id, eth.id, 30)
    assert spread.points == 80
    assert spread.mean_hourly == pytest.approx(0.0004 / 8, rel=0.05)
    assert spread.half_life_hours is not None
    assert 3 < spread.half_life_hours < 16
    assert selectors.spread_stats(btc.id, eth.id, 2).half_life_hours is None
    assert selectors.spread_stats(btc.id, 999_999, 30).points == 0


def test_history_agrees_with_what_the_sandboxs_exchange_tells_and_makes_nothing_comparable_that_is_not(
    sandbox: Sandbox, settings: Settings
) -> None:
    settings.EXCHANGES = ["bybit"]
    services.exchanges_setup()
    registry.adapter("bybit", gateway=sandbox.url).client._ccxt.enableRateLimit = False  # type: ignore[attr-defined]
    services.exchange_sync_markets(exchange="bybit")
    services.ingest(exchange="bybit", kind=SnapshotKind.FUNDING)
    (told,) = selectors.snapshots_latest(now_ms=clock.now_ms()).funding
    unknown = set(told.market_id[np.isnan(told.interval_hours)].tolist())
    assert unknown
    # Those first, and a few of the others: each costs a call.
    settings.FUNDING_HISTORY_CALLS = 25
    Market.objects.filter(id__in=unknown).update(rank=1)
    report = services.fundings_sync(exchange="bybit", now=clock.now())
    assert (report.read, report.reason) == (25, "")
    settled = dict(Market.objects.exclude(settled_checked_at=None).values_list("id", "settled_interval_hours"))
    assert unknown <= settled.keys()
    rows = {int(market_id): row for row, market_id in enumerate(told.market_id)}
    for market_id, hours in settled.items():
        assert hours == (None if market_id in unknown else told.interval_hours[rows[market_id]])
