"""The price of a symbol on one exchange or on any: above, below, crossing, or moved within a window."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final, Literal

import msgspec
import numpy as np

from apps.distribution.triggers.base import Judgement, Kind, Place, Source, Telling, Watch, form_read
from apps.distribution.triggers.board import Board, highest, lowest, middle
from apps.distribution.triggers.standing import edges, sides
from apps.distribution.triggers.words import number, percent
from apps.markets.types import Floats

# A crossing on "any exchange" is one of the middle one among them.
_OVER: Final[Mapping[str, Callable[[Board, Floats], Floats]]] = {
    "above": highest,
    "below": lowest,
    "crosses": middle,
    "rises": highest,
    "falls": highest,
    "moves": highest,
}
_MOVES: Final = frozenset({"rises", "falls", "moves"})


class PriceForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`value` is a price for above, below and crosses, and a fraction (0.05 is 5 %) for rises, falls and moves, which
    look `minutes` back. `hysteresis` is a fraction of `value`."""

    symbol: Annotated[str, msgspec.Meta(min_length=1, max_length=80)]
    op: Literal["above", "below", "crosses", "rises", "falls", "moves"]
    value: Annotated[float, msgspec.Meta(gt=0, lt=1e15)]
    exchange: Annotated[str, msgspec.Meta(max_length=40)] = ""
    minutes: Literal[1, 5, 15, 30, 60, 240] | None = None
    hysteresis: Annotated[float, msgspec.Meta(ge=0, le=0.5)] = 0.001

    def __post_init__(self) -> None:
        if (self.op in _MOVES) is (self.minutes is None):
            raise ValueError("say minutes with rises, falls and moves, and with nothing else")
        if self.op in _MOVES and self.value > 10:
            raise ValueError("say how far it moves as a fraction: 0.05 is 5 %")

    @property
    def place(self) -> Place:
        """The market, or the symbol anywhere."""
        return Place(self.exchange, self.symbol)


class Price(Kind[PriceForm]):
    """`price` is the middle of the best bid and ask."""

    label: ClassVar[str] = "price"
    form: ClassVar[type[msgspec.Struct]] = PriceForm

    def read(self, data: Mapping[str, Any]) -> PriceForm:
        """The form itself."""
        return form_read(data, PriceForm)

    def source(self, params: PriceForm) -> Source:
        """A unified symbol says whether it is a perpetual."""
        feed = "swap" if ":" in params.symbol else "spot"
        return Source(feed, params.exchange, (params.place,), minutes=params.minutes or 0)

    def lasts(self, params: PriceForm) -> bool:
        """A crossing is a moment."""
        return params.op != "crosses"

    def judge(self, watches: Sequence[Watch[PriceForm]], board: Board) -> Judgement:
        """One column for each operator and window."""
        alike: dict[tuple[str, int], list[int]] = defaultdict(list)
        for at, one in enumerate(watches):
            alike[one.params.op, one.params.minutes or 0].append(at)
        columns = {key: _column(board, *key) for key in alike}
        value = np.full(len(watches), np.nan)
        for key, members in alike.items():
            value[members] = board.of(columns[key], [watches[at].params.place for at in members], _OVER[key[0]])
        standing = np.array([one.standing for one in watches], dtype=np.int8)
        side = sides(
            value,
            np.array([one.params.value for one in watches]),
            np.array([one.params.op != "below" for one in watches], dtype=np.bool_),
            np.array([one.params.hysteresis for one in watches]),
            standing,
        )
        edge = edges(side, standing, np.array([one.params.op == "crosses" for one in watches], dtype=np.bool_))

        def tell(at: int) -> Telling:
            params = watches[at].params
            column = columns[params.op, params.minutes or 0]
            row = board.row(params.place, column, float(value[at]))
            return _telling(params, board, row, float(value[at]), int(side[at]))

        return Judgement(side, edge, tell)


def _column(board: Board, op: str, minutes: int) -> Floats:
    """What is compared with the threshold, of every market."""
    price = board.figures["price"]
    if op not in _MOVES:
        return price
    nothing = np.full(len(price), np.nan)
    rise = price / board.lowest.get(minutes, nothing) - 1
    fall = 1 - price / board.highest.get(minutes, nothing)
    return {"rises": rise, "falls": fall, "moves": np.fmax(rise, fall)}[op]


def _telling(params: PriceForm, board: Board, row: int, value: float, side: int) -> Telling:
    quoted = board.quoted(row, ("price", "bid", "ask"))
    where = f"{params.symbol} on {quoted['exchange']}"
    now = f"The middle of bid {number(quoted['bid'])} and ask {number(quoted['ask'])} is {number(quoted['price'])}."
    if params.op in _MOVES:
        window = f"{params.minutes} min"
        before = {"low": float(board.lowest[params.minutes or 0][row]),
                  "high": float(board.highest[params.minutes or 0][row])}  # fmt: skip
        rose = quoted["price"] / before["low"] - 1 >= value
        title = f"{where} {'rose' if rose else 'fell'} {percent(value)} within {window}"
        lines: tuple[str, ...] = (
            now,
            f"Closes of those {window}: {number(before['low'])} to {number(before['high'])}.",
        )
        values = {"change": value if rose else -value, "minutes": params.minutes, **before}
    else:
        verb = {"above": "is above", "below": "is below", "crosses": "crossed"}[params.op]
        way = f" {'upwards' if side > 0 else 'downwards'}" if params.op == "crosses" else ""
        title = f"{where} {verb} {number(params.value)}{way}: {number(value)}"
        lines = (now,)
        values = {"price": value}
    evidence = {"op": params.op, "threshold": params.value, "values": values, "quotes": [quoted]}
    return Telling(title, lines, evidence, max(0, int(quoted["age_s"])))
