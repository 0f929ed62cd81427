"""Bars without a hole: what an indicator may be computed from. TA-Lib looks across a hole and answers nonsense there
(RSI and ROC go on as if nothing were missing, averages stay NaN for good), so it never gets to see one."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from apps.markets.types import Candles, Floats


class Run(NamedTuple):
    """Consecutive bars of one market (each array of the same length), all prices known, times a power of two that
    brings them near one; `volume` holds NaN where it is not known."""

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats


class Place(NamedTuple):
    """Where a run stands in the arrays: row, bars from `start` to before `stop`; its prices are the true ones times
    `scale`."""

    row: int
    start: int
    stop: int
    scale: float


def runs(candles: Candles) -> Iterator[tuple[Place, Run]]:
    """Every stretch of bars whose four prices are known and positive, row by row, oldest first.

    TA-Lib takes what is smaller than 1e-14 for zero (`TA_EPSILON` in its ta_utility.h), which is no small change of a
    coin that costs 1e-12. Multiplying by a power of two is exact, so results are the same for any unit of price."""
    prices = (candles.open, candles.high, candles.low, candles.close)
    known = np.logical_and.reduce([np.isfinite(price) & (price > 0) for price in prices])
    for row, start, stop in _stretches(known):
        span = np.s_[row, start:stop]
        scale = float(np.ldexp(1.0, -int(np.frexp(candles.close[row, stop - 1])[1])))
        open_, high, low, close = (np.ascontiguousarray(price[span]) * scale for price in prices)
        volume = np.ascontiguousarray(candles.volume[span])
        yield Place(row, start, stop, scale), Run(open_, high, low, close, volume)


def _stretches(known: NDArray[np.bool_]) -> Iterator[tuple[int, int, int]]:
    edges = np.diff(known.astype(np.int8), axis=1, prepend=0, append=0)
    rows, starts = np.nonzero(edges == 1)
    # Stretches neither overlap nor touch, so ends come in the order of starts.
    stops = np.nonzero(edges == -1)[1]
    yield from zip(rows.tolist(), starts.tolist(), stops.tolist(), strict=True)
