"""The funding rate of a perpetual on one exchange or on any, per 8 h or per year."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

import msgspec
import numpy as np

from apps.distribution.triggers.base import Judgement, Kind, Place, Source, Telling, Watch, form_read
from apps.distribution.triggers.board import Board, highest, lowest
from apps.distribution.triggers.standing import edges, sides
from apps.distribution.triggers.words import percent


class FundingForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`value` is a fraction of notional that longs pay shorts (0.0005 is 0.05 %; below 0 shorts pay) `per` 8 hours or
    year, whatever the exchange's interval is. `hysteresis` is a fraction of `value`."""

    symbol: Annotated[str, msgspec.Meta(min_length=1, max_length=80)]
    op: Literal["above", "below"]
    value: Annotated[float, msgspec.Meta(gt=-100, lt=100)]
    per: Literal["8h", "year"] = "8h"
    exchange: Annotated[str, msgspec.Meta(max_length=40)] = ""
    hysteresis: Annotated[float, msgspec.Meta(ge=0, le=0.5)] = 0.01

    def __post_init__(self) -> None:
        if ":" not in self.symbol:
            raise ValueError("only perpetuals pay funding: BTC/USDT:USDT")

    @property
    def place(self) -> Place:
        """The market, or the symbol anywhere."""
        return Place(self.exchange, self.symbol)

    @property
    def figure(self) -> str:
        """The board's name for it."""
        return "funding_8h" if self.per == "8h" else "funding_apr"


class Funding(Kind[FundingForm]):
    """Rates whose interval nobody knows are no rates here."""

    label: ClassVar[str] = "funding rate"
    form: ClassVar[type[msgspec.Struct]] = FundingForm

    def read(self, data: Mapping[str, Any]) -> FundingForm:
        """The form itself."""
        return form_read(data, FundingForm)

    def source(self, params: FundingForm) -> Source:
        """Its exchange's funding feed."""
        return Source("funding", params.exchange, (params.place,))

    def judge(self, watches: Sequence[Watch[FundingForm]], board: Board) -> Judgement:
        """Above looks at the highest of "any exchange", below at the lowest."""
        value = np.full(len(watches), np.nan)
        for figure in ("funding_8h", "funding_apr"):
            for op, over in (("above", highest), ("below", lowest)):
                alike = [(one.params.op, one.params.figure) == (op, figure) for one in watches]
                members = np.flatnonzero(alike).tolist()
                if members:
                    places = [watches[at].params.place for at in members]
                    value[members] = board.of(board.figures[figure], places, over)
        standing = np.array([one.standing for one in watches], dtype=np.int8)
        side = sides(
            value,
            np.array([one.params.value for one in watches]),
            np.array([one.params.op == "above" for one in watches], dtype=np.bool_),
            np.array([one.params.hysteresis for one in watches]),
            standing,
        )

        def tell(at: int) -> Telling:
            return _telling(watches[at].params, board, float(value[at]))

        return Judgement(side, edges(side, standing, np.zeros(len(watches), dtype=np.bool_)), tell)


def _telling(params: FundingForm, board: Board, value: float) -> Telling:
    row = board.row(params.place, board.figures[params.figure], value)
    quoted = board.quoted(row, ("funding_8h", "funding_apr"))
    per = "8 h" if params.per == "8h" else "year"
    title = (
        f"Funding of {params.symbol} on {quoted['exchange']} is {params.op} {percent(params.value)} per {per}: "
        f"{percent(value)}"
    )
    payer, paid = ("Longs", "shorts") if value >= 0 else ("Shorts", "longs")
    both = f"{percent(quoted['funding_8h'])} per 8 h, {percent(quoted['funding_apr'])} per year (simple)"
    lines = (f"{payer} pay {paid}: {both}, as predicted now.",)
    evidence = {"op": params.op, "per": params.per, "threshold": params.value, "values": {"rate": value},
                "quotes": [quoted]}  # fmt: skip
    return Telling(title, lines, evidence, max(0, int(quoted["age_s"])))
