"""How wide markets are and how much that moves: running mean and variance of their relative spread, as arrays."""

from dataclasses import dataclass, field
from typing import ClassVar, Final

import numpy as np

from apps.markets.remembered import SUMS, WHOLE, Remembered
from apps.markets.types import Floats, Int32s, Int64s

# Samples of an hour ago weigh half.
HALF_LIFE_S: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Spreads(Remembered):
    """Mean and variance of (ask - bid) / mid of the markets of one feed, and of how many samples; columns of length n,
    sorted by market id."""

    place: ClassVar = "spreads"
    mean: Floats = field(metadata=SUMS)
    variance: Floats = field(metadata=SUMS)
    count: Int64s = field(metadata=WHOLE)


def spreads_blend(before: Spreads, market_id: Int32s, spread: Floats, *, seconds: float) -> Spreads:
    """What is known after one more sample of the markets `market_id` (sorted), `seconds` after the last one.

    Exponentially weighted: with `a` the new sample's weight and `d` its distance from the mean, the mean moves by `a d`
    and the variance becomes `(1 - a)(variance + a d^2)` (T. Finch, "Incremental calculation of weighted mean and
    variance", 2009, section 9). `a` is what the half-life says, and 1/n for the first samples: their plain mean."""
    after = before.of(np.union1d(before.market_id, market_id).astype(np.int32))
    at = np.searchsorted(after.market_id, market_id)
    after.count[at] += 1
    weight = np.maximum(1 / after.count[at], 1 - 0.5 ** (seconds / HALF_LIFE_S))
    distance = spread - after.mean[at]
    after.mean[at] += weight * distance
    after.variance[at] = (1 - weight) * (after.variance[at] + weight * distance**2)
    return after
