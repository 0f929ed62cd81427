"""The exchange's own bars: read a few at a time, in turns, and put over those of our quotes."""

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
import time_machine
from pytest_django import Settings

from apps.core import clock, queue
from apps.core.exceptions import PermanentError
from apps.markets import selectors, services, tasks
from apps.markets.candles import store
from apps.markets.candles.bars import CLOSE, VOLUME
from apps.markets.candles.timeframes import KEPT, TIMEFRAMES
from apps.markets.enums import BarOrigin
from apps.markets.exchanges import parse
from apps.markets.exchanges.columns import BarColumns, Reply
from apps.markets.models import Market
from apps.markets.services import guard
from apps.markets.services.klines import ASK_EVERY_MS, bars_believed, klines_due
from sandbox.market.world import World
from tests.markets.wire import BINANCE, Wire
from tests.sandbox_process import Sandbox

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_state")]

MINUTE = 60_000
KLINES = f"{BINANCE}/klines"
NOW_MS = 1_700_000_050_000


@pytest.fixture(autouse=True)
def fresh() -> None:
    """Nothing of an earlier test in this process's memory."""
    store.mirror.forget()


def kline(begin: int, *prices: float, volume: float = 2.0) -> list[Any]:
    """A row as Binance words it."""
    return [begin, *(str(price) for price in prices), str(volume), begin + MINUTE - 1, "0", 1, "0", "0", "0"]


@pytest.fixture
def listed(binance: Wire) -> Wire:
    """Binance with BTC, ETH and SOL loaded, of which ETH ranks first."""
    services.exchanges_setup()
    services.exchange_sync_markets(exchange="binance")
    for rank, base in enumerate(("ETH", "SOL"), start=1):
        Market.objects.filter(base=base).update(rank=rank)
    return binance


def sync(settings: Settings, calls: int = 20) -> services.KlinesReport:
    settings.CANDLE_CALLS = calls
    return services.klines_sync(exchange="binance", now=clock.now())


def asked(wire: Wire) -> list[tuple[str, str]]:
    """Base and timeframe of each call since the last look."""
    calls = [address.partition("?")[2] for address in wire.asked if address.startswith(KLINES)]
    wire.asked.clear()
    told = [dict(pair.split("=") for pair in query.split("&")) for query in calls]
    return [(query["symbol"].removesuffix("USDT"), query["interval"]) for query in told]


def test_a_few_are_read_each_time_best_ranked_first_and_in_turns(listed: Wire, settings: Settings) -> None:
    begin = clock.now_ms() // MINUTE * MINUTE
    listed.say(KLINES, [kline(begin - MINUTE, 10, 12, 9, 11), kline(begin, 11, 11, 11, 11)])
    assert sync(settings, 6).reason == ""
    assert asked(listed) == [*(("ETH", timeframe) for timeframe in TIMEFRAMES), ("SOL", "1m")]
    sync(settings, 4)
    assert asked(listed) == [("SOL", timeframe) for timeframe in list(TIMEFRAMES)[1:]]
    sync(settings)
    assert asked(listed) == [("BTC", timeframe) for timeframe in TIMEFRAMES]
    sync(settings)
    assert asked(listed) == []


def test_bars_come_with_their_volume_and_without_the_one_that_goes_on(listed: Wire, settings: Settings) -> None:
    begin = clock.now_ms() // MINUTE * MINUTE
    rows = [kline(begin - back * MINUTE, 10, 12, 9, 11 + back / 10) for back in (4, 2, 1, 0)]
    listed.say(KLINES, rows)
    assert sync(settings, 1).bars == 3
    eth = Market.objects.get(base="ETH")
    found = selectors.market_candles(
        exchange="binance", market_id=eth.id, timeframe="1m", now=clock.from_ms(begin + 30_000)
    )
    assert [(one.open_ms, one.close, one.volume, one.origin) for one in found] == [
        (begin - back * MINUTE, pytest.approx(11 + back / 10), 2.0, BarOrigin.EXCHANGE) for back in (4, 2, 1)
    ]


def test_nothing_is_asked_for_again_before_something_new_can_have_ended(listed: Wire, settings: Settings) -> None:
    ids = {base: Market.objects.get(base=base).id for base in ("BTC", "ETH", "SOL")}
    listed.say(KLINES, [])
    settings.CANDLE_CALLS = 100

    def due(minutes: float) -> set[tuple[int, str]]:
        now_ms = clock.now_ms() + round(minutes * MINUTE)
        return {(one.market_id, one.timeframe) for one in klines_due("binance", TIMEFRAMES, now_ms=now_ms)}

    everything = {(market_id, timeframe) for market_id in ids.values() for timeframe in TIMEFRAMES}
    assert due(0) == everything
    assert due(0) - {(1, "")} == everything
    begin = clock.now_ms() // MINUTE * MINUTE
    hours = begin // 14_400_000 * 14_400_000
    listed.say(KLINES, [kline(hours - 14_400_000, 10, 12, 9, 11)])
    sync(settings, 100)
    assert due(1) == set()
    quarter = ASK_EVERY_MS / MINUTE + 0.1
    assert due(quarter) == {(one, timeframe) for one in ids.values() for timeframe in ("1m", "5m", "15m")}
    assert {timeframe for _, timeframe in due(61)} == {"1m", "5m", "15m", "1h"}
    assert due(241) == everything
    # Bars that the cache has dropped are not waited for.
    store.bars_put("binance", "4h", BarOrigin.EXCHANGE, store.bars_get("nobody", "4h", BarOrigin.EXCHANGE))
    assert {timeframe for _, timeframe in due(quarter)} == {"1m", "5m", "15m", "4h"}
    assert klines_due("binance", ["1m"], now_ms=0)[0].timeframe == "1m"


def test_later_bars_join_earlier_ones_and_replace_what_was_told_before(listed: Wire, settings: Settings) -> None:
    begin = clock.now_ms() // MINUTE * MINUTE
    listed.say(KLINES, [kline(begin - back * MINUTE, 10, 10, 10, 10) for back in (3, 2)])
    sync(settings, 1)
    with time_machine.travel(clock.from_ms(begin + 20 * MINUTE + 1000), tick=True):
        listed.say(KLINES, [kline(begin + ahead * MINUTE, 20, 20, 20, 20) for ahead in (-2, 0, 19)])
        Market.objects.exclude(base="ETH").update(monitored=False)
        sync(settings)
    block = store.bars_get("binance", "1m", BarOrigin.EXCHANGE)
    known = np.flatnonzero(np.isfinite(block.values[CLOSE, 0]))
    moments = ((block.open_ms[known] - begin) // MINUTE).tolist()
    assert dict(zip(moments, block.values[CLOSE, 0, known].tolist(), strict=True)) == {-3: 10, -2: 20, 0: 20, 19: 20}
    assert block.values.shape[2] == KEPT


def test_one_markets_trouble_is_its_own(listed: Wire, settings: Settings) -> None:
    begin = clock.now_ms() // MINUTE * MINUTE
    listed.say(KLINES, [kline(begin - MINUTE, 10, 12, 9, 11)])
    for timeframe in TIMEFRAMES:
        address = f"{KLINES}?interval={timeframe}&limit={KEPT + 1}&symbol=ETHUSDT"
        listed.say(address, {"code": -1121, "msg": "Invalid symbol."}, status=400)
    assert sync(settings).reason == ""
    assert guard.breaker("binance").allow()
    assert len(asked(listed)) == 3 * len(TIMEFRAMES)
    kept = store.bars_get("binance", "1m", BarOrigin.EXCHANGE).market_ids.tolist()
    assert kept == sorted(Market.objects.exclude(base="ETH").values_list("id", flat=True))
    sync(settings)
    assert asked(listed) == []


def test_an_exchange_that_wants_a_pause_gets_it_and_what_came_counts(listed: Wire, settings: Settings) -> None:
    begin = clock.now_ms() // MINUTE * MINUTE
    listed.say(KLINES, [kline(begin - MINUTE, 10, 12, 9, 11)])
    address = f"{KLINES}?interval=5m&limit={KEPT + 1}&symbol=ETHUSDT"
    listed.say(address, {"code": -1003, "msg": "Too many"}, status=429, headers={"Retry-After": "30"})
    report = sync(settings)
    assert report.read == 1
    assert report.reason
    assert len(asked(listed)) == 2
    assert not guard.breaker("binance").allow()
    assert sync(settings).reason == "binance is left alone now"
    assert store.bars_get("binance", "1m", BarOrigin.EXCHANGE).market_ids.tolist() == [
        Market.objects.get(base="ETH").id
    ]


def test_who_has_nothing_to_ask_does_not_touch_the_breaker(listed: Wire, settings: Settings) -> None:
    listed.say(KLINES, [])
    assert sync(settings).reason == ""
    guard.breaker("binance").trip(30)
    assert sync(settings) == services.KlinesReport("binance")


@pytest.mark.parametrize(
    "body", [{"code": 0}, [["x"] * 12], [[None] * 12], [], [[1, 2]], "[[[[", [kline(0, 1, 1, 1, 1)]]
)
def test_garbage_makes_no_bars(listed: Wire, settings: Settings, body: Any) -> None:
    listed.say(KLINES, body)
    report = sync(settings, 1)
    assert report.bars == 0
    assert selectors.candles(exchange="binance", timeframe="1m", now=clock.now()) is None


# --- what is believed -----------------------------------------------------------------------------------------


def told(*rows: list[float], received_at: int = NOW_MS, exchange_at: int | None = None) -> Reply[BarColumns]:
    return Reply(parse.bar_columns(rows), NOW_MS - 100, received_at, exchange_at)


T = NOW_MS // MINUTE * MINUTE - MINUTE


@pytest.mark.parametrize(
    "row",
    [
        [T, 10, 9, 8, 10, 1],  # above the high
        [T, 10, 12, 11, 11, 1],  # below the low
        [T, 0, 12, 0, 11, 1],
        [T, -1, 12, -2, 11, 1],
        [T, 10, float("inf"), 9, 11, 1],
        [T, 10, 12, float("nan"), 11, 1],
        [T, None, 12, 9, 11, 1],
        [T + 1, 10, 12, 9, 11, 1],  # begins where no bar begins
        [T + MINUTE, 10, 12, 9, 11, 1],  # has not ended
        [T + 60 * MINUTE, 10, 12, 9, 11, 1],
    ],
)
def test_what_can_not_be_true_is_no_bar(row: list[float]) -> None:
    assert bars_believed(3, told(row), step_ms=MINUTE) is None
    both = bars_believed(3, told([T - MINUTE, 10, 12, 9, 11, 1], row), step_ms=MINUTE)
    assert both is not None
    assert both.values[:, 0, -1].tolist() == [10, 12, 9, 11, 1]
    assert both.last_ms == T - MINUTE


def test_a_bar_has_ended_by_the_exchanges_clock() -> None:
    assert bars_believed(3, told([T, 10, 12, 9, 11, 1], exchange_at=T + MINUTE - 1), step_ms=MINUTE) is None
    assert bars_believed(3, told([T, 10, 12, 9, 11, 1], exchange_at=T + MINUTE), step_ms=MINUTE) is not None
    # One that is ahead of ours may not end bars early either.
    early = told([T, 10, 12, 9, 11, 1], received_at=T + 30_000, exchange_at=T + MINUTE)
    assert bars_believed(3, early, step_ms=MINUTE) is None


def test_holes_stay_holes_and_a_negative_volume_is_none() -> None:
    bars = bars_believed(3, told([T, 1, 1, 1, 1, -5], [T - 3 * MINUTE, 2, 2, 2, 2, 0]), step_ms=MINUTE)
    assert bars is not None
    np.testing.assert_array_equal(bars.values[CLOSE, 0, -4:], [2, np.nan, np.nan, 1])
    np.testing.assert_array_equal(bars.values[VOLUME, 0, -4:], [0, np.nan, np.nan, np.nan])


def test_rows_without_a_time_are_left_out_and_doubled_ones_count_once() -> None:
    columns = parse.bar_columns([[2, 1, 1, 1, 1, 1], [None, 9, 9, 9, 9, 9], [1, 5, 5, 5, 5, 5], [2, 7, 7, 7, 7, 7]])
    assert columns.open_ms.tolist() == [1, 2]
    assert columns.close.tolist() == [5, 1]
    assert not len(parse.bar_columns([]).open_ms)


# --- the way through ------------------------------------------------------------------------------------------


def test_what_is_due_is_rung_and_can_be_switched_off(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[str] = []
    monkeypatch.setattr(queue, "ring", lambda task, **how: rung.append(f"{task.rpartition('.')[2]} {how.get('key')}"))
    settings.EXCHANGES = ["binance"]
    services.exchanges_setup()
    Market.objects.all().delete()
    from apps.markets.models import Exchange

    Exchange.objects.update(markets_loaded_at=clock.now())
    settings.CANDLE_CALLS = 0
    services.feeds_due(now=clock.now())
    assert "sync_klines binance" not in rung
    settings.CANDLE_CALLS = 1
    services.feeds_due(now=clock.now())
    services.feeds_due(now=clock.now())
    assert rung.count("sync_klines binance") == 1


@pytest.mark.parametrize("exchange", ["binance", "binanceusdm", "bybit", "okx"])
def test_the_sandboxs_past_becomes_candles(sandbox: Sandbox, settings: Settings, ample: None, exchange: str) -> None:
    settings.EXCHANGES = [exchange]
    settings.SANDBOX_URL = sandbox.url
    settings.CANDLE_MARKETS, settings.CANDLE_CALLS = 1, 10
    services.exchanges_setup()
    services.exchange_sync_markets(exchange=exchange)
    tasks.sync_klines(exchange)
    world = World(7)
    now = clock.now() + timedelta(minutes=1)
    for timeframe, step_ms in TIMEFRAMES.items():
        found = selectors.candles(exchange=exchange, timeframe=timeframe, bars=KEPT, now=now)
        assert found is not None
        for row, market_id in enumerate(found.market_ids.tolist()):
            market = Market.objects.get(id=market_id)
            board = world.board(exchange, is_swap=market.type != "spot")
            number = next(n for n, each in enumerate(board.listings) if each.symbol == market.symbol)
            at = found.open_ms[-2] / 1000
            bars = board.klines(number, step_s=step_ms // 1000, count=200, now=at + step_ms / 1000 - 1)
            np.testing.assert_allclose(found.close[row, -201:-1], bars.close, rtol=1e-12)
            np.testing.assert_allclose(found.high[row, -201:-1], bars.high, rtol=1e-12)
            assert np.isfinite(found.volume[row, -201:-1]).all()


def test_an_exchange_without_bars_of_a_length_is_not_asked_for_them(wire: Wire, settings: Settings) -> None:
    from apps.core import loop
    from apps.markets.exchanges import registry

    adapter = registry.adapter("coinbase", gateway=settings.SANDBOX_URL)
    assert "1h" in adapter.timeframes
    assert "4h" not in adapter.timeframes
    with pytest.raises(PermanentError, match="coinbase has no bars of 4h"):
        loop.run(adapter.bars("BTC/USD", "4h", count=10, markets_from=0), timeout=5)
    assert not wire.asked
