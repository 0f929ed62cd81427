"""Conditions that people choose: JSON in, checked and typed; every error says where and what would do.

    {"all": [{"indicator": "rsi_14", "timeframe": "1h", "op": "<", "value": 30},
             {"any": [{"indicator": "close", "timeframe": "1h", "op": "crosses_above", "other": "bb_lower"},
                      {"pattern": "hammer", "timeframe": "1h", "is": "bullish"}]}],
     "confirm": [{"indicator": "macd", "timeframe": "4h", "op": ">", "other": "macd_signal"}]}

`all` and `any` nest; what stands in `confirm` (at the top only) need not hold, and makes the signal stronger where it
does.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import Any, Final, TypeAlias

from apps.core import given
from apps.core.exceptions import PermanentError
from apps.markets.candles.timeframes import TIMEFRAMES
from apps.opportunities.technical.operands import ATR, CLOSE, OPERANDS, PATTERNS, Op, Operand, Turn

MAX_DEPTH: Final = 4
MAX_CONDITIONS: Final = 20
MAX_TIMEFRAMES: Final = 3
# No price is as high; JSON knows whole numbers that no float can hold.

# (timeframe, figure or pattern)
Reading: TypeAlias = tuple[str, str]


class ConditionsInvalid(PermanentError):
    """These conditions can't be used; `path` names the place, the message what would do."""

    code = "conditions_invalid"

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}")
        self.path = path


@dataclass(frozen=True, slots=True)
class Comparison:
    """`operand op than` at the last closed bar; `than` is a number, another figure of the same bar, or (between) the
    two ends of a range."""

    operand: Operand
    timeframe: str
    op: Op
    than: float | Operand | tuple[float, float]


@dataclass(frozen=True, slots=True)
class PatternShown:
    """The last closed bar completes this candlestick pattern."""

    pattern: str
    timeframe: str
    turn: Turn


@dataclass(frozen=True, slots=True)
class Group:
    """Holds where every part holds, or (not `every`) where at least one does."""

    every: bool
    parts: tuple["Node", ...]


Node: TypeAlias = Comparison | PatternShown | Group


@dataclass(frozen=True, slots=True)
class Conditions:
    """What has to hold, and what confirms it."""

    when: Group
    confirm: tuple[Node, ...] = ()
    readings: frozenset[Reading] = field(init=False)
    timeframes: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        read = frozenset(one for leaf in _leaves((self.when, *self.confirm)) for one in _readings(leaf))
        object.__setattr__(self, "readings", read)
        object.__setattr__(self, "timeframes", tuple(one for one in TIMEFRAMES if one in {frame for frame, _ in read}))


def conditions_parse(data: Any) -> Conditions:
    """The conditions in `data` (decoded JSON). Raises ConditionsInvalid for anything else."""
    try:
        return _parsed(data)
    except given.GivenInvalid as error:
        raise ConditionsInvalid(error.path, error.words) from error


def _parsed(data: Any) -> Conditions:
    fields = given.mapping(data, "conditions")
    confirm = fields.get("confirm", [])
    tree = {name: value for name, value in fields.items() if name != "confirm"}
    when = _group(tree, "conditions", 1)
    confirming: tuple[Node, ...] = ()
    if "confirm" in fields:
        confirming = _parts(confirm, "conditions.confirm", 1)
    parsed = Conditions(when, confirming)
    count = sum(1 for _ in _leaves((when, *confirming)))
    if count > MAX_CONDITIONS:
        given.refuse("conditions", f"Use at most {MAX_CONDITIONS} conditions; these are {count}.")
    if len(parsed.timeframes) > MAX_TIMEFRAMES:
        given.refuse("conditions", f"Use at most {MAX_TIMEFRAMES} timeframes; these are {len(parsed.timeframes)}.")
    if not any(True for _ in _leaves((when,))):
        given.refuse("conditions", "Say at least one condition.")
    return parsed


def on_timeframe(conditions: Conditions, timeframe: str) -> Conditions:
    """The same conditions, all of them on bars of this one length."""

    def moved(node: Node) -> Node:
        return group(node) if isinstance(node, Group) else replace(node, timeframe=timeframe)

    def group(node: Group) -> Group:
        return replace(node, parts=tuple(moved(part) for part in node.parts))

    return Conditions(group(conditions.when), tuple(moved(node) for node in conditions.confirm))


def _leaves(nodes: Sequence[Node]) -> Iterator[Comparison | PatternShown]:
    for node in nodes:
        if isinstance(node, Group):
            yield from _leaves(node.parts)
        else:
            yield node


def _readings(leaf: Comparison | PatternShown) -> Iterator[Reading]:
    if isinstance(leaf, PatternShown):
        yield leaf.timeframe, leaf.pattern
        return
    yield leaf.timeframe, leaf.operand.name
    if isinstance(leaf.than, Operand):
        yield leaf.timeframe, leaf.than.name
    # What the strength of a difference of prices is measured by.
    yield leaf.timeframe, ATR
    yield leaf.timeframe, CLOSE


def _node(data: Any, path: str, depth: int) -> Node:
    fields = given.mapping(data, path)
    if "all" in fields or "any" in fields:
        return _group(fields, path, depth)
    if "pattern" in fields:
        return _pattern(fields, path)
    if "indicator" in fields:
        return _comparison(fields, path)
    return given.refuse(path, "Say all, any, indicator or pattern.")


def _group(fields: Mapping[str, Any], path: str, depth: int) -> Group:
    if depth > MAX_DEPTH:
        given.refuse(path, f"Nest at most {MAX_DEPTH} groups.")
    if set(fields) not in ({"all"}, {"any"}):
        given.refuse(path, f"Say either all or any, and nothing beside it; this has {given.listed(fields)}.")
    (name,) = fields
    return Group(name == "all", _parts(fields[name], f"{path}.{name}", depth + 1))


def _parts(data: Any, path: str, depth: int) -> tuple[Node, ...]:
    if not isinstance(data, list) or not 1 <= len(data) <= MAX_CONDITIONS:
        given.refuse(path, f"Use a list of 1 to {MAX_CONDITIONS} conditions.")
    return tuple(_node(part, f"{path}[{at}]", depth) for at, part in enumerate(data))


def _pattern(fields: Mapping[str, Any], path: str) -> PatternShown:
    given.only(fields, {"pattern", "timeframe", "is"}, path)
    return PatternShown(
        pattern=given.one_of(fields["pattern"], sorted(PATTERNS), f"{path}.pattern"),
        timeframe=_timeframe(fields, path),
        turn=Turn(given.one_of(fields.get("is"), [turn.value for turn in Turn], f"{path}.is")),
    )


def _comparison(fields: Mapping[str, Any], path: str) -> Comparison:
    operand = OPERANDS[given.one_of(fields["indicator"], OPERANDS, f"{path}.indicator")]
    op = Op(given.one_of(fields.get("op"), [op.value for op in Op], f"{path}.op"))
    return Comparison(operand, _timeframe(fields, path), op, _than(fields, operand, op, path))


def _than(fields: Mapping[str, Any], operand: Operand, op: Op, path: str) -> float | Operand | tuple[float, float]:
    common = {"indicator", "timeframe", "op"}
    if op is Op.BETWEEN:
        given.only(fields, common | {"value"}, path)
        ends = fields.get("value")
        if not isinstance(ends, list) or len(ends) != 2:
            given.refuse(f"{path}.value", "between takes a list of two numbers, the lower one first.")
        low, high = (_number(end, operand, f"{path}.value[{at}]") for at, end in enumerate(ends))
        if low >= high:
            given.refuse(f"{path}.value", "The first number has to be the lower one.")
        return low, high
    if ("value" in fields) is ("other" in fields):
        given.refuse(path, "Say value (a number) or other (the name of another indicator), one of them.")
    if "value" in fields:
        given.only(fields, common | {"value"}, path)
        return _number(fields["value"], operand, f"{path}.value")
    given.only(fields, common | {"other"}, path)
    other = OPERANDS[given.one_of(fields["other"], OPERANDS, f"{path}.other")]
    if other.unit is not operand.unit or other == operand:
        fitting = [one.name for one in OPERANDS.values() if one.unit is operand.unit and one != operand]
        given.refuse(
            f"{path}.other",
            f"{operand.name} ({operand.unit}) can be compared with {given.listed(fitting) or 'numbers'}.",
        )
    return other


def _number(value: Any, operand: Operand, path: str) -> float:
    read = given.number(value, path)
    if not operand.low <= read <= operand.high:
        ends = f"from {operand.low:g} to {operand.high:g}" if isfinite(operand.high) else f"of at least {operand.low:g}"
        given.refuse(path, f"{operand.name} is compared with numbers {ends}.")
    return read


def _timeframe(fields: Mapping[str, Any], path: str) -> str:
    return given.one_of(fields.get("timeframe"), TIMEFRAMES, f"{path}.timeframe")
