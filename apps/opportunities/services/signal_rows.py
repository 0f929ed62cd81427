"""Rows of technical signals: what a rule found on one market, at the price of now, with everything it was found by."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from math import isfinite
from typing import Final

from django.conf import settings

from apps.core import clock
from apps.core.money import to_decimal
from apps.markets.candles.timeframes import TIMEFRAMES
from apps.markets.conversion import DOLLARS
from apps.markets.types import Floats
from apps.opportunities.enums import Context, OpportunityKind, OpportunityStatus, Risk, Side
from apps.opportunities.evidence import STRENGTH_DIGITS
from apps.opportunities.identity import fingerprint_of, opportunity_id_of
from apps.opportunities.legs import plain
from apps.opportunities.models import Opportunity, TechnicalRule
from apps.opportunities.risk import BELIEVED_FOR
from apps.opportunities.services.detect import leg_of
from apps.opportunities.strategies.registry import signal_get
from apps.opportunities.technical.operands import ATR, CLOSE, ROC
from apps.opportunities.view import MarketView

# A stop further away than this is a wild market.
_WILD_STOP = Decimal("0.05")
_STALE_AFTER_S = 10.0
SIGNAL_FIELDS: Final = [
    "legs", "details", "evidence", "strength", "confidence", "score", "risk", "expires_at", "last_seen_at", "priced_at",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule that holds on one market: `figures` by timeframe at the last two bars, the last began at `open_ms`."""

    rule: TechnicalRule
    exchange: str
    market_id: int
    strength: float
    parts: Mapping[str, float]
    figures: Mapping[str, Mapping[str, Floats]]
    open_ms: Mapping[str, int]

    @property
    def shortest(self) -> str:
        """The timeframe by which it is watched."""
        return min(self.open_ms, key=TIMEFRAMES.__getitem__)

    def last(self, name: str) -> float:
        """A figure of the last bar of the shortest timeframe."""
        return float(self.figures[self.shortest][name][1])

    def traded(self, view: MarketView, dollars: Mapping[int, float]) -> float:
        """Dollars traded on its market in a day; 0 where nobody tells."""
        place = _place(view, self.market_id)
        volume = float(view.volume[place]) * dollars.get(int(view.layout.quote_code[place]), 0.0)
        return volume if isfinite(volume) else 0.0


def row_new(hit: Hit, view: MarketView, now: datetime) -> Opportunity | None:
    """An active row; None where the market has no usable price or no ATR now."""
    place, side = _place(view, hit.market_id), Side(hit.rule.side)
    atr = hit.last(ATR)
    if place < 0 or not isfinite(float(view.mid[place])) or not isfinite(atr) or not hit.last(CLOSE) > 0:
        return None
    leg = leg_of(view, place, 1 if side is Side.BUY else -1)
    instrument: str = view.table.instruments[view.layout.instrument_code[place]]
    kind = OpportunityKind.TECHNICAL
    fingerprint = fingerprint_of(
        kind, instrument, [(leg["exchange"], leg["symbol"], leg["side"])], rule=str(hit.rule.pk)
    )
    row = Opportunity(
        id=opportunity_id_of(fingerprint, now),
        fingerprint=fingerprint,
        kind=kind,
        instrument=instrument,
        symbol=leg["symbol"],
        quote=view.table.quotes[view.layout.quote_code[place]],
        status=OpportunityStatus.ACTIVE,
        legs=[leg],
        leg_count=1,
        context=Context.GLOBAL if hit.rule.owner_id is None else Context.PERSONAL,
        owner_id=hit.rule.owner_id,
        rule=hit.rule,
        origin=settings.ORIGIN,
        opened_at=now,
        activated_at=now,
        priced_at=now,
        last_seen_at=now,
    )
    row_fill(row, hit, view, now)
    return row


def row_fill(row: Opportunity, hit: Hit, view: MarketView, now: datetime) -> None:
    """Everything that follows from the last bars: strength, risk, marks, details, evidence."""
    strategy = signal_get(row.kind)
    side, place = Side(hit.rule.side), _place(view, hit.market_id)
    share = to_decimal(hit.last(ATR)) / to_decimal(hit.last(CLOSE))
    price = Decimal(row.legs[0]["price"])
    marks = strategy.marks(side, price, share)
    away = None if marks.stop is None else abs(marks.stop / price - 1)
    wild = away is None or away > _WILD_STOP
    row.risk = Risk.HIGH if wild else Risk.MEDIUM
    row.strength = round(hit.strength, STRENGTH_DIGITS)
    parts = _confidence(hit, view, place, now)
    row.confidence = round(min(parts.values()), 4)
    row.score = round(hit.strength * row.confidence, 6)
    longest = timedelta(seconds=strategy.longest_s)
    row.expires_at = (row.activated_at or now) + min(BELIEVED_FOR[Risk(row.risk)], longest)
    row.details = {
        "rule": {"id": str(hit.rule.pk), "name": hit.rule.name, "own": hit.rule.owner_id is not None},
        "side": side.value,
        "strength": {timeframe: round(part, 6) for timeframe, part in hit.parts.items()},
        "bars": {timeframe: _iso(at + TIMEFRAMES[timeframe]) for timeframe, at in hit.open_ms.items()},
        "atr_share": plain(share, digits=6),
        "roc_percent": _known(hit.last(ROC)),
        "stop": None if marks.stop is None else plain(marks.stop, digits=8),
        "target": None if marks.target is None else plain(marks.target, digits=8),
        "confidence": {name: round(part, 4) for name, part in parts.items()},
        "risk": _findings(wild, away),
    }
    row.evidence = {
        "kind": row.kind,
        "formula": strategy.formula,
        "at_ms": clock.to_ms(now),
        "side": side.value,
        "conditions": hit.rule.conditions,
        "open_ms": dict(hit.open_ms),
        "readings": {
            timeframe: {name: [_known(float(value)) for value in pair] for name, pair in figures.items()}
            for timeframe, figures in hit.figures.items()
        },
        "quote": {
            "bid": plain(to_decimal(float(view.bid[place]))),
            "ask": plain(to_decimal(float(view.ask[place]))),
            "exchange_ts": int(view.exchange_ts[place]),
        },
    }


def leg_update(row: Opportunity, view: MarketView, now: datetime) -> bool:
    """The leg at the price of now; False where there is none."""
    place = _place(view, row.legs[0]["market_id"])
    if place < 0 or not isfinite(float(view.mid[place])):
        return False
    row.legs = [leg_of(view, place, 1 if row.legs[0]["side"] == Side.BUY else -1)]
    row.last_seen_at = row.priced_at = now
    return True


def rule_fits(rule: TechnicalRule, row: Opportunity) -> bool:
    """Whether the rule is about this symbol or asset. One that names none is about all but those that mean to be a
    dollar: what moves there is noise."""
    wanted = {name.lower() for name in rule.symbols}
    if not wanted:
        return row.instrument not in DOLLARS
    return row.symbol.lower() in wanted or row.instrument.lower() in wanted


def _place(view: MarketView, market_id: int) -> int:
    """The market's row in the view, -1 where it has none."""
    return int(view.layout.place.take(market_id, mode="clip"))


def _confidence(hit: Hit, view: MarketView, place: int, now: datetime) -> dict[str, float]:
    """How fresh the quote and the bar are, in [0, 1] each: 1 - age / 10 s, and 1 - age / (two bars)."""
    now_ms = clock.to_ms(now)
    length = TIMEFRAMES[hit.shortest]
    quote = 1 - (now_ms - int(view.exchange_ts[place])) / 1000 / _STALE_AFTER_S
    bar = 1 - (now_ms - hit.open_ms[hit.shortest] - length) / (2 * length)
    return {"quote": min(1.0, max(0.0, quote)), "bar": min(1.0, max(0.0, bar))}


def _findings(wild: bool, away: Decimal | None) -> list[dict[str, str]]:
    found = []
    if wild:
        words = "no price is two ATRs below" if away is None else f"two ATRs are {away:.1%} of the price"
        found.append({"factor": "volatility", "risk": Risk.HIGH.value, "words": words})
    words = "a single position: nothing offsets a move against it, and a signal promises no edge"
    found.append({"factor": "direction", "risk": Risk.MEDIUM.value, "words": words})
    return found


def _known(value: float) -> float | None:
    """JSON has no NaN."""
    return value if isfinite(value) else None


def _iso(at_ms: int) -> str:
    return clock.from_ms(at_ms).isoformat()
