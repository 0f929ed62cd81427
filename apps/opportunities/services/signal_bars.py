"""The last closed bars of each exchange as figures, and which of them the rules have already been judged by."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast

import numpy as np
import orjson

from apps.core import clock, redis
from apps.markets.candles.timeframes import TIMEFRAMES
from apps.markets.selectors import candles
from apps.markets.types import Floats, Int64s
from apps.opportunities.technical.readings import last_two
from apps.opportunities.technical.signals import Readings

# Enough for every indicator (a MACD forgets its beginning within some 150 bars).
BARS: Final = 200
_JUDGED: Final = "opportunities:technical:judged"


@dataclass(frozen=True, slots=True)
class Bars:
    """Figures of n markets at the last two closed bars, [n, 2] each; the last one began at `open_ms`."""

    open_ms: int
    market_ids: Int64s
    figures: Mapping[str, Floats]


@dataclass(frozen=True, slots=True)
class Judged:
    """Of one exchange: the newest change of a rule (Unix ms) and the last bar of each timeframe that were judged."""

    rules_ms: int = 0
    open_ms: Mapping[str, int] | None = None

    def bar(self, timeframe: str) -> int:
        """The start of the last bar that was judged, 0 before the first."""
        return (self.open_ms or {}).get(timeframe, 0)


# Of each exchange and timeframe the last bars: a rule of several timeframes reads the longer ones again and again.
_known: dict[tuple[str, str], Bars] = {}


def newest_open_ms(timeframe: str, now: datetime) -> int:
    """When the newest closed bar began."""
    length = TIMEFRAMES[timeframe]
    return clock.to_ms(now) // length * length - length


def bars_last(exchange: str, timeframe: str, names: Collection[str], now: datetime) -> Bars | None:
    """The figures `names` of an exchange's last closed bars; None where there are none, or the last is an older one
    than the one before the newest: what has stopped is not news."""
    newest = newest_open_ms(timeframe, now)
    known = _known.get((exchange, timeframe))
    if known is not None and known.open_ms == newest and known.figures.keys() >= set(names):
        return known
    found = candles(exchange=exchange, timeframe=timeframe, bars=BARS, now=now)
    if found is None or not len(found.open_ms):
        return None
    open_ms = int(found.open_ms[-1])
    if open_ms < newest - TIMEFRAMES[timeframe]:
        return None
    bars = Bars(open_ms, found.market_ids, last_two(found, names))
    _known[exchange, timeframe] = bars
    return bars


def together(bars: Mapping[str, Bars]) -> tuple[Int64s, Readings]:
    """The markets that have bars of every timeframe, and their figures, in the same order."""
    ids = next(iter(bars.values())).market_ids
    for one in bars.values():
        ids = np.intersect1d(ids, one.market_ids, assume_unique=True)
    readings = {}
    for timeframe, one in bars.items():
        rows = np.searchsorted(one.market_ids, ids)
        readings[timeframe] = {name: column[rows] for name, column in one.figures.items()}
    return ids, readings


def judged_get(exchanges: Collection[str]) -> dict[str, Judged]:
    """What has been judged of these exchanges."""
    names = list(exchanges)
    if not names:
        return {}
    stored = cast("list[bytes | None]", redis.state().hmget(_JUDGED, names))
    return {name: Judged(**_decoded(text)) if text else Judged() for name, text in zip(names, stored, strict=True)}


def judged_put(judged: Mapping[str, Judged]) -> None:
    """Note what has been judged now."""
    if judged:
        redis.state().hset(
            _JUDGED,
            mapping={
                name: orjson.dumps({"rules_ms": one.rules_ms, "open_ms": dict(one.open_ms or {})})
                for name, one in judged.items()
            },
        )


def _decoded(text: bytes) -> dict[str, Any]:
    fields: dict[str, Any] = orjson.loads(text)
    return fields
