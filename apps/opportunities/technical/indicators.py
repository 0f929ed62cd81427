"""Technical indicators of whole markets by TA-Lib, over arrays. Pure.

Row by row in one thread: a call takes a microsecond or two, and two threads that hand each other the interpreter after
each of them take longer than one (0.88 s against 0.63 s for everything of 2,000 markets with 200 bars)."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from apps.core.exceptions import PermanentError
from apps.core.later import later
from apps.markets.types import Candles, Floats
from apps.opportunities.technical.runs import Run, runs

if TYPE_CHECKING:
    import talib
else:
    # Names and units are read where nothing is computed: there it need not be loaded.
    talib = later("talib")

_STOCH_BARS: Final = 14
_STOCH_SMOOTH: Final = 3


@dataclass(frozen=True, slots=True)
class _Call:
    """One computation that gives these indicators; `in_price`: they are in the unit of the price, not free of one."""

    names: tuple[str, ...]
    compute: Callable[[Run], tuple[Floats, ...]]
    in_price: bool = False


def _rsi(run: Run) -> tuple[Floats, ...]:
    """Wilder's relative strength index. A price that has not moved yet has none (TA-Lib says 0, the same as for one
    that only fell)."""
    found: Floats = talib.RSI(run.close, timeperiod=14)
    moved = np.cumsum(np.abs(np.diff(run.close, prepend=run.close[0]))) > 0
    return (np.where(moved, found, np.nan),)


def _bands(run: Run) -> tuple[Floats, ...]:
    upper, middle, lower = talib.BBANDS(run.close, timeperiod=20, nbdevup=2.0, nbdevdn=2.0)
    return upper, middle, lower


def _band_percent(run: Run) -> tuple[Floats, ...]:
    """%b: 0 on the lower band, 1 on the upper one; where a price stood still they are one, and it is nowhere."""
    upper, _, lower = _bands(run)
    width = upper - lower
    return (np.divide(run.close - lower, width, out=np.full(len(width), np.nan), where=width > 0),)


def _stochastic(run: Run) -> tuple[Floats, ...]:
    """Slow stochastic %K and %D. Where the highest price is the lowest there is no place between them (TA-Lib says 0),
    nor where one of the averaged values is of such a moment."""
    slow, smooth = talib.STOCH(
        run.high,
        run.low,
        run.close,
        fastk_period=_STOCH_BARS,
        slowk_period=_STOCH_SMOOTH,
        slowd_period=_STOCH_SMOOTH,
    )
    if len(run.close) < _STOCH_BARS:
        return slow, smooth
    still = talib.MAX(run.high, _STOCH_BARS) == talib.MIN(run.low, _STOCH_BARS)
    if still.any():
        slow = np.where(_lately(still, _STOCH_SMOOTH), np.nan, slow)
        smooth = np.where(_lately(still, 2 * _STOCH_SMOOTH - 1), np.nan, smooth)
    return slow, smooth


def _lately(flags: NDArray[np.bool_], bars: int) -> NDArray[np.bool_]:
    """Whether a flag was set within so many bars, this one included."""
    return np.convolve(flags, np.ones(bars, dtype=np.int64))[: len(flags)] > 0


def _macd(run: Run) -> tuple[Floats, ...]:
    line, signal, histogram = talib.MACD(run.close, fastperiod=12, slowperiod=26, signalperiod=9)
    return line, signal, histogram


# What each is and how it is started: https://ta-lib.org/functions/ (Wilder's own smoothing in RSI, ATR and ADX,
# exponential averages begin with the plain mean of their first period, bands and stochastics are of plain means).
_CALLS: Final = (
    _Call(("rsi_14",), _rsi),
    _Call(("macd", "macd_signal", "macd_hist"), _macd, in_price=True),
    _Call(("sma_20",), lambda run: (talib.SMA(run.close, timeperiod=20),), in_price=True),
    _Call(("sma_50",), lambda run: (talib.SMA(run.close, timeperiod=50),), in_price=True),
    _Call(("ema_12",), lambda run: (talib.EMA(run.close, timeperiod=12),), in_price=True),
    _Call(("ema_26",), lambda run: (talib.EMA(run.close, timeperiod=26),), in_price=True),
    _Call(("bb_upper", "bb_middle", "bb_lower"), _bands, in_price=True),
    _Call(("bb_percent",), _band_percent),
    _Call(("atr_14",), lambda run: (talib.ATR(run.high, run.low, run.close, timeperiod=14),), in_price=True),
    _Call(("roc_10",), lambda run: (talib.ROC(run.close, timeperiod=10),)),
    _Call(("adx_14",), lambda run: (talib.ADX(run.high, run.low, run.close, timeperiod=14),)),
    _Call(("stoch_k", "stoch_d"), _stochastic),
    _Call(("obv",), lambda run: (talib.OBV(run.close, run.volume),)),
)
NAMES: Final = tuple(name for call in _CALLS for name in call.names)


def compute(candles: Candles, names: Collection[str] | None = None) -> Mapping[str, Floats]:
    """These indicators (None: all of NAMES) of every market at every bar, each of shape [n, m].

    `macd*`, `sma_*`, `ema_*`, `bb_upper|middle|lower` and `atr_14` are in quote currency; `rsi_14`, `adx_14` and
    `stoch_*` go from 0 to 100, `roc_10` is percent of ten bars, `bb_percent` 0 to 1 from band to band; `obv` is in the
    unit of the volume, counted from the first bar of its run (only its moves mean something).

    NaN where a price is missing, and after it until the indicator's period is full again: nothing is computed across a
    hole. `obv` is NaN where a volume is missing, and after it until the next hole.
    Raises PermanentError(code="unknown_indicator")."""
    wanted = set(NAMES if names is None else names)
    if unknown := wanted - set(NAMES):
        raise PermanentError(
            f"There is no indicator {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}.",
            code="unknown_indicator",
        )
    calls = [call for call in _CALLS if wanted & set(call.names)]
    found = {name: np.full(candles.close.shape, np.nan) for call in calls for name in call.names}
    for place, run in runs(candles):
        for call in calls:
            for name, values in zip(call.names, call.compute(run), strict=True):
                into = found[name][place.row, place.start : place.stop]
                into[:] = values / place.scale if call.in_price else values
    return {name: values for name, values in found.items() if name in wanted}
