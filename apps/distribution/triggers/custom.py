"""A condition of one's own on the figures of several markets."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import msgspec
import numpy as np

from apps.distribution.triggers.base import Judgement, Kind, Place, Source, Telling, Watch, form_read
from apps.distribution.triggers.board import FIGURES, Board
from apps.distribution.triggers.conditions import Comparison, Figure, Group, Node, conditions_parse, figures, leaves
from apps.distribution.triggers.standing import edges
from apps.distribution.triggers.words import number
from apps.markets.types import Floats, Int64s

_CODES = {name: code for code, name in enumerate(FIGURES)}


class CustomForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`when` is a tree of all, any and comparisons (`conditions.py`)."""

    when: dict[str, Any]


class Custom(Kind[Group]):
    """What is not known decides nothing: a tree holds, or not, only by what is known."""

    label: ClassVar[str] = "custom condition"
    form: ClassVar[type[msgspec.Struct]] = CustomForm

    def read(self, data: Mapping[str, Any]) -> Group:
        """The tree."""
        return conditions_parse(form_read(data, CustomForm).when)

    def source(self, params: Group) -> Source:
        """One exchange's feed where all is of that, else every one's."""
        read = list(figures(params))
        feeds, exchanges = {one.feed for one in read}, {one.place.exchange for one in read}
        return Source(
            feed=feeds.pop() if len(feeds) == 1 else "",
            exchange=exchanges.pop() if len(exchanges) == 1 else "",
            places=tuple(dict.fromkeys(one.place for one in read)),
        )

    def judge(self, watches: Sequence[Watch[Group]], board: Board) -> Judgement:
        """The comparisons of all trees at once, then each tree."""
        every = [leaf for one in watches for leaf in leaves(one.params)]
        matrix = np.vstack([np.append(board.figures[name], np.nan) for name in FIGURES])
        left = _values(matrix, board, [leaf.left for leaf in every])
        of_figures = [at for at, leaf in enumerate(every) if isinstance(leaf.right, Figure)]
        right = np.array([leaf.right if isinstance(leaf.right, float) else np.nan for leaf in every])
        right[of_figures] = _values(matrix, board, [leaf.right for leaf in every if isinstance(leaf.right, Figure)])
        above = np.array([leaf.above for leaf in every], dtype=np.bool_)
        beyond = np.where(above, left - right, right - left)
        told = iter(np.where(np.isnan(beyond), 0, np.where(beyond > 0, 1, -1)).tolist())
        side = np.array([_side(one.params, told) for one in watches], dtype=np.int8)
        standing = np.array([one.standing for one in watches], dtype=np.int8)

        def tell(at: int) -> Telling:
            return _telling(watches[at], board)

        return Judgement(side, edges(side, standing, np.zeros(len(watches), dtype=np.bool_)), tell)


def _values(matrix: Floats, board: Board, read: Sequence[Figure]) -> Floats:
    rows: Int64s = board.listing.rows([one.place for one in read])
    codes = np.array([_CODES[one.field] for one in read], dtype=np.int64)
    values: Floats = matrix[codes, rows] * np.array([one.times for one in read])
    return values


def _side(node: Node, told: Iterator[int]) -> int:
    """1, -1, or 0 (nobody knows), reading the comparisons' sides in the order of `leaves`."""
    if isinstance(node, Comparison):
        return next(told)
    parts = [_side(part, told) for part in node.parts]
    return min(parts, key=_DOWN.__getitem__) if node.every else max(parts, key=_UP.__getitem__)


# One part that does not hold decides an `all`, one that holds an `any`; only then what is not known counts.
_DOWN = {-1: 0, 0: 1, 1: 2}
_UP = {-1: 0, 0: 1, 1: 2}


def _telling(watch: Watch[Group], board: Board) -> Telling:
    lines, quotes = [], []
    by_place: dict[Place, dict[str, list[str]]] = {}
    for one in figures(watch.params):
        kind = "funding" if one.feed == "funding" else "quotes"
        names = by_place.setdefault(one.place, {}).setdefault(kind, [])
        if one.field not in names:
            names.append(one.field)
    for place, kinds in by_place.items():
        for names in kinds.values():
            [row] = board.listing.rows([place]).tolist()
            # A market that has gone decides no tree, but may stand in one.
            if row < 0 or np.isnan(board.figures[names[0]][row]):
                continue
            quoted = board.quoted(row, names)
            quotes.append(quoted)
            told = ", ".join(f"{name} {number(quoted[name])}" for name in names if quoted[name] == quoted[name])
            lines.append(f"{place.symbol} on {place.exchange}: {told}.")
    evidence = {
        "values": {f"{one['exchange']} {one['symbol']}": _figures_of(one) for one in quotes},
        "quotes": quotes,
    }
    age_s = max((one["age_s"] for one in quotes), default=0)
    return Telling(f"{watch.name or 'Your condition'}: it holds", tuple(lines), evidence, max(0, int(age_s)))


def _figures_of(quoted: Mapping[str, Any]) -> dict[str, float]:
    return {name: quoted[name] for name in FIGURES if name in quoted}
