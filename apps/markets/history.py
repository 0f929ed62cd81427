"""What settled fundings come to: means, deviations, and how fast a spread between two perpetuals fades. Pure."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from apps.markets.funding import gaps_known, interval_settled
from apps.markets.types import Floats, FundingHistory, FundingStats, SpreadStats

_HOUR_MS: Final = 3_600_000
# Fewer points than this say nothing about how a spread moves.
LEAST_POINTS: Final = 30
# Exchanges write rates with eight to ten digits: what moves by less than this an hour is a rounding of ours.
_STILL: Final = 1e-13
# Dickey and Fuller's statistic of a series with a mean: below this the series is no random walk, at 5 %.
# J. G. MacKinnon, Critical Values for Cointegration Tests (2010), table 2, N = 1, "c":
# https://www.econ.queensu.ca/sites/econ.queensu.ca/files/wpaper/qed_wp_1227.pdf
DICKEY_FULLER: Final = -2.8615


def periods(history: FundingHistory) -> Floats:
    """Hours that each settlement pays for (length n): the time since the one before; where that one is missing, and for
    the first, as long as the next period that is known, else the one before it. NaN where none is."""
    count = len(history.settled_at)
    gaps = np.diff(history.settled_at) / _HOUR_MS
    hours = np.full(count, np.nan)
    hours[1:] = np.where(np.isfinite(gaps_known(history.settled_at)), gaps, np.nan)
    known = np.flatnonzero(np.isfinite(hours))
    if not len(known):
        return hours
    following = np.minimum(np.searchsorted(known, np.arange(count)), len(known) - 1)
    return hours[known[following]]


def funding_describe(history: FundingHistory) -> FundingStats:
    """Mean and deviation of the rate per hour; each settlement weighs as long as the period that it pays for."""
    hours = periods(history)
    known = np.isfinite(hours)
    hourly, weight = history.rate[known] / hours[known], hours[known]
    if not len(hourly):
        return FundingStats(history.market_id, 0, None, None, None)
    mean = float(np.average(hourly, weights=weight))
    std = math.sqrt(float(np.average((hourly - mean) ** 2, weights=weight)))
    return FundingStats(history.market_id, len(hourly), interval_settled(history.settled_at), mean, std)


def spread_describe(long: FundingHistory, short: FundingHistory) -> SpreadStats:
    """The funding spread per hour that a position earned: what the short leg received less what the long leg paid.

    One point per settlement of the leg that settles less often: both legs' mean hourly rates over the period that it
    pays for. Where a leg's settlements don't cover a period (they began later, some are missing) there is no point."""
    one, other = _Curve.of(long), _Curve.of(short)
    slower = max((one, other), key=lambda curve: curve.usual or 0.0)
    step = slower.usual
    if step is None or one.usual is None or other.usual is None:
        return SpreadStats(long.market_id, short.market_id, 0, None, None, None, None, None)
    ends = slower.ends
    values = other.hourly(ends - step, ends) - one.hourly(ends - step, ends)
    good = values[np.isfinite(values)]
    if not len(good):
        return SpreadStats(long.market_id, short.market_id, 0, step, None, None, None, None)
    phi = reversion(values, ends, step)
    return SpreadStats(
        long_id=long.market_id,
        short_id=short.market_id,
        points=len(good),
        step_hours=step,
        mean_hourly=float(good.mean()),
        std_hourly=float(good.std()),
        phi=phi,
        half_life_hours=half_life(phi, step),
    )


def reversion(values: Floats, ends: Floats, step: float) -> float | None:
    """The coefficient φ of the first-order autoregression `s(t+1) = c + φ·s(t) + ε`, by least squares over pairs of
    neighbours; None where there are too few of them, or where they can't be told from a random walk (Dickey and
    Fuller's test at 5 %: a random walk has no mean that it returns to)."""
    beside = (np.abs(np.diff(ends) - step) < step / 2) & np.isfinite(values[1:]) & np.isfinite(values[:-1])
    now, following = values[:-1][beside], values[1:][beside]
    if len(now) < LEAST_POINTS or np.ptp(now) < _STILL:
        return None
    centred = now - now.mean()
    spread = float(centred @ centred)
    phi = float(centred @ following) / spread
    residuals = following - following.mean() - phi * centred
    error = math.sqrt(float(residuals @ residuals) / (len(now) - 2) / spread)
    return phi if phi - 1 < DICKEY_FULLER * error else None


def half_life(phi: float | None, step: float) -> float | None:
    """Hours in which half of a deviation from the mean is gone: `-ln 2 / ln φ` steps, since after k steps `φ^k` of
    it is left. None without φ; 0 where φ is not positive: nothing of a deviation is left one step later.

    E. P. Chan, Algorithmic Trading (Wiley 2013), chapter 2, has it as `-ln 2 / λ` with λ = φ - 1 for small steps;
    https://en.wikipedia.org/wiki/Autoregressive_model#Explicit_mean/difference_form_of_AR(1)_process for `φ^k`."""
    if phi is None:
        return None
    return 0.0 if phi <= 0 else -math.log(2) / math.log(phi) * step


@dataclass(frozen=True, slots=True)
class _Curve:
    """What a leg has been paid up to each moment, as two broken lines over `knots` (hours since 1970): the sum of
    rates, and the hours that they are known for. A rate is spread evenly over the period that it pays for."""

    ends: Floats
    usual: float | None
    knots: Floats
    paid: Floats
    covered: Floats

    @classmethod
    def of(cls, history: FundingHistory) -> "_Curve":
        hours = periods(history)
        known = np.isfinite(hours)
        ends, hours, rate = history.settled_at[known] / _HOUR_MS, hours[known], history.rate[known]
        return cls(
            ends=ends,
            usual=interval_settled(history.settled_at),
            knots=np.column_stack([ends - hours, ends]).ravel(),
            paid=_steps(rate),
            covered=_steps(hours),
        )

    def hourly(self, begin: Floats, end: Floats) -> Floats:
        """Mean rate per hour from `begin` to `end` (hours since 1970); NaN where it isn't known all the time."""
        covered = np.interp(end, self.knots, self.covered) - np.interp(begin, self.knots, self.covered)
        paid = np.interp(end, self.knots, self.paid) - np.interp(begin, self.knots, self.paid)
        whole = np.abs(covered - (end - begin)) < 0.01 * (end - begin)
        return np.where(whole, paid / (end - begin), np.nan)


def _steps(values: Floats) -> Floats:
    """The running sum before and after each value."""
    after = np.cumsum(values)
    return np.column_stack([after - values, after]).ravel()
