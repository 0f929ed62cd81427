"""Quotes roll into minutes, minutes into longer bars; what was not watched is not known."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
import redis
from pytest_django import Settings

from apps.core import clock
from apps.core import redis as stores
from apps.core.exceptions import PermanentError
from apps.markets import selectors, services, tasks
from apps.markets import store as snapshots
from apps.markets.candles import store
from apps.markets.candles.bars import CLOSE, FIELDS, VOLUME, Bars, bars_none, folded
from apps.markets.candles.forming import Forming
from apps.markets.candles.timeframes import FOLDED_FROM, KEPT, MINUTE_MS, TIMEFRAMES
from apps.markets.enums import BarOrigin, SnapshotKind
from apps.markets.models import Market
from apps.markets.types import Latest
from tests.markets.test_cache_away import Cache, cache  # noqa: F401  (a Redis that can be killed)
from tests.opportunities.conftest import Build, build  # noqa: F401  (a world of rows and snapshots)
from tests.opportunities.factories import Listing
from tests.opportunities.world import World

T = 1_700_000_040_000  # the beginning of a minute
STEP = MINUTE_MS


def ids(*numbers: int) -> np.ndarray:
    return np.array(numbers, dtype=np.int64)


def flat(market_ids: np.ndarray, closes: list[list[float]], *, last_ms: int = T, step_ms: int = STEP) -> Bars:
    """Bars of which all prices are the close, with a volume of one."""
    values = np.broadcast_to(np.array(closes, dtype=float), (FIELDS, *np.shape(closes))).copy()
    values[VOLUME] = np.where(np.isnan(values[CLOSE]), np.nan, 1.0)
    return Bars(market_ids, step_ms, last_ms, values)


# --- the minute that forms ------------------------------------------------------------------------------------


def watched(*samples: tuple[float, float]) -> Forming:
    """A market 7 at these (second, price)."""
    forming = Forming.at(T)
    for second, price in samples:
        forming = forming.seen(ids(7), np.array([price]), at_ms=T + round(second * 1000))
    return forming


def test_a_minute_has_the_first_the_highest_the_lowest_and_the_last_price() -> None:
    bar = watched((3, 10.0), (15, 12.5), (30, 9.0), (45, 9.5), (59.9, 11.0)).bar()
    assert bar.market_ids.tolist() == [7]
    assert bar.open_ms.tolist() == [T]
    assert bar.values[:4, 0, 0].tolist() == [10.0, 12.5, 9.0, 11.0]
    assert np.isnan(bar.values[VOLUME, 0, 0])


@pytest.mark.parametrize("seconds", [(21, 30, 59), (0, 10, 39), (30,), ()])
def test_a_minute_that_was_watched_in_part_is_no_bar(seconds: tuple[float, ...]) -> None:
    assert not len(watched(*((second, 10.0) for second in seconds)).bar().market_ids)


def test_prices_of_another_minute_and_what_is_not_newer_change_nothing() -> None:
    forming = watched((0, 10.0), (30, 11.0))
    for at_ms in (T - 1, T + STEP, T + 30_000, T + 29_000):
        assert forming.seen(ids(7), np.array([500.0]), at_ms=at_ms) is forming
    assert not forming.is_over(T + STEP - 1)
    assert forming.is_over(T + STEP)
    assert forming.is_over(T - 1)


def test_markets_that_come_or_are_missing_once_have_minutes_of_their_own() -> None:
    forming = Forming.at(T).seen(ids(3, 9), np.array([1.0, 2.0]), at_ms=T)
    forming = forming.seen(ids(5), np.array([8.0]), at_ms=T + 30_000)
    forming = forming.seen(ids(3, 5, 9), np.array([1.5, 8.0, 2.5]), at_ms=T + 50_000)
    bar = forming.bar()
    assert bar.market_ids.tolist() == [3, 9]
    assert bar.values[:4, :, 0].T.tolist() == [[1.0, 1.5, 1.0, 1.5], [2.0, 2.5, 2.0, 2.5]]


# --- blocks ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shift", [-9, -3, -1, 0, 1, 3, 9])
@pytest.mark.parametrize("count", [1, 3, 4, 7])
def test_a_window_holds_what_there_is_and_nothing_else(shift: int, count: int) -> None:
    bars = flat(ids(2, 4), [[1, 2, 3, 4], [5, 6, 7, 8]])
    window = bars.window(ids(3, 4), last_ms=T + shift * STEP, count=count)
    known = dict(zip(bars.open_ms.tolist(), bars.values[CLOSE, 1].tolist(), strict=True))
    assert window.open_ms.tolist() == [T + (shift - back) * STEP for back in range(count - 1, -1, -1)]
    assert np.isnan(window.values[:, 0]).all()
    expected = [known.get(moment, np.nan) for moment in window.open_ms.tolist()]
    np.testing.assert_array_equal(window.values[CLOSE, 1], expected)


def test_known_bars_go_over_others_whole() -> None:
    top = flat(ids(1), [[np.nan, 20.0]])
    top.values[VOLUME] = np.nan
    both = top.over(flat(ids(1), [[1.0, 2.0]]))
    np.testing.assert_array_equal(both.values[CLOSE, 0], [1.0, 20.0])
    # The other's volume is not that bar's.
    np.testing.assert_array_equal(both.values[VOLUME, 0], [1.0, np.nan])


def test_longer_bars_are_made_of_whole_ones_only() -> None:
    values = np.array(
        [
            [[1, 5, 2, 3], [1, 1, 1, 1], [4, 4, 4, np.nan]],
            [[6, 7, 3, 3], [1, 1, 1, 1], [4, 4, 4, np.nan]],
            [[1, 4, 0.5, 2], [1, 1, 1, 1], [4, 4, 4, np.nan]],
            [[5, 6, 3, 2], [1, 1, 1, 1], [4, 4, 4, np.nan]],
            [[1, 2, 4, 8], [1, np.nan, 1, 1], [1, 1, 1, np.nan]],
        ]
    )
    longer = folded(Bars(ids(1, 2, 3), STEP, T, values), step_ms=2 * STEP)
    assert longer.open_ms.tolist() == [T - 3 * STEP, T - STEP]
    assert longer.values[:, 0].T.tolist() == [[1, 7, 1, 6, 3], [2, 3, 0.5, 2, 12]]
    np.testing.assert_array_equal(longer.values[:, 1], [[1, 1], [1, 1], [1, 1], [1, 1], [np.nan, 2]])
    np.testing.assert_array_equal(longer.values[CLOSE, 2], [4, np.nan])
    assert np.isnan(longer.values[:, 2, 1]).all()


def test_each_timeframe_is_folded_from_the_one_before() -> None:
    assert FOLDED_FROM == {"5m": "1m", "15m": "5m", "1h": "15m", "4h": "1h"}
    assert all(TIMEFRAMES[one] % TIMEFRAMES[other] == 0 for one, other in FOLDED_FROM.items())


def test_blocks_come_back_as_they_were_put(redis_state: None) -> None:
    bars = flat(ids(2, 4), [[1, np.nan, 3], [5, 6, 7]])
    store.bars_put("aaa", "1m", BarOrigin.QUOTES, bars)
    found = store.bars_get("aaa", "1m", BarOrigin.QUOTES)
    np.testing.assert_array_equal(found.values, bars.values)
    assert (found.market_ids.tolist(), found.last_ms, found.step_ms) == ([2, 4], T, STEP)
    told, own = store.bars_found("aaa", "1m")
    assert not len(told.market_ids)
    assert own.open_ms.tolist() == bars.open_ms.tolist()
    assert not len(store.bars_get("aaa", "1m", BarOrigin.EXCHANGE).market_ids)
    forming = watched((0, 10.0), (30, 11.0))
    store.forming_put("aaa", SnapshotKind.SPOT, forming)
    kept, none = store.formings_get([("aaa", SnapshotKind.SPOT), ("aaa", SnapshotKind.SWAP)])
    assert none is None
    assert kept is not None
    assert (kept.minute_ms, kept.prices.tolist()) == (T, forming.prices.tolist())


def test_bytes_that_are_no_candles_are_told_and_another_release_counts_as_nothing(redis_state: None) -> None:
    key = "markets:candles:quotes:aaa:1m"
    stores.cache().set(key, b"ARBS\x00\x00\x00\x00")
    with pytest.raises(PermanentError, match="no candles"):
        store.bars_get("aaa", "1m", BarOrigin.QUOTES)
    store.bars_put("aaa", "1m", BarOrigin.QUOTES, flat(ids(2), [[1.0]]))
    data = stores.cache().get(key)
    assert isinstance(data, bytes)
    stores.cache().set(key, data.replace(b'"format":1', b'"format":9'))
    assert not len(store.bars_get("aaa", "1m", BarOrigin.QUOTES).market_ids)


# --- rolling --------------------------------------------------------------------------------------------------


def run(world: World, minutes: float, *, price: float = 100.0, grows: float = 0.0, every_s: int = 5) -> None:
    """Poll and roll; all markets cost `price`, which grows by so much each time."""
    for _ in range(round(minutes * 60 / every_s)):
        price += grows
        for at in range(len(world.listings)):
            world.change(at, bid=price - 0.1, ask=price + 0.1)
        world.quote()
        tasks.roll_candles()
        world.pass_time(every_s)
    world.quote()
    tasks.roll_candles()


def aligned(world: World, timeframe: str) -> None:
    """Go to where the next bar begins."""
    step = TIMEFRAMES[timeframe] / 1000
    world.pass_time(step - world.now.timestamp() % step)


def closes(world: World, timeframe: str = "1m", bars: int = 5) -> list[list[float]]:
    found = selectors.candles(exchange="aaa", timeframe=timeframe, bars=bars, now=world.now)
    assert found is not None
    return found.close.tolist()


@pytest.fixture
def world(build: Build) -> World:  # noqa: F811
    """A spot market and a perpetual of one exchange, at the beginning of a minute."""
    world = build(Listing("aaa", 99.9, 100.1), Listing("aaa", 99.9, 100.1, swap=True))
    store.mirror.forget()
    aligned(world, "1m")
    return world


def test_quotes_become_minutes_of_both_kinds_of_markets(world: World) -> None:
    assert selectors.candles(exchange="aaa", timeframe="1m", now=world.now) is None
    run(world, 3, price=100.0, grows=1.0)
    found = selectors.candles(exchange="aaa", timeframe="1m", bars=3, now=world.now)
    assert found is not None
    assert found.market_ids.tolist() == world.ids
    begin = clock.to_ms(world.now) - 3 * STEP
    assert found.open_ms.tolist() == [begin, begin + STEP, begin + 2 * STEP]
    # The first snapshot of a minute had arrived 0.1 s before it: it is the one before's.
    assert found.close[0].tolist() == pytest.approx([112, 124, 136])
    assert found.high[0].tolist() == found.close[0].tolist()
    assert found.low[1].tolist() == found.open[1].tolist() == pytest.approx([102, 114, 126])
    assert np.isnan(found.volume).all()


def test_a_bar_that_has_not_ended_is_never_given_out(world: World) -> None:
    run(world, 2.5)
    found = selectors.candles(exchange="aaa", timeframe="1m", now=world.now)
    assert found is not None
    assert found.open_ms[-1] + STEP <= clock.to_ms(world.now)
    five = selectors.candles(exchange="aaa", timeframe="5m", now=world.now)
    assert five is None


def test_a_pause_is_a_hole_in_every_timeframe(world: World) -> None:
    aligned(world, "15m")
    run(world, 5)
    world.pass_time(119)
    run(world, 8.1)
    minutes = np.array(closes(world, bars=15)[0])
    assert np.isnan(minutes[[5, 6]]).all()
    assert np.isfinite(np.delete(minutes, [5, 6])).all()
    assert np.isnan(closes(world, "5m", bars=3)[0]).tolist() == [False, True, False]
    assert selectors.candles(exchange="aaa", timeframe="15m", now=world.now) is None


def test_longer_bars_end_with_their_minutes(world: World) -> None:
    aligned(world, "1h")
    run(world, 60, grows=0.25, every_s=15)
    for timeframe, step_ms in TIMEFRAMES.items():
        found = selectors.candles(exchange="aaa", timeframe=timeframe, bars=60, now=world.now)
        if timeframe == "4h":
            assert found is None
            continue
        assert found is not None
        known = np.isfinite(found.close[0])
        assert known.sum() == 60 * MINUTE_MS // step_ms
        assert found.open[0, known][0] == pytest.approx(100.5)
        assert found.close[0, known][-1] == pytest.approx(100 + 0.25 * 240)
        assert (found.open_ms % step_ms == 0).all()


def test_a_refused_feed_makes_no_bars(world: World) -> None:
    run(world, 2)
    before = closes(world, bars=2)
    for _ in range(24):
        world.change(1, bid=199.9, ask=200.1)
        world.quote()
        # As the ingestion does with a feed that stands still.
        snapshots.snapshot_drop("aaa", SnapshotKind.SPOT, at_ms=clock.to_ms(world.now))
        tasks.roll_candles()
        world.pass_time(5)
    tasks.roll_candles()
    spot, swap = closes(world, bars=3)
    assert spot[0] == before[0][-1]
    assert np.isnan(spot[1:]).all()
    assert swap[1:] == pytest.approx([200.0] * 2)


def test_what_the_exchange_told_goes_over_what_was_watched(world: World) -> None:
    run(world, 3)
    last_ms = clock.to_ms(world.now) // STEP * STEP - STEP
    told = flat(ids(world.ids[0]), [[55.0, np.nan]], last_ms=last_ms)
    store.bars_put("aaa", "1m", BarOrigin.EXCHANGE, told)
    run(world, 1)
    first, second = closes(world, bars=4)
    assert first == pytest.approx([100.0, 55.0, 100.0, 100.0])
    assert second == pytest.approx([100.0] * 4)
    candles = selectors.market_candles(exchange="aaa", market_id=world.ids[0], timeframe="1m", bars=3, now=world.now)
    assert [(one.close, one.volume, one.origin) for one in candles] == [
        (55.0, 1.0, BarOrigin.EXCHANGE),
        (100.0, None, BarOrigin.QUOTES),
        (100.0, None, BarOrigin.QUOTES),
    ]


def test_only_the_best_ranked_markets_are_kept(world: World, settings: Settings) -> None:
    settings.CANDLE_MARKETS = 1
    other = Market.objects.create(
        exchange_id="aaa", symbol="B/USDT", type="spot", base="B", quote="USDT", instrument="B", rank=1
    )
    assert [row[0] for row in selectors.candle_markets_ranked("aaa")] == [other.id, world.ids[1]]
    run(world, 1)
    assert selectors.candles(exchange="aaa", timeframe="1m", now=world.now).market_ids.tolist() == [world.ids[1]]
    Market.objects.filter(id=other.id).update(monitored=False)
    run(world, 2)
    assert selectors.candles(exchange="aaa", timeframe="1m", now=world.now).market_ids.tolist() == world.ids
    Market.objects.filter(id=world.ids[0]).update(active=False)
    run(world, 1)
    assert selectors.candles(exchange="aaa", timeframe="1m", now=world.now).market_ids.tolist() == [world.ids[1]]


def test_blocks_are_bounded(world: World) -> None:
    store.bars_put("aaa", "1m", BarOrigin.QUOTES, bars_none(STEP))
    run(world, (KEPT + 3), every_s=15)
    assert store.bars_get("aaa", "1m", BarOrigin.QUOTES).values.shape == (FIELDS, 2, KEPT)
    found = selectors.candles(exchange="aaa", timeframe="1m", bars=10_000, now=world.now)
    assert found is not None
    assert found.close.shape == (2, KEPT)


def test_long_after_the_last_bar_there_is_nothing(world: World) -> None:
    run(world, 2)
    world.pass_time(3600)
    assert np.isnan(np.array(closes(world, bars=KEPT))[:, -50:]).all()
    assert selectors.candles(exchange="aaa", timeframe="1m", bars=50, now=world.now) is None
    assert selectors.candles(exchange="aaa", timeframe="1m", now=world.now - timedelta(days=1)) is None


def test_a_lost_cache_begins_anew(world: World) -> None:
    run(world, 2)
    stores.cache().flushdb()
    store.mirror.forget()
    assert selectors.candles(exchange="aaa", timeframe="1m", now=world.now) is None
    run(world, 2)
    # The minute during which it was lost was not watched from its beginning... but for its first third.
    assert np.isfinite(closes(world, bars=1)).all()


def test_while_redis_is_away_this_process_goes_on(cache: Cache, world: World) -> None:  # noqa: F811
    run(world, 1)
    latest = selectors.snapshots_latest(now_ms=clock.to_ms(world.now))
    cache.kill()
    for _ in range(12):
        world.pass_time(5)
        moved = [replace(quotes, received_at=clock.to_ms(world.now)) for quotes in (*latest.spot, *latest.swap)]
        services.candles_roll(latest=Latest(spot=moved[:1], swap=moved[1:]), now=world.now)
    assert closes(world, bars=2) == [pytest.approx([100.0, 100.0])] * 2
    # Who has put nothing there does not know, which is not "nothing".
    store.mirror.forget()
    with pytest.raises(redis.RedisError):
        selectors.candles(exchange="aaa", timeframe="1m", now=world.now)
    cache.start()


def test_an_unknown_timeframe_is_told(world: World) -> None:
    with pytest.raises(PermanentError, match="no candles of '2m'; there are 1m, 5m, 15m, 1h, 4h"):
        selectors.candles(exchange="aaa", timeframe="2m", now=world.now)
