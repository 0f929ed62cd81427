"""An active opportunity above thresholds of one's own."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Final, Literal

import msgspec
import numpy as np

from apps.distribution.triggers.base import OPPORTUNITIES, Judgement, Kind, Source, Telling, Watch, form_read
from apps.distribution.triggers.board import Board, Bools, Offers
from apps.distribution.triggers.words import number, percent
from apps.opportunities.enums import Risk

_RANKS: Final = {risk.value: rank for rank, risk in enumerate(Risk)}
_Names = Annotated[tuple[Annotated[str, msgspec.Meta(min_length=1, max_length=80)], ...], msgspec.Meta(max_length=50)]


class ThresholdForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is left out is not asked. `min_net_edge` is a fraction of notional and leaves out what promises no edge,
    `min_strength` leaves out what is no signal; `symbols` are symbols (BTC/USDT) or assets (BTC); every leg is on one
    of `exchanges`."""

    kinds: tuple[Literal["funding_rate", "spot_perp", "cross_exchange", "triangular", "technical"], ...] = ()
    min_net_edge: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    min_score: Annotated[float, msgspec.Meta(ge=0, le=1000)] | None = None
    min_strength: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    max_risk: Literal["low", "medium", "high"] = "high"
    symbols: _Names = ()
    exchanges: _Names = ()


class Threshold(Kind[ThresholdForm]):
    """Each opportunity is news once for each trigger; of several the best is told."""

    label: ClassVar[str] = "opportunity"
    form: ClassVar[type[msgspec.Struct]] = ThresholdForm

    def read(self, data: Mapping[str, Any]) -> ThresholdForm:
        """The form itself."""
        return form_read(data, ThresholdForm)

    def source(self, params: ThresholdForm) -> Source:
        """The news of opportunities."""
        return Source(OPPORTUNITIES, "", exchanges=params.exchanges)

    def lasts(self, params: ThresholdForm) -> bool:
        """Each opportunity is told once."""
        return False

    def judge(self, watches: Sequence[Watch[ThresholdForm]], board: Board) -> Judgement:
        """Every watch meets every opportunity that its owner may see and was not told of, [n, k]."""
        offers = board.offers
        fits = _fits(watches, offers, board.now_ms)
        news: Bools = np.logical_or.reduce(fits, axis=1)
        best = np.argmax(fits, axis=1) if len(offers.ids) else np.zeros(len(watches), dtype=np.int64)

        def tell(at: int) -> Telling:
            return _telling(board, int(best[at]), int(np.count_nonzero(fits[at])) - 1)

        return Judgement(np.zeros(len(watches), dtype=np.int8), news, tell)


def _fits(watches: Sequence[Watch[ThresholdForm]], offers: Offers, now_ms: int) -> Bools:
    def least(values: Sequence[float | None]) -> np.ndarray[Any, np.dtype[np.float64]]:
        return np.array([-np.inf if one is None else one for one in values])[:, None]

    params = [one.params for one in watches]
    # Where a least is asked for, a figure that is not there (NaN) is below it.
    fits = np.ones((len(watches), len(offers.ids)), dtype=np.bool_)
    for figure, minima in (
        (offers.net, [one.min_net_edge for one in params]),
        (offers.strength, [one.min_strength for one in params]),
        (offers.score, [one.min_score for one in params]),
    ):
        fits &= np.nan_to_num(figure, nan=-np.inf)[None, :] >= least(minima)
    risk = np.array([_RANKS[one] for one in offers.risk], dtype=np.int64)
    fits &= risk[None, :] <= np.array([_RANKS[one.max_risk] for one in params])[:, None]
    delay_ms = np.array([one.delay_s * 1000 for one in watches], dtype=np.int64)
    fits &= offers.activated_ms[None, :] <= (now_ms - delay_ms)[:, None]
    # Lists of names are few and often the same; each is looked at once.
    wishes: dict[tuple[tuple[str, ...], ...], list[int]] = {}
    for at, one in enumerate(params):
        if one.kinds or one.symbols or one.exchanges:
            wishes.setdefault((one.kinds, one.symbols, one.exchanges), []).append(at)
    for names, members in wishes.items():
        fits[members] &= _named(offers, *names)[None, :]
    for place, owner in enumerate(offers.owner):
        if owner is not None:
            fits[:, place] &= [one.user_id == owner for one in watches]
    if offers.told:
        place_of = {id: place for place, id in enumerate(offers.ids)}
        row_of = {one.id: row for row, one in enumerate(watches)}
        for trigger_id, id in offers.told:
            if trigger_id in row_of and id in place_of:
                fits[row_of[trigger_id], place_of[id]] = False
    return fits


def _named(offers: Offers, kinds: tuple[str, ...], symbols: tuple[str, ...], exchanges: tuple[str, ...]) -> Bools:
    wanted, allowed = set(symbols), set(exchanges)
    return np.array(
        [
            (not kinds or kind in kinds)
            and (not wanted or symbol in wanted or instrument in wanted)
            and (not allowed or on <= allowed)
            for kind, symbol, instrument, on in zip(
                offers.kind, offers.symbol, offers.instrument, offers.exchanges, strict=True
            )
        ],
        dtype=np.bool_,
    )


def _telling(board: Board, place: int, others: int) -> Telling:
    offers = board.offers
    net, strength, symbol = offers.net[place], offers.strength[place], offers.symbol[place]
    where = ", ".join(sorted(offers.exchanges[place]))
    promise = f"net {percent(float(net))}" if not np.isnan(net) else f"strength {percent(float(strength))}"
    lines = [f"On {where}; risk {offers.risk[place]}, score {number(float(offers.score[place]))}."]
    if not np.isnan(net):
        lines.append(f"Net of all costs at {number(float(offers.size[place]))} USD; not risk-free.")
    if others:
        lines.append(f"{others} more fit now.")
    priced_ms = int(offers.priced_ms[place])
    evidence = {
        "values": {
            "net_edge": None if np.isnan(net) else float(net),
            "strength": None if np.isnan(strength) else float(strength),
            "score": float(offers.score[place]),
        },
        "opportunity": str(offers.ids[place]),
        "priced_at": datetime.fromtimestamp(priced_ms / 1000, UTC).isoformat(),
        "others": others,
    }
    return Telling(
        title=f"{offers.label[place].capitalize()} {symbol}: {promise}",
        lines=tuple(lines),
        evidence=evidence,
        age_s=max(0, (board.now_ms - priced_ms) // 1000),
        subject=str(offers.ids[place]),
        family=offers.family[place],
        ends_at=offers.expires_at[place],
    )
