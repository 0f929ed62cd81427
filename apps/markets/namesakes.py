"""Markets of one name whose prices can't be of one asset. Pure, over arrays."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apps.markets.types import Floats, Int16s, Int32s


@dataclass(frozen=True, slots=True)
class Stranger:
    """A row whose price is `ratio` times that of the rows `others`, its namesakes."""

    row: int
    ratio: float
    others: tuple[int, ...]


def strangers(instrument: Int32s, exchange: Int16s, price: Floats, *, max_ratio: float) -> list[Stranger]:
    """The rows of each instrument that are priced unlike the others; all arrays of length n, `price` per unit of the
    instrument in one currency (NaN: unknown, the row is left alone).

    The reference is the largest set of rows whose dearest is at most `1 + max_ratio` times the cheapest, if it has more
    than half of the exchanges that list the instrument. If none has, nobody knows which asset is meant, and every row
    is a stranger to the rest. Exchanges are counted, not rows: one that lists an asset five times has one voice, and
    where there is only one nothing is compared."""
    found: list[Stranger] = []
    for rows in _apart(instrument, price, max_ratio):
        voices = exchange[rows]
        count = len(np.unique(voices))
        if count < 2:
            continue
        first, last, most = _largest(price[rows], voices, max_ratio)
        if most * 2 > count:
            reference = rows[first:last]
            worth = float(np.median(price[reference]))
            alike = tuple(reference.tolist())
            outside = (*rows[:first].tolist(), *rows[last:].tolist())
            found += [Stranger(row, float(price[row]) / worth, alike) for row in outside]
            continue
        for row in rows.tolist():
            others = rows[rows != row]
            found.append(Stranger(row, float(price[row] / np.median(price[others])), tuple(others.tolist())))
    return found


def _apart(instrument: Int32s, price: Floats, max_ratio: float) -> Iterator[NDArray[np.intp]]:
    """Rows of each instrument whose prices lie further apart than the ratio, cheapest first."""
    known = np.flatnonzero(np.isfinite(price) & (price > 0))
    order = known[np.lexsort((price[known], instrument[known]))]
    if not len(order):
        return
    starts = np.concatenate([[0], np.flatnonzero(np.diff(instrument[order])) + 1])
    ends = np.concatenate([starts[1:], [len(order)]])
    wide = price[order[ends - 1]] > price[order[starts]] * (1 + max_ratio)
    for start, end in zip(starts[wide].tolist(), ends[wide].tolist(), strict=True):
        yield order[start:end]


def _largest(price: Floats, voices: Int16s, max_ratio: float) -> tuple[int, int, int]:
    """[first, last) of the window of sorted prices with the most exchanges, and how many these are."""
    best = (0, 0, 0)
    for first in range(len(price)):
        last = int(np.searchsorted(price, price[first] * (1 + max_ratio), side="right"))
        count = len(np.unique(voices[first:last]))
        if count > best[2]:
            best = (first, last, count)
    return best
