"""How much prices move: a running variance of returns."""

import math

import numpy as np
import pytest

from apps.core import clock, redis
from apps.markets import selectors, services
from apps.markets.enums import SnapshotKind
from apps.markets.remembered import remembered_get, remembered_put
from apps.markets.types import Latest
from apps.markets.volatility import LEAST_RETURNS, Volatilities, volatilities_blend
from tests.opportunities.conftest import Build, build  # noqa: F401  (a world of rows and snapshots)
from tests.opportunities.factories import Listing

EMPTY = Volatilities.empty()
NOW_MS = 1_700_000_000_000


def ids(*numbers: int) -> np.ndarray:
    return np.array(numbers, dtype=np.int32)


def walked(step: float, *, count: int, every_s: float, found: Volatilities = EMPTY) -> Volatilities:
    """After `count` returns of exactly +step and -step in turn."""
    for number in range(count + 1):
        mid = np.array([100.0 * math.exp(step * (number % 2))])
        found = volatilities_blend(found, ids(7), mid, at_ms=NOW_MS + round(number * every_s * 1000))
    return found


@pytest.mark.parametrize("every_s", [5.0, 15.0, 60.0])
def test_equal_returns_have_the_deviation_of_their_size(every_s: float) -> None:
    found = walked(0.001, count=LEAST_RETURNS, every_s=every_s)
    # 0.1 % per sample; variances add up to those of an hour.
    assert found.hourly()[0] == pytest.approx(0.001 * math.sqrt(3600 / every_s))
    assert found.count[0] == LEAST_RETURNS


def test_normal_returns_have_their_deviation() -> None:
    dice = np.random.default_rng(5)
    log_price, found = 0.0, EMPTY
    for number in range(2000):
        log_price += dice.normal(0.0, 0.01 / math.sqrt(240))
        found = volatilities_blend(found, ids(7), np.array([math.exp(log_price)]), at_ms=NOW_MS + number * 15_000)
    # About 350 returns weigh: their deviation is within 10 % with near certainty.
    assert found.hourly()[0] == pytest.approx(0.01, rel=0.15)


def test_a_few_returns_say_nothing_and_old_prices_count_for_none() -> None:
    found = walked(0.001, count=LEAST_RETURNS - 1, every_s=15)
    assert np.isnan(found.hourly()[0])
    last = int(found.at_ms[0])
    for late in (last, last - 1000, last + 901_000):
        after = volatilities_blend(found, ids(7), np.array([500.0]), at_ms=late)
        assert (after.count[0], after.variance[0]) == (found.count[0], found.variance[0])
    # The price after a gap is where the next return begins; one from the past is not.
    assert after.mid[0] == 500.0
    assert volatilities_blend(found, ids(7), np.array([500.0]), at_ms=last - 1000).mid[0] == found.mid[0]


def test_markets_come_and_go() -> None:
    found = volatilities_blend(EMPTY, ids(3, 9), np.array([1.0, 2.0]), at_ms=NOW_MS)
    found = volatilities_blend(found, ids(5, 9), np.array([4.0, 2.0]), at_ms=NOW_MS + 15_000)
    assert (found.market_id.tolist(), found.count.tolist()) == ([3, 5, 9], [0, 0, 1])
    assert found.of(ids(1, 9)).mid.tolist()[1] == 2.0
    assert np.isnan(found.of(ids(1)).mid[0])


def test_it_is_remembered_as_it_was(redis_state: None) -> None:
    found = walked(0.002, count=30, every_s=15)
    remembered_put(found, "aaa", SnapshotKind.SPOT)
    kept = remembered_get(Volatilities, "aaa", SnapshotKind.SPOT)
    for name in ("market_id", "mid", "at_ms", "variance", "count"):
        assert getattr(kept, name).tolist() == getattr(found, name).tolist()
    assert not len(remembered_get(Volatilities, "aaa", SnapshotKind.SWAP).market_id)
    # What another release kept there is no reason to stop.
    place = "markets:volatility:aaa:spot"
    kept_there = redis.cache().get(place)
    assert isinstance(kept_there, bytes)
    redis.cache().set(place, kept_there.replace(b"mid", b"was"))
    assert not len(remembered_get(Volatilities, "aaa", SnapshotKind.SPOT).market_id)


def test_samples_of_snapshots_are_told_by_market(build: Build) -> None:  # noqa: F811
    world = build(Listing("aaa", 99.9, 100.1), Listing("aaa", 99.9, 100.1, swap=True))
    for number in range(LEAST_RETURNS + 1):
        world.change(0, bid=99.9 + number % 2, ask=100.1 + number % 2)
        world.quote()
        services.volatility_sample(latest=selectors.snapshots_latest(now_ms=clock.to_ms(world.now)))
        world.pass_time(15)
    known = selectors.volatility_of([*world.ids, 10_000_000])
    assert known[world.ids[0]] == pytest.approx(math.log(101 / 100) * math.sqrt(240))
    assert known[world.ids[1]] == 0.0
    assert set(known) == set(world.ids)
    services.volatility_sample(latest=Latest())
    assert selectors.volatility_of(world.ids) == known
