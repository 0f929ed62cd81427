"""Bars of many markets as one block of arrays, and what is done with them. Pure."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from apps.markets.types import Floats, Int64s

OPEN, HIGH, LOW, CLOSE, VOLUME = range(5)
FIELDS: Final = 5


@dataclass(frozen=True, slots=True)
class Bars:
    """`values` [5, n, m]: open, high, low, close and volume of n markets (`market_ids`, sorted) in m bars, each
    `step_ms` long, the last of which begins at `last_ms`. NaN: not known; a bar's four prices are known or none is."""

    market_ids: Int64s
    step_ms: int
    last_ms: int
    values: Floats

    @property
    def open_ms(self) -> Int64s:
        """When each bar begins, in Unix ms [m]."""
        count = self.values.shape[2]
        return self.last_ms - self.step_ms * np.arange(count - 1, -1, -1, dtype=np.int64)

    def window(self, market_ids: Int64s, *, last_ms: int, count: int) -> "Bars":
        """The bars of these markets (sorted) in the `count` spans that end with the one from `last_ms` on; what this
        block doesn't have is NaN."""
        values = np.full((FIELDS, len(market_ids), count), np.nan)
        there = np.flatnonzero(np.isin(market_ids, self.market_ids))
        here = np.searchsorted(self.market_ids, market_ids[there])
        mine = self.values.shape[2]
        # Bars by which the window ends later than the block.
        later = (last_ms - self.last_ms) // self.step_ms
        first, last = max(0, mine + later - count), min(mine, mine + later)
        if first < last and len(there):
            into = first + count - mine - later
            values[:, there, into : into + last - first] = self.values[:, here, first:last]
        return Bars(market_ids, self.step_ms, last_ms, values)

    def over(self, other: "Bars") -> "Bars":
        """These bars where they are known, else those of `other`, which has the same shape."""
        known = np.isfinite(self.values[CLOSE])
        return Bars(self.market_ids, self.step_ms, self.last_ms, np.where(known, self.values, other.values))


def bars_none(step_ms: int) -> Bars:
    """No bar of any market."""
    return Bars(np.empty(0, np.int64), step_ms, 0, np.empty((FIELDS, 0, 0)))


def folded(bars: Bars, *, step_ms: int) -> Bars:
    """Longer bars out of bars that cover whole ones (m a multiple of the ratio of their lengths): the first open, the
    highest, the lowest, the last close, volumes summed. One missing part leaves the whole unknown: nobody knows how
    high or low the price was meanwhile."""
    _, count, spans = bars.values.shape
    ratio = step_ms // bars.step_ms
    parts = bars.values.reshape(FIELDS, count, spans // ratio, ratio)
    values = np.stack(
        [
            parts[OPEN, ..., 0],
            parts[HIGH].max(axis=-1),
            parts[LOW].min(axis=-1),
            parts[CLOSE, ..., -1],
            parts[VOLUME].sum(axis=-1),
        ]
    )
    values[:, np.isnan(parts[CLOSE]).any(axis=-1)] = np.nan
    return Bars(bars.market_ids, step_ms, bars.last_ms - step_ms + bars.step_ms, values)
