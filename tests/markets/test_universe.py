"""Which markets are monitored: ranked by what is traded and how much the spread moves, pinned and blocked by people."""

import math
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from apps.core import clock, redis
from apps.markets import selectors, services, store, tasks
from apps.markets.enums import SnapshotKind, Watch
from apps.markets.models import Exchange, Market
from apps.markets.remembered import remembered_get
from apps.markets.spreads import Spreads, spreads_blend
from apps.markets.types import Latest, Quotes
from apps.markets.universe import TURNS, Standing, standings
from tests.opportunities.conftest import Build, build
from tests.opportunities.factories import NAN, Listing
from tests.opportunities.world import World

__all__ = ["build"]

# Small ids have no turn then.
NO_TURN = TURNS - 1


def standing(market_id: int, **facts: Any) -> Standing:
    plain = Standing(market_id, "spot", Watch.AUTO, 1e6, 0.001, 0.0001, None, monitored=True)
    return replace(plain, **facts)


def ranks(*markets: Standing, size: int = 2, turn: int = NO_TURN) -> dict[int, tuple[int | None, bool]]:
    return {one.market_id: (one.rank, one.monitored) for one in standings(markets, size=size, turn=turn)}


def test_the_rank_is_liquidity_times_the_root_of_the_spreads_deviation() -> None:
    markets = (
        standing(1, liquidity=1e6, volatility=4e-4),  # 2e4
        standing(2, liquidity=3e6, volatility=1e-4),  # 3e4
        standing(3, liquidity=1e3, volatility=1e-1),  # 3e2
        standing(4, liquidity=1e9, volatility=1e-8),  # 1e5
    )
    assert ranks(*markets) == {4: (1, True), 2: (2, True), 1: (3, False), 3: (4, False)}


def test_each_type_has_its_own_universe() -> None:
    markets = (standing(1), standing(2, liquidity=2.0), standing(3, type="swap"), standing(4, type="swap"))
    assert ranks(*markets, size=1) == {1: (1, True), 2: (2, False), 3: (1, True), 4: (2, False)}


def test_people_come_before_ranks_and_the_blocked_take_no_place() -> None:
    markets = (
        standing(1, watch=Watch.BLOCKED, liquidity=1e9),
        standing(2),
        standing(3, liquidity=5.0),
        standing(4, liquidity=1.0, watch=Watch.PINNED, monitored=False),
    )
    assert ranks(*markets, size=1) == {1: (None, False), 2: (1, True), 3: (2, False), 4: (3, True)}


def test_what_was_not_measured_yet_is_read_and_untold_liquidity_ranks_last_by_deviation() -> None:
    markets = (
        standing(1, spread=None, volatility=None, liquidity=None),
        standing(2, liquidity=None, volatility=2e-4),
        standing(3, liquidity=None, volatility=3e-4),
        standing(4, liquidity=1.0),
        standing(5, volatility=None),
    )
    assert ranks(*markets, size=1) == {1: (None, True), 5: (1, True), 4: (2, False), 3: (3, False), 2: (4, False)}


def test_the_unmonitored_take_turns_in_being_read_again() -> None:
    markets = [standing(market_id, liquidity=1e9 / market_id) for market_id in range(1, 300)]
    read = [{one for one, (_, on) in ranks(*markets, size=1, turn=turn).items() if on} - {1} for turn in range(TURNS)]
    assert set().union(*read) == set(range(2, 300))
    assert max(map(len, read)) <= 3


samples = st.lists(st.floats(1e-6, 0.1), min_size=1, max_size=30)


@given(samples)
def test_the_first_samples_are_a_plain_mean_and_deviation(spreads: list[float]) -> None:
    known = Spreads.empty()
    for spread in spreads:
        known = spreads_blend(known, np.array([7], np.int32), np.array([spread]), seconds=0.0)
    assert known.mean[0] == pytest.approx(np.mean(spreads))
    assert known.variance[0] == pytest.approx(np.var(spreads), abs=1e-12)
    assert known.count[0] == len(spreads)


def test_later_samples_weigh_half_after_an_hour() -> None:
    ids = np.array([7], np.int32)
    known = Spreads(ids, np.array([0.01]), np.array([0.0]), np.array([10_000]))
    known = spreads_blend(known, ids, np.array([0.03]), seconds=3600)
    assert known.mean[0] == pytest.approx(0.02)
    assert known.variance[0] == pytest.approx(0.0001)


def test_a_market_that_is_missing_once_is_not_forgotten() -> None:
    both, one = np.array([3, 9], np.int32), np.array([9], np.int32)
    known = spreads_blend(Spreads.empty(), both, np.array([0.01, 0.02]), seconds=15)
    known = spreads_blend(known, one, np.array([0.04]), seconds=15)
    assert known.of(np.array([3, 5, 9], np.int32)).count.tolist() == [1, 0, 2]
    assert known.of(both).mean.tolist() == pytest.approx([0.01, 0.03])


# --- with rows and snapshots ------------------------------------------------------------------------------------------

NAMES = ("BTC", "ETH", "SOL", "XRP")


def quote(world: World, volumes: dict[str, float], wide: float = 0.0) -> Latest:
    """Quotes of now, with what was traded in them."""
    world.version = Exchange.objects.get(id="aaa").market_version
    world.quote()
    for exchange in {one.exchange for one in world.listings}:
        snapshot = store.snapshot_latest(exchange, SnapshotKind.SPOT)
        assert isinstance(snapshot, Quotes)
        names = {world.ids[at]: one.instrument for at, one in enumerate(world.listings)}
        told = [volumes.get(names[market_id], NAN) for market_id in snapshot.market_id.tolist()]
        changed = replace(snapshot, quote_volume=np.array(told), ask=snapshot.ask * (1 + wide))
        store.snapshot_put(changed)
    return selectors.snapshots_latest(now_ms=clock.to_ms(world.now))


@pytest.fixture
def four(build: Build, settings: Settings) -> World:
    """Four spot markets of one exchange."""
    settings.UNIVERSE_SIZE = 2
    return build(*(Listing("aaa", 99.9, 100.1, name) for name in NAMES))


def measured(world: World, volumes: dict[str, float]) -> services.UniverseReport:
    """Two samples with different spreads, and a ranking in which nobody has a turn."""
    for wide in (0.0, 0.001):
        services.spreads_sample(latest=quote(world, volumes, wide))
    taken = {market_id % TURNS for market_id in world.ids}
    slot = next(slot for slot in range(TURNS) if slot not in taken)
    now = clock.from_ms((int(world.now.timestamp()) // (600 * TURNS) * TURNS + slot) * 600_000)
    return services.universe_rank(latest=quote(world, volumes), now=now)


def monitored(world: World) -> set[str]:
    return set(Market.objects.filter(monitored=True).values_list("instrument", flat=True))


def test_the_best_are_monitored_and_only_they_are_read(four: World) -> None:
    before = Exchange.objects.get().market_version
    report = measured(four, {"BTC": 1e9, "ETH": 1e8, "SOL": 1e7, "XRP": 1e6})
    assert report == services.UniverseReport(ranked=4, monitored=2, entered=0, left=2)
    assert monitored(four) == {"BTC", "ETH"}
    assert Exchange.objects.get().market_version == before + 1
    assert set(selectors.market_table().base) == {"BTC", "ETH"}
    assert len(selectors.market_index("aaa", SnapshotKind.SPOT).market_id) == 2
    btc = Market.objects.get(instrument="BTC")
    assert (btc.rank, btc.liquidity_usd) == (1, 1e9)
    assert btc.spread == pytest.approx((0.002 + 0.003) / 2, rel=0.01)
    assert btc.spread_volatility == pytest.approx(0.0005, rel=0.01)


def test_what_hardly_moved_is_not_written(four: World) -> None:
    volumes = {"BTC": 1e9, "ETH": 1e8, "SOL": 1e7, "XRP": 1e6}
    measured(four, volumes)
    version = Exchange.objects.get().market_version
    again = {name: volume * 1.05 for name, volume in volumes.items()}
    assert measured(four, again) == services.UniverseReport(ranked=4, monitored=2, entered=0, left=0)
    assert Exchange.objects.get().market_version == version
    assert Market.objects.get(instrument="BTC").liquidity_usd == 1e9


def test_liquidity_is_in_dollars_at_the_live_rate(build: Build) -> None:
    world = build(
        Listing("aaa", 99.9, 100.1, quote="USDC"),
        Listing("aaa", 0.79, 0.81, "USDC"),
        Listing("aaa", 0.0099, 0.0101, "ETH", quote="BTC"),
    )
    measured(world, {"BTC": 1000.0, "ETH": 2.0})
    told = dict(Market.objects.values_list("instrument", "liquidity_usd"))
    assert told == {"BTC": pytest.approx(800), "ETH": pytest.approx(2 * 100 * 0.8), "USDC": None}


def test_a_market_is_pinned_and_blocked_at_once(four: World) -> None:
    volumes = {"BTC": 1e9, "ETH": 1e8, "SOL": 1e7, "XRP": 1e6}
    measured(four, volumes)
    version = Exchange.objects.get().market_version
    ids = dict(zip(NAMES, four.ids, strict=True))
    assert services.markets_watch(market_ids=[ids["XRP"]], watch=Watch.PINNED) == 1
    assert services.markets_watch(market_ids=[ids["BTC"]], watch=Watch.BLOCKED) == 1
    assert services.markets_watch(market_ids=[ids["BTC"]], watch=Watch.BLOCKED) == 0
    assert monitored(four) == {"ETH", "XRP"}
    assert Exchange.objects.get().market_version == version + 2
    # SOL takes the place that the blocked one left.
    Market.objects.filter(instrument="SOL").update(monitored=True)
    measured(four, volumes)
    assert monitored(four) == {"ETH", "SOL", "XRP"}
    services.markets_watch(market_ids=[ids["XRP"], ids["BTC"]], watch=Watch.AUTO)
    assert monitored(four) == {"ETH", "SOL", "BTC"}


def test_a_lost_cache_keeps_what_the_rows_say(four: World) -> None:
    volumes = {"BTC": 1e9, "ETH": 1e8, "SOL": 1e7, "XRP": 1e6}
    measured(four, volumes)
    redis.cache().delete("markets:spreads:aaa:spot")
    assert remembered_get(Spreads, "aaa", SnapshotKind.SPOT).market_id.size == 0
    four.pass_time(timedelta(seconds=1).total_seconds())
    services.universe_rank(latest=quote(four, volumes), now=four.now)
    btc = Market.objects.get(instrument="BTC")
    assert btc.spread is not None
    assert math.isclose(btc.spread, 0.0025, rel_tol=0.01)


def test_an_exchange_without_fresh_quotes_keeps_its_ranks(four: World) -> None:
    measured(four, {"BTC": 1e9})
    four.pass_time(60)
    latest = selectors.snapshots_latest(now_ms=clock.to_ms(four.now))
    assert services.universe_rank(latest=latest, now=four.now) == services.UniverseReport()
    assert Market.objects.get(instrument="BTC").rank == 1


def test_the_tasks_look_at_the_latest_quotes(four: World) -> None:
    quote(four, {"BTC": 1e9, "ETH": 1e8, "SOL": 1e7, "XRP": 1e6})
    tasks.watch_prices()
    tasks.rank_universe()
    assert Market.objects.get(instrument="BTC").rank == 1
    assert {"BTC", "ETH"} <= monitored(four)
