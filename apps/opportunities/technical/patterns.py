"""Candlestick patterns of whole markets by TA-Lib, over arrays. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import numpy as np

from apps.core.later import later
from apps.markets.types import Candles, Int8s
from apps.opportunities.technical.runs import runs

if TYPE_CHECKING:
    import talib
else:
    # Conditions are read where nothing is computed: there it need not be loaded.
    talib = later("talib")

# TA-Lib's own list: `engulfing` is CDLENGULFING. https://ta-lib.org/functions/ says how each is recognised.
NAMES: Final = (
    "2crows", "3blackcrows", "3inside", "3linestrike", "3outside", "3starsinsouth", "3whitesoldiers", "abandonedbaby",
    "advanceblock", "belthold", "breakaway", "closingmarubozu", "concealbabyswall", "counterattack", "darkcloudcover",
    "doji", "dojistar", "dragonflydoji", "engulfing", "eveningdojistar", "eveningstar", "gapsidesidewhite",
    "gravestonedoji", "hammer", "hangingman", "harami", "haramicross", "highwave", "hikkake", "hikkakemod",
    "homingpigeon", "identical3crows", "inneck", "invertedhammer", "kicking", "kickingbylength", "ladderbottom",
    "longleggeddoji", "longline", "marubozu", "matchinglow", "mathold", "morningdojistar", "morningstar", "onneck",
    "piercing", "rickshawman", "risefall3methods", "separatinglines", "shootingstar", "shortline", "spinningtop",
    "stalledpattern", "sticksandwich", "takuri", "tasukigap", "thrusting", "tristar", "unique3river",
    "upsidegap2crows", "xsidegap3methods",
)  # fmt: skip


def compute(candles: Candles) -> Mapping[str, Int8s]:
    """Every pattern of NAMES at every bar, each of shape [n, m]: +1 bullish, -1 bearish, 0 none.

    Patterns that only mean something in a trend (doji) are told by TA-Lib without looking at one. 0 as well where a
    price is missing and until enough bars have followed it: nothing is seen across a hole. TA-Lib marks a confirmed
    pattern or one whose bodies match exactly more or less strongly (±200, ±80); only the direction is kept."""
    functions = [(name, getattr(talib, f"CDL{name.upper()}")) for name in NAMES]
    found = {name: np.zeros(candles.close.shape, dtype=np.int8) for name in NAMES}
    for place, run in runs(candles):
        for name, function in functions:
            found[name][place.row, place.start : place.stop] = np.sign(function(run.open, run.high, run.low, run.close))
    return found
