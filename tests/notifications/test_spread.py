"""Latencies in logarithmic buckets: what they add up to, against the exact figures."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.notifications.statistics.spread import ERROR, Spread, bucket_of

SHARES = (0.0, 0.25, 0.5, 0.95, 0.99, 1.0)
# From less than a microsecond (a clock set back) to a month.
TIMES = st.integers(0, 30 * 86_400_000_000)


def spread_of(times: list[int]) -> Spread:
    spread = Spread()
    for time in times:
        spread.take(bucket_of(time), 1, sum_us=time, min_us=time, max_us=time)
    return spread


@given(st.lists(st.lists(TIMES, max_size=60), min_size=1, max_size=6))
def test_merged_percentiles_are_within_the_stated_error_of_the_exact_ones(hours: list[list[int]]) -> None:
    merged = Spread()
    for hour in hours:
        merged.add(Spread.of(spread_of(hour).exact(), spread_of(hour).packed()))
    times = [time for hour in hours for time in hour]
    found = merged.percentiles_us(*SHARES)
    if not times:
        assert found == [None] * len(SHARES)
        assert (merged.count, merged.mean_us, merged.min_us, merged.max_us) == (0, None, None, None)
        return
    exact = np.percentile(np.array(times), [100 * share for share in SHARES], method="lower")
    for ours, theirs in zip(found, exact, strict=True):
        assert ours is not None
        # Floating point at the edge of a bucket is nothing beside the bucket.
        assert abs(ours - theirs) <= ERROR * theirs * (1 + 1e-9) or theirs < 1 >= ours
    assert (merged.count, merged.min_us, merged.max_us) == (len(times), min(times), max(times))
    assert merged.mean_us == sum(times) / len(times)


@given(st.lists(TIMES, max_size=40), st.lists(TIMES, max_size=40))
def test_the_order_of_adding_does_not_matter(first: list[int], second: list[int]) -> None:
    one, other = spread_of(first), spread_of(second)
    one.add(spread_of(second))
    other.add(spread_of(first))
    both = spread_of([*first, *second])
    assert one.exact() == other.exact() == both.exact()
    assert one.packed() == other.packed() == both.packed()


@pytest.mark.parametrize("scale_us", [1_000, 200_000, 60_000_000])
def test_a_long_tail_keeps_its_percentiles(scale_us: int) -> None:
    times = np.random.default_rng(7).lognormal(np.log(scale_us), 1.5, 20_000).astype(int)
    spread = spread_of(times.tolist())
    exact = np.percentile(times, [50, 95, 99], method="lower")
    assert spread.percentiles_us(0.5, 0.95, 0.99) == pytest.approx(exact.tolist(), rel=ERROR)
    assert len(spread.packed()) < 6000


def test_buckets_never_go_back() -> None:
    buckets = [bucket_of(round(1.005**step)) for step in range(5000)]
    assert all(one <= other for one, other in pairwise(buckets))
    assert bucket_of(0) == bucket_of(1) == 0
