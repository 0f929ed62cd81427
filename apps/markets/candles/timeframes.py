"""The timeframes that candles are kept in."""

from collections.abc import Mapping
from typing import Final

MINUTE: Final = "1m"
MINUTE_MS: Final = 60_000
# Length in ms, shortest first. Bars begin where Unix time is a multiple of it, as they do on every exchange.
TIMEFRAMES: Final[Mapping[str, int]] = {
    MINUTE: MINUTE_MS,
    "5m": 5 * MINUTE_MS,
    "15m": 15 * MINUTE_MS,
    "1h": 60 * MINUTE_MS,
    "4h": 240 * MINUTE_MS,
}
# What a bar of each is folded from: the next shorter timeframe.
FOLDED_FROM: Final[Mapping[str, str]] = dict(zip(list(TIMEFRAMES)[1:], TIMEFRAMES, strict=False))
# Bars kept of each: enough for a moving average of 50 and the 150 bars that an exponential one needs to forget its
# beginning.
KEPT: Final = 240
