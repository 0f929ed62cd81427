"""Whether technical signals run ahead of arbitrage: their strength, minute by minute, beside the instrument's edges."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID

import numpy as np
from django.db.models import Q

from apps.accounts.selectors import user_policy
from apps.core import clock
from apps.core.exceptions import PermanentError
from apps.markets.candles.timeframes import KEPT, TIMEFRAMES
from apps.markets.selectors import candles, market_table
from apps.markets.types import Candles, Floats, Int64s, MarketTable
from apps.opportunities.enums import Context
from apps.opportunities.models import EdgePoint, Opportunity, TechnicalRule
from apps.opportunities.technical.conditions import Conditions, ConditionsInvalid, conditions_parse, on_timeframe
from apps.opportunities.technical.correlation import MAX_POINTS, LeadLag, lead_lag
from apps.opportunities.technical.readings import bar_by_bar
from apps.opportunities.technical.signals import signals_of

if TYPE_CHECKING:
    from apps.accounts.models import User

# Lags are looked for up to five minutes: longer bars can't tell any.
SHORT_TIMEFRAMES: Final = ("1m", "5m")
STEP_S: Final = 60
# The newest episodes: a bound on memory, above what a day brings of one instrument.
_MAX_EPISODES: Final = 2000


class NoBars(PermanentError):
    """There are no candles to judge by; the message says of what."""

    code = "no_bars"


@dataclass(frozen=True, slots=True)
class Lead:
    """One rule and how its signal goes with the edges; None where there is too little to tell."""

    rule: TechnicalRule
    lead: LeadLag | None


@dataclass(frozen=True, slots=True)
class Leads:
    """What was compared, and the answer for each rule; moments are those of the first and the last minute."""

    instrument: str
    exchange: str
    symbol: str
    timeframe: str
    since: datetime
    until: datetime
    leads: tuple[Lead, ...]


def leads_of(*, user: "User", instrument: str, exchange: str, timeframe: str, now: datetime) -> Leads:
    """The enabled rules of the house and of `user` on bars of one market of `instrument`, beside the edges of all its
    arbitrage, as far as the user's tier may know of it. Their conditions are put on bars of `timeframe`.

    Raises NoBars where nothing is known of such a market."""
    table = market_table()
    bars = candles(exchange=exchange, timeframe=timeframe, bars=KEPT, now=now)
    row = None if bars is None else _row(table, bars, instrument)
    if bars is None or row is None:
        raise NoBars(f"There are no candles of {instrument} on {exchange} yet.")
    until = now - timedelta(seconds=user_policy(user).delay_s)
    moments = _minutes(bars, clock.to_ms(until))
    if not len(moments):
        raise NoBars(f"There are no candles of {instrument} on {exchange} from before {until:%H:%M} yet.")
    edge = _edges(instrument, moments, until)
    leads = []
    for rule, conditions in _rules(user):
        leads.append(Lead(rule, lead_lag(_strength(conditions, bars, row, moments), edge, step_s=STEP_S)))
    at = table.rows(bars.market_ids[row : row + 1])[0]
    return Leads(
        instrument=table.instruments[int(table.instrument_code[at])],
        exchange=exchange,
        symbol=table.symbol[int(at)],
        timeframe=timeframe,
        since=clock.from_ms(int(moments[0])),
        until=clock.from_ms(int(moments[-1])),
        leads=tuple(leads),
    )


def _row(table: MarketTable, bars: Candles, instrument: str) -> int | None:
    """The market of the instrument in these candles, spot before perpetuals, the one that was listed first."""
    names = {name.lower(): code for code, name in enumerate(table.instruments)}
    code = names.get(instrument.lower())
    rows = table.rows(bars.market_ids)
    found = [
        (int(table.type_code[at]), int(market_id), row)
        for row, (at, market_id) in enumerate(zip(rows.tolist(), bars.market_ids.tolist(), strict=True))
        if at >= 0 and int(table.instrument_code[at]) == code
    ]
    return min(found)[2] if found else None


def _minutes(bars: Candles, until_ms: int) -> Int64s:
    """Every minute from the close of the first bar to `until_ms`, the newest ones."""
    step = STEP_S * 1000
    first = int(bars.open_ms[0]) + TIMEFRAMES[bars.timeframe]
    last = min(until_ms, int(bars.open_ms[-1]) + 2 * TIMEFRAMES[bars.timeframe] - step)
    return np.arange(first, last + 1, step, dtype=np.int64)[-MAX_POINTS:]


def _strength(conditions: Conditions, bars: Candles, row: int, moments: Int64s) -> Floats:
    """The signal's strength at each moment: that of the last bar that was closed by then."""
    moved = on_timeframe(conditions, bars.timeframe)
    closed, readings = bar_by_bar(moved, {bars.timeframe: bars}, {bars.timeframe: row})
    strength = signals_of(moved, readings).strength
    return strength[np.searchsorted(closed, moments, side="right") - 1]


def _rules(user: "User") -> list[tuple[TechnicalRule, Conditions]]:
    found = []
    for rule in TechnicalRule.objects.filter(Q(owner__isnull=True) | Q(owner=user), is_enabled=True):
        try:
            found.append((rule, conditions_parse(rule.conditions)))
        except ConditionsInvalid:
            # Written by another version; the run that judges rules tells of it.
            continue
    return found


def _edges(instrument: str, moments: Int64s, until: datetime) -> Floats:
    """The highest net edge of the instrument at each moment, 0 where there was none."""
    since = clock.from_ms(int(moments[0]))
    alive = Q(closed_at__isnull=True) | Q(closed_at__gt=since)
    rows = Opportunity.objects.with_edge().filter(
        alive, instrument__iexact=instrument, context=Context.GLOBAL, activated_at__lte=until
    )
    ended = dict(rows.order_by("-activated_at").values_list("pk", "closed_at")[:_MAX_EPISODES])
    points = EdgePoint.objects.filter(opportunity_id__in=ended, at__lte=until).order_by("opportunity_id", "at")
    by_episode: dict[UUID, list[tuple[int, float]]] = {}
    for pk, at, net_edge in points.values_list("opportunity_id", "at", "net_edge"):
        by_episode.setdefault(pk, []).append((clock.to_ms(at), float(net_edge)))
    highest = np.zeros(len(moments))
    for pk, series in by_episode.items():
        closed_at = ended[pk]
        highest = np.maximum(highest, _held(series, moments, None if closed_at is None else clock.to_ms(closed_at)))
    return highest


def _held(series: Sequence[tuple[int, float]], moments: Int64s, closed_ms: int | None) -> Floats:
    """One episode's edge at each moment: its last point, 0 before the first and after its end."""
    at, edge = (np.array(column) for column in zip(*series, strict=True))
    place = np.searchsorted(at, moments, side="right") - 1
    alive = place >= 0
    if closed_ms is not None:
        alive &= moments < closed_ms
    return np.where(alive, edge[np.maximum(place, 0)], 0.0)
