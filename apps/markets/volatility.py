"""How much prices move: running variance of the logarithmic returns of middle prices per market, as arrays."""

from dataclasses import dataclass, field
from typing import ClassVar, Final

import numpy as np

from apps.markets.remembered import PRICES, SUMS, WHOLE, Remembered
from apps.markets.types import Floats, Int32s, Int64s

# Samples of an hour ago weigh half.
HALF_LIFE_S: Final = 3600.0
# Fewer returns than this (five minutes of them) say nothing.
LEAST_RETURNS: Final = 20
# Over a longer gap than this nobody knows how the price went.
_LONGEST_S: Final = 900.0


@dataclass(frozen=True, slots=True)
class Volatilities(Remembered):
    """Columns of length n, sorted by market id: the last middle price and its moment (Unix ms), the variance of returns
    per hour, and of how many returns it is."""

    place: ClassVar = "volatility"
    mid: Floats = field(metadata=PRICES)
    at_ms: Int64s = field(metadata=WHOLE)
    variance: Floats = field(metadata=SUMS)
    count: Int64s = field(metadata=WHOLE)

    def hourly(self) -> Floats:
        """Standard deviation of the return of one hour, as a fraction; NaN where there are too few samples.

        Returns of disjoint times are taken as independent, so variances add: an hour has that of its parts."""
        return np.where(self.count >= LEAST_RETURNS, np.sqrt(self.variance), np.nan)


def volatilities_blend(before: Volatilities, market_id: Int32s, mid: Floats, *, at_ms: int) -> Volatilities:
    """What is known after one more price of the markets `market_id` (sorted), `mid` (positive) at `at_ms`.

    The exponentially weighted moving average of squared returns (RiskMetrics Technical Document, 4th ed. 1996, section
    5.2, mean zero), per hour: `r^2 / dt`. The weight is what the half-life says, and 1/n for the first n returns: their
    plain mean. A price of the same moment as the last one tells nothing new."""
    after = before.of(np.union1d(before.market_id, market_id).astype(np.int32))
    at = np.searchsorted(after.market_id, market_id)
    seconds = (at_ms - after.at_ms[at]) / 1000
    fit = np.flatnonzero((after.at_ms[at] > 0) & (seconds > 0) & (seconds <= _LONGEST_S))
    here, passed = at[fit], seconds[fit]
    sample = np.log(mid[fit] / after.mid[here]) ** 2 / (passed / 3600)
    after.count[here] += 1
    weight = np.maximum(1 / after.count[here], 1 - 0.5 ** (passed / HALF_LIFE_S))
    after.variance[here] += weight * (sample - after.variance[here])
    newer = seconds > 0
    after.mid[at[newer]], after.at_ms[at[newer]] = mid[newer], at_ms
    return after
