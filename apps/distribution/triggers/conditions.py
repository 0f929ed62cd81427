"""Conditions on figures of snapshots: JSON in, checked and typed, bounded; every error names the place.

    {"all": [{"field": "price", "symbol": "BTC/USDT", "exchange": "binance", "op": ">", "value": 70000},
             {"any": [{"field": "funding_8h", "symbol": "BTC/USDT:USDT", "exchange": "okx", "op": ">", "value": 0.0005},
                      {"field": "ask", "symbol": "BTC/USDT", "exchange": "okx", "op": "<",
                       "other": {"field": "bid", "symbol": "BTC/USDT", "exchange": "binance", "times": 0.999}}]}]}

The rules of technical signals have the same all and any, but speak of closed bars of one market; these speak of what
several exchanges say at this moment.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from apps.core import given
from apps.distribution.triggers.base import ParamsInvalid, Place

MAX_DEPTH: Final = 3
MAX_CONDITIONS: Final = 10
# Figures of one unit can be compared with each other.
UNITS: Final[Mapping[str, str]] = {
    "price": "price",
    "bid": "price",
    "ask": "price",
    "spread": "fraction",
    "volume_24h": "amount of money",
    "funding_8h": "fraction",
    "funding_apr": "fraction",
}
_FUNDING: Final = ("funding_8h", "funding_apr")


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of one market, `times` a number."""

    field: str
    place: Place
    times: float = 1.0

    @property
    def feed(self) -> str:
        """The feed that tells it."""
        if self.field in _FUNDING:
            return "funding"
        return "swap" if ":" in self.place.symbol else "spot"


@dataclass(frozen=True, slots=True)
class Comparison:
    """`left` is above (or else below) a number or another figure."""

    left: Figure
    above: bool
    right: float | Figure


@dataclass(frozen=True, slots=True)
class Group:
    """Holds where every part holds, or (not `every`) where at least one does."""

    every: bool
    parts: tuple["Node", ...]


Node: TypeAlias = Comparison | Group


def leaves(node: Node) -> Iterator[Comparison]:
    """The comparisons of a tree, from left to right."""
    if isinstance(node, Comparison):
        yield node
        return
    for part in node.parts:
        yield from leaves(part)


def figures(node: Node) -> Iterator[Figure]:
    """Every figure that a tree reads."""
    for leaf in leaves(node):
        yield leaf.left
        if isinstance(leaf.right, Figure):
            yield leaf.right


def conditions_parse(data: Any) -> Group:
    """The conditions in `data` (decoded JSON). ParamsInvalid for anything else."""
    try:
        return _parsed(data)
    except given.GivenInvalid as error:
        raise ParamsInvalid(f"params.{error.message}") from error


def _parsed(data: Any) -> Group:
    fields = given.mapping(data, "when")
    tree = _group(fields, "when", 1)
    count = sum(1 for _ in leaves(tree))
    if count > MAX_CONDITIONS:
        given.refuse("when", f"Use at most {MAX_CONDITIONS} conditions; these are {count}.")
    return tree


def _node(data: Any, path: str, depth: int) -> Node:
    fields = given.mapping(data, path)
    return _comparison(fields, path) if "field" in fields else _group(fields, path, depth)


def _group(fields: Mapping[str, Any], path: str, depth: int) -> Group:
    if set(fields) not in ({"all"}, {"any"}):
        given.refuse(path, "Say all or any (and nothing beside it), or field.")
    if depth > MAX_DEPTH:
        given.refuse(path, f"Nest at most {MAX_DEPTH} groups.")
    [(name, parts)] = fields.items()
    if not isinstance(parts, list) or not 1 <= len(parts) <= MAX_CONDITIONS:
        given.refuse(f"{path}.{name}", f"Use a list of 1 to {MAX_CONDITIONS} conditions.")
    return Group(name == "all", tuple(_node(part, f"{path}.{name}[{at}]", depth + 1) for at, part in enumerate(parts)))


def _comparison(fields: Mapping[str, Any], path: str) -> Comparison:
    if ("value" in fields) is ("other" in fields):
        given.refuse(path, "Say value (a number) or other (another figure), one of them.")
    given.only(fields, {"field", "symbol", "exchange", "op", "value", "other"}, path)
    left = _figure(fields, path)
    above = given.one_of(fields.get("op"), (">", "<"), f"{path}.op") == ">"
    if "value" in fields:
        return Comparison(left, above, given.number(fields["value"], f"{path}.value"))
    other = given.mapping(fields["other"], f"{path}.other")
    given.only(other, {"field", "symbol", "exchange", "times"}, f"{path}.other")
    right = _figure(other, f"{path}.other")
    if UNITS[left.field] != UNITS[right.field]:
        fitting = [name for name, unit in UNITS.items() if unit == UNITS[left.field]]
        given.refuse(f"{path}.other.field", f"{left.field} can be compared with {given.listed(fitting)}.")
    return Comparison(left, above, right)


def _figure(fields: Mapping[str, Any], path: str) -> Figure:
    field = given.one_of(fields.get("field"), UNITS, f"{path}.field")
    symbol = given.text(fields.get("symbol"), 80, f"{path}.symbol")
    exchange = given.text(fields.get("exchange"), 40, f"{path}.exchange")
    if field in _FUNDING and ":" not in symbol:
        given.refuse(f"{path}.symbol", "Only perpetuals pay funding: BTC/USDT:USDT.")
    return Figure(field, Place(exchange, symbol), given.number(fields.get("times", 1), f"{path}.times"))
