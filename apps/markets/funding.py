"""Funding intervals: without one a rate means nothing, so each says where it comes from."""

from collections import Counter
from typing import Final

import numpy as np

from apps.markets.enums import IntervalSource
from apps.markets.types import Floats, Int8s, Int64s

# The intervals that exchanges have.
HOURS: Final = (1.0, 2.0, 4.0, 8.0)
# Settlements come a few seconds late at times, and the spacing is still the round one.
LATE_MS: Final = 120_000
# Older ones say what the interval was.
RECENT: Final = 8
_HOUR_MS: Final = 3_600_000


def intervals_resolve(told: Floats, settled: Floats, constant: float | None) -> tuple[Floats, Int8s]:
    """Hours and `IntervalSource` per row: the exchange's word, else the spacing of settled fundings, else the
    documented constant of the exchange, else NaN and UNKNOWN. What is not finite and positive counts as not told."""
    hours = np.full(len(told), np.nan)
    source = np.full(len(told), IntervalSource.UNKNOWN, dtype=np.int8)
    last = np.full(len(told), np.nan if constant is None else constant)
    for values, name in (
        (told, IntervalSource.EXCHANGE),
        (settled, IntervalSource.HISTORY),
        (last, IntervalSource.CONSTANT),
    ):
        fits = (source == IntervalSource.UNKNOWN) & np.isfinite(values) & (values > 0)
        hours[fits], source[fits] = values[fits], name
    return hours, source


def gaps_known(settled_at: Int64s) -> Floats:
    """Hours between each settlement and the next (length n - 1, oldest first); NaN where that is no interval that any
    exchange has: a settlement between them is missing."""
    gaps = np.diff(settled_at)
    hours = np.array(HOURS)
    nearest = hours[np.abs(gaps[:, None] - hours * _HOUR_MS).argmin(axis=1)]
    return np.where(np.abs(gaps - nearest * _HOUR_MS) <= LATE_MS, nearest, np.nan)


def interval_settled(settled_at: Int64s) -> float | None:
    """The funding interval in hours that the spacing of settlements (Unix ms, oldest first) tells; None: it tells none.

    The most frequent of the recent gaps. The newest ones overrule it: two alike are a new interval, and so is a single
    shorter one. (A longer one may only be a settlement that we lack; none ever comes too much.)"""
    gaps = gaps_known(settled_at[-RECENT - 1 :])
    known: list[float] = gaps[np.isfinite(gaps)].tolist()
    if not known:
        return None
    usual = Counter(reversed(known)).most_common(1)[0][0]
    newest = known[-1]
    return newest if newest < usual or known[-2:] == [newest, newest] else usual
