"""Which side of a threshold figures are on, and where that is news. Pure array operations."""

import numpy as np

from apps.distribution.triggers.board import Bools
from apps.markets.types import Floats, Int8s


def sides(value: Floats, threshold: Floats, upward: Bools, slack: Floats, standing: Int8s) -> Int8s:
    """1 where `value` is beyond `threshold` (above it where `upward`, else below), -1 where it is not, 0 where it is
    NaN.

    Who is beyond already goes back only at `slack` (a fraction of the threshold) behind it, so that a figure that
    trembles at its threshold is no news each time."""
    beyond = np.where(upward, value - threshold, threshold - value)
    holds = np.where(standing > 0, beyond >= -np.abs(threshold) * slack, beyond > 0)
    return np.where(np.isnan(beyond), 0, np.where(holds, 1, -1)).astype(np.int8)


def edges(side: Int8s, standing: Int8s, both_ways: Bools) -> Bools:
    """Where a side is news: it holds and did not; or (`both_ways`) it is another than the one that was noted, whichever
    that was. The first look at a crossing is none."""
    one_way: Bools = (side > 0) & (standing <= 0)
    crossed: Bools = (side != 0) & (standing != 0) & (side != standing)
    return np.where(both_ways, crossed, one_way)
