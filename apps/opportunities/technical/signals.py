"""Conditions on the last closed bars of many markets at once: where they hold, and how strongly. Pure.

The strength of one condition that holds is `1/4 + margin/2`, its margin in [0, 1] being how far beyond its threshold
the figure is, measured by what fits its unit:
  index     in the distance from the threshold to the end of the range (an RSI of 15 is half way from 30 to 0), of two
            figures in the whole range
  prices, and differences of prices   in ATRs (14) of the timeframe
  percent   in ATRs (14) as a percentage of the close
  band      in widths of the band
  between   how near the middle of the range it is; a pattern's margin is 1/2
Conditions of one timeframe look at the same bars, so only the strongest of them counts; timeframes confirm each other:
  strength = 1 - Π (1 - strength of the timeframe)
over the timeframes with a condition that holds. It is 0 where the rule does not hold. A figure that is not known (a
history too short, a bar missing) holds no condition.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from apps.markets.types import Floats
from apps.opportunities.technical.conditions import Comparison, Conditions, Group, Node, PatternShown
from apps.opportunities.technical.operands import ATR, CLOSE, Op, Operand, Turn, Unit

Bools: TypeAlias = NDArray[np.bool_]
# Of each timeframe and figure its values at the last two closed bars, [n, 2], the last one last.
Readings: TypeAlias = Mapping[str, Mapping[str, Floats]]

_LEAST: Final = 0.25
_SPAN: Final = 0.5
_INDEX_RANGE: Final = 100.0


@dataclass(frozen=True, slots=True)
class Signals:
    """Of n markets: where the rule holds, how strongly in [0, 1), and the part of each timeframe in that."""

    holds: Bools
    strength: Floats
    by_timeframe: Mapping[str, Floats]


def signals_of(conditions: Conditions, readings: Readings) -> Signals:
    """What `conditions` come to on `readings`, which have all of `conditions.readings` of the same n markets."""
    main = _node(conditions.when, readings)
    parts = dict(main.strength)
    for node in conditions.confirm:
        for timeframe, strength in _node(node, readings).strength.items():
            parts[timeframe] = np.maximum(parts.get(timeframe, 0.0), strength)
    parts = {timeframe: np.where(main.holds, strength, 0.0) for timeframe, strength in parts.items()}
    left = np.ones(len(main.holds))
    for strength in parts.values():
        left = left * (1 - strength)
    return Signals(main.holds, 1 - left, parts)


@dataclass(frozen=True, slots=True)
class _Outcome:
    holds: Bools
    strength: Mapping[str, Floats]


def _node(node: Node, readings: Readings) -> _Outcome:
    if isinstance(node, Group):
        return _group(node.every, [_node(part, readings) for part in node.parts])
    margin = _pattern(node, readings) if isinstance(node, PatternShown) else _comparison(node, readings)
    holds = ~np.isnan(margin)
    return _Outcome(holds, {node.timeframe: np.where(holds, _LEAST + _SPAN * margin, 0.0)})


def _group(every: bool, parts: Sequence[_Outcome]) -> _Outcome:
    together = np.logical_and if every else np.logical_or
    holds: Bools = together.reduce([part.holds for part in parts])
    strength: dict[str, Floats] = {}
    for part in parts:
        for timeframe, its in part.strength.items():
            strength[timeframe] = np.maximum(strength.get(timeframe, 0.0), its)
    return _Outcome(holds, {timeframe: np.where(holds, its, 0.0) for timeframe, its in strength.items()})


def _pattern(node: PatternShown, readings: Readings) -> Floats:
    shown = readings[node.timeframe][node.pattern][:, 1]
    wanted = shown > 0 if node.turn is Turn.BULLISH else shown < 0
    return np.where(wanted, 0.5, np.nan)


def _comparison(node: Comparison, readings: Readings) -> Floats:
    """The margin where it holds, NaN where it does not."""
    figures = readings[node.timeframe]
    value = figures[node.operand.name]
    if isinstance(node.than, tuple):
        low, high = node.than
        last = value[:, 1]
        half = (high - low) / 2
        return np.where((last >= low) & (last <= high), np.minimum(last - low, high - last) / half, np.nan)
    than = figures[node.than.name] if isinstance(node.than, Operand) else np.full_like(value, node.than)
    up = node.op in (Op.ABOVE, Op.CROSSES_ABOVE)
    # How far each bar is on the wanted side.
    beyond = value - than if up else than - value
    holds = beyond[:, 1] > 0
    if node.op in (Op.CROSSES_ABOVE, Op.CROSSES_BELOW):
        holds &= beyond[:, 0] <= 0
    scale = _scale(node, figures, up)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        margin = np.minimum(1.0, beyond[:, 1] / scale)
    return np.where(holds & (scale > 0), margin, np.nan)


def _scale(node: Comparison, figures: Mapping[str, Floats], up: bool) -> Floats:
    """What the margin is measured by; NaN or 0 where that is not known."""
    count = len(figures[node.operand.name])
    match node.operand.unit:
        case Unit.INDEX:
            if isinstance(node.than, Operand):
                return np.full(count, _INDEX_RANGE)
            assert isinstance(node.than, float)
            return np.full(count, (node.operand.high - node.than) if up else (node.than - node.operand.low))
        case Unit.BAND:
            return np.ones(count)
        case Unit.PERCENT:
            with np.errstate(divide="ignore", invalid="ignore"):
                return np.asarray(100 * figures[ATR][:, 1] / figures[CLOSE][:, 1])
        case Unit.PRICE | Unit.PRICE_CHANGE:
            return figures[ATR][:, 1]
