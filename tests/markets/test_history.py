"""What settled fundings tell: the interval, means and deviations, and whether a spread returns to its mean."""

import gzip
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from apps.markets.funding import gaps_known, interval_settled
from apps.markets.history import LEAST_POINTS, funding_describe, half_life, periods, spread_describe
from apps.markets.types import FundingHistory

HOUR_MS = 3_600_000
START = 1_700_006_400_000  # a full day
FOLDER = Path(__file__).resolve().parents[3] / "shared" / "recordings" / "funding"
RECORDED = sorted(FOLDER.glob("*_funding_history_*.jsonl.gz")) if FOLDER.is_dir() else []


def times(*hours: float) -> np.ndarray:
    return START + np.array([round(hour * HOUR_MS) for hour in hours], dtype=np.int64)


def history(hours: Sequence[float], rates: Any, market_id: int = 1) -> FundingHistory:
    return FundingHistory(market_id, times(*hours), np.broadcast_to(np.asarray(rates, dtype=float), len(hours)).copy())


@pytest.mark.parametrize(
    ("hours", "interval"),
    [
        ([], None),
        ([8], None),
        ([0, 8], 8),
        ([0, 8, 16, 24], 8),
        # Seconds late, as some exchanges settle.
        ([0, 8.003, 16, 24.01], 8),
        # One is missing: neither the double gap nor a shorter row of them is an interval.
        ([0, 8, 16, 32, 40], 8),
        ([0, 1, 2, 3, 5], 1),
        ([0, 1, 2, 3, 7, 8], 1),
        # It became shorter: the first such gap proves it. It became longer: the second one does.
        ([0, 8, 16, 24, 25], 1),
        ([0, 8, 16, 24, 28, 32], 4),
        ([0, 1, 2, 3, 7, 11], 4),
        # Back again.
        ([0, 8, 16, 24, 25, 26, 27, 32, 40, 48], 8),
        # No exchange settles like this.
        ([0, 24, 48], None),
        ([0, 3, 6], None),
    ],
)
def test_the_spacing_tells_the_interval(hours: list[float], interval: float | None) -> None:
    assert interval_settled(times(*hours)) == interval


def test_what_was_long_ago_does_not_outvote_the_recent() -> None:
    assert interval_settled(times(*range(0, 800, 8), *range(800, 809))) == 1
    np.testing.assert_array_equal(gaps_known(times(0, 1, 9, 30)), [1, 8, np.nan])


def test_a_settlement_pays_for_the_time_since_the_one_before_or_the_usual_interval() -> None:
    np.testing.assert_array_equal(periods(history([0, 8, 24, 32, 36], 0.0)), [8, 8, 8, 8, 4])
    assert np.isnan(periods(history([0], 0.0))).all()
    assert len(periods(history([], 0.0))) == 0


def test_stats_weigh_by_time_and_compare_intervals() -> None:
    hourly = funding_describe(history(range(9), 0.0001))
    eight = funding_describe(history([0, 8, 16], 0.0003))
    # 0.01 % an hour is more than 0.03 % in eight.
    assert hourly.mean_8h == pytest.approx(0.0008)
    assert eight.mean_8h == pytest.approx(0.0003)
    assert (hourly.interval_hours, eight.interval_hours, eight.count) == (1, 8, 3)
    assert eight.std_8h == pytest.approx(0, abs=1e-12)
    # Eight hours at 0.00001 an hour, then eight at 0.00003: the mean is that of the time, not of the settlements.
    mixed = funding_describe(history([0, 8, *range(9, 17)], [0.00008, 0.00008, *[0.00003] * 8]))
    assert mixed.mean_hourly == pytest.approx((16 * 0.00001 + 8 * 0.00003) / 24)
    assert mixed.std_hourly == pytest.approx(0.00002 * math.sqrt(2) / 3)


def test_too_few_settlements_tell_nothing() -> None:
    for few in (history([], 0.0), history([8], 0.001)):
        stats = funding_describe(few)
        assert (stats.count, stats.mean_hourly, stats.std_8h, stats.mean_8h) == (0, None, None, None)
    assert spread_describe(history([], 0.0), history([0, 8], 0.0)).points == 0


def autoregression(phi: float, count: int, *, seed: int = 7) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 1e-5, count)
    values = np.zeros(count)
    for at in range(1, count):
        values[at] = phi * values[at - 1] + noise[at]
    return values


@pytest.mark.parametrize("phi", [0.5, 0.8, 0.95])
@pytest.mark.parametrize("interval", [1, 8])
def test_the_half_life_of_an_autoregression_is_found(phi: float, interval: int) -> None:
    hours = range(0, 6000 * interval, interval)
    spread = spread_describe(
        history(hours, 0.0001, 1), history(hours, 0.0001 + 0.0002 + autoregression(phi, len(hours)), 2)
    )
    expected = -math.log(2) / math.log(phi) * interval
    assert spread.half_life_hours == pytest.approx(expected, rel=0.2)
    assert spread.phi == pytest.approx(phi, abs=0.03)
    assert spread.mean_hourly == pytest.approx(0.0002 / interval, rel=0.05)
    assert spread.std_hourly == pytest.approx(1e-5 / math.sqrt(1 - phi**2) / interval, rel=0.1)
    assert (spread.long_id, spread.short_id, spread.step_hours) == (1, 2, interval)


@pytest.mark.parametrize("seed", range(5))
def test_a_random_walk_has_no_half_life(seed: int) -> None:
    hours = range(1000)
    spread = spread_describe(history(hours, 0.0), history(hours, autoregression(1.0, 1000, seed=seed)))
    assert (spread.phi, spread.half_life_hours) == (None, None)
    assert spread.points == 1000


def test_too_few_points_and_constants_have_no_half_life() -> None:
    few = range(LEAST_POINTS)
    assert spread_describe(history(few, 0.0), history(few, autoregression(0.5, len(few)))).phi is None
    assert spread_describe(history(range(500), 0.0), history(range(500), 0.001)).half_life_hours is None


@pytest.mark.parametrize(("phi", "hours"), [(None, None), (0.5, 8), (0.25, 4), (0.0, 0), (-0.3, 0)])
def test_the_half_life_is_when_half_is_left(phi: float | None, hours: float | None) -> None:
    found = half_life(phi, 8)
    assert found == (None if hours is None else pytest.approx(hours))
    if phi and phi > 0 and found:
        assert phi ** (found / 8) == pytest.approx(0.5)


def test_legs_of_different_intervals_and_phases_are_compared_over_the_same_time() -> None:
    hourly = history(range(97), np.arange(97) * 1e-6, 1)
    eight = history(range(8, 97, 8), 8e-4, 2)
    spread = spread_describe(hourly, eight)
    # Per period of the slower leg: 1e-4 an hour less the mean of the eight hourly rates within it.
    inner = [np.arange(end - 7, end + 1).mean() * 1e-6 for end in range(8, 97, 8)]
    assert spread.points == 12
    assert spread.mean_hourly == pytest.approx(1e-4 - np.mean(inner))
    assert spread_describe(eight, hourly).mean_hourly == pytest.approx(-(1e-4 - np.mean(inner)))
    # Settled at 4, 12, 20 o'clock: each period is half in one of the others'.
    shifted = spread_describe(history(range(0, 97, 8), 8e-4), history(range(4, 101, 8), 16e-4))
    assert shifted.mean_hourly == pytest.approx(1e-4)
    # The first period (before 0 h) is known of one leg only for its half.
    assert shifted.points == 12


def test_a_missing_settlement_leaves_a_hole_and_no_wrong_point() -> None:
    whole = range(0, 801, 8)
    holes = [hour for hour in whole if hour not in (160, 400)]
    spread = spread_describe(history(whole, 8e-4), history(holes, 16e-4))
    assert spread.points == len(whole) - 2
    assert spread.mean_hourly == pytest.approx(1e-4)
    assert spread.std_hourly == pytest.approx(0, abs=1e-12)


def recorded(path: Path) -> tuple[FundingHistory, float]:
    with gzip.open(path, "rt") as lines:
        rows = [json.loads(line) for line in lines]
    told = {row["interval_h"] for row in rows}
    assert len(told) == 1
    moments = np.array([round(row["ts"] * 1000) for row in rows], dtype=np.int64)
    return FundingHistory(len(rows), moments, np.array([row["funding_rate"] for row in rows])), told.pop()


@pytest.mark.skipif(not RECORDED, reason=f"the recordings are not there: {FOLDER}")
def test_recorded_histories_tell_their_interval_and_are_mean_reverting() -> None:
    found = {path.name.partition("_funding")[0]: recorded(path) for path in RECORDED}
    for name, (one, told) in found.items():
        assert interval_settled(one.settled_at) == told, name
        stats = funding_describe(one)
        rates = one.rate / told
        assert stats.count == len(one.rate)
        # Rows that are missing change the weights by next to nothing.
        assert stats.mean_hourly == pytest.approx(rates.mean(), rel=0.01), name
        assert stats.std_hourly == pytest.approx(rates.std(), rel=0.01), name
    binance, bybit = found["binanceusdm"][0], found["bybit"][0]
    spread = spread_describe(binance, bybit)
    # By hand: the common settlements, all eight hours apart, and ordinary least squares.
    theirs, ours = (np.round(one.settled_at / HOUR_MS) for one in (binance, bybit))
    both, left, right = np.intersect1d(theirs, ours, return_indices=True)
    difference = (bybit.rate[right] - binance.rate[left]) / 8
    assert abs(spread.points - len(both)) <= 2
    assert spread.mean_hourly == pytest.approx(difference.mean(), rel=0.01)
    slope = np.polyfit(difference[:-1], difference[1:], 1)[0]
    assert spread.phi == pytest.approx(slope, abs=0.01)
    assert spread.half_life_hours == pytest.approx(-math.log(2) / math.log(slope) * 8, rel=0.02)
    dydx = spread_describe(found["dydx_v3"][0], binance)
    assert dydx.step_hours == 8
    assert dydx.points == pytest.approx(17520 / 8, abs=5)
