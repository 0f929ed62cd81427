"""What is known of each market's funding while a recording plays."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from apps.markets.funding import interval_settled
from apps.markets.types import Floats, Int64s
from apps.opportunities.replay.listings import Listings
from apps.opportunities.replay.tape import Prices, Rates
from apps.opportunities.view import MS_PER_HOUR

FAR = int(np.iinfo(np.int64).max)
_COLUMNS = tuple(Rates.__dataclass_fields__)


def settled_rates(rates: Rates, listings: Listings, intervals: Mapping[str, float]) -> Rates:
    """Settlements as rates held until the next one: the interval is the row's, else that of its exchange in
    `intervals`, else what the spacing of the settlements up to then tells; the next is due an interval later."""
    hours, next_ms = rates.interval_h.copy(), np.zeros(len(rates), dtype=np.int64)
    for market in np.unique(rates.market[np.isnan(hours)]).tolist():
        rows = np.flatnonzero(rates.market == market)
        lacking = np.isnan(hours[rows])
        given = intervals.get(listings.all[market].exchange)
        if given is not None:
            hours[rows[lacking]] = given
            continue
        times = rates.ts[rows] // 1000
        for place in np.flatnonzero(lacking).tolist():
            told = interval_settled(times[max(0, place - 9) : place + 1])
            hours[rows[place]] = np.nan if told is None else told
    known = ~np.isnan(hours)
    next_ms[known] = rates.ts[known] // 1000 + np.rint(hours[known] * MS_PER_HOUR).astype(np.int64)
    return Rates(rates.ts, rates.market, rates.rate, hours, next_ms)


@dataclass(slots=True)
class _Told:
    """The newest that one kind of source has told, by market number."""

    rate: Floats = field(default_factory=lambda: np.empty(0))
    interval_h: Floats = field(default_factory=lambda: np.empty(0))
    next_ms: Int64s = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    def grow(self, count: int) -> None:
        more = count - len(self.rate)
        self.rate = np.append(self.rate, np.full(more, np.nan))
        self.interval_h = np.append(self.interval_h, np.full(more, np.nan))
        self.next_ms = np.append(self.next_ms, np.zeros(more, dtype=np.int64))

    def note(self, rows: Rates | Prices, part: slice) -> None:
        # What a row does not say is as it was.
        market = rows.market[part]
        for mine, told in ((self.rate, rows.rate[part]), (self.interval_h, rows.interval_h[part])):
            known = ~np.isnan(told)
            mine[market[known]] = told[known]
        due = rows.next_ms[part]
        self.next_ms[market[due > 0]] = due[due > 0]


@dataclass(slots=True)
class Fundings:
    """By market number: what quotes (or rows of their own, `ahead`) told, and what was settled, which fills what they
    don't tell; `given` hours fill what neither does (NaN: not given)."""

    settled: Rates
    ahead: Rates
    given: Floats = field(default_factory=lambda: np.empty(0))
    _told: _Told = field(default_factory=_Told)
    _held: _Told = field(default_factory=_Told)
    _next_settled: int = 0
    _next_ahead: int = 0

    def grow(self, given: Floats) -> None:
        """Make room for all markets; `given` interval by market number."""
        self.given = given
        self._told.grow(len(given))
        self._held.grow(len(given))

    def tell(self, rows: Rates | Prices, part: slice) -> None:
        """Note what these rows tell. Rows told apart from quotes are noted as they come, by `advance`."""
        self._told.note(rows, part)

    def advance(self, until: int) -> None:
        """Note what was settled and told apart from quotes up to `until` (Unix µs)."""
        end = int(np.searchsorted(self.settled.ts, until, side="right"))
        if end > self._next_settled:
            self._held.note(self.settled, slice(self._next_settled, end))
            self._next_settled = end
        end = int(np.searchsorted(self.ahead.ts, until, side="right"))
        if end > self._next_ahead:
            self._told.note(self.ahead, slice(self._next_ahead, end))
            self._next_ahead = end

    def expect(self, rates: Rates) -> None:
        """More rates that are told apart from quotes, to be noted as they come."""
        rest = (getattr(self.ahead, name)[self._next_ahead :] for name in _COLUMNS)
        joined = Rates(*(np.concatenate([old, getattr(rates, name)]) for old, name in zip(rest, _COLUMNS, strict=True)))
        order = np.argsort(joined.ts, kind="stable")
        self.ahead, self._next_ahead = Rates(*(getattr(joined, name)[order] for name in _COLUMNS)), 0

    def next_news(self) -> int:
        """When the next of these comes (Unix µs)."""
        return min(
            int(rates.ts[at]) if at < len(rates) else FAR
            for rates, at in ((self.settled, self._next_settled), (self.ahead, self._next_ahead))
        )

    def of(self, markets: NDArray[np.intp]) -> tuple[Floats, Floats, Int64s]:
        """Rate, interval in hours and next funding (Unix ms) of these markets; NaN, NaN and 0: unknown."""
        told, held = self._told, self._held
        rate, hours = (
            np.where(np.isnan(mine[markets]), other[markets], mine[markets])
            for mine, other in ((told.rate, held.rate), (told.interval_h, held.interval_h))
        )
        hours = np.where(np.isnan(hours), self.given[markets], hours)
        return rate, hours, np.where(told.next_ms[markets] > 0, told.next_ms[markets], held.next_ms[markets])

    def steady_until(self, at_ms: int, markets: NDArray[np.intp], horizon_ms: int) -> int:
        """Up to when (Unix µs) as many fundings lie within the horizon as at `at_ms`, for all of these markets."""
        rate, hours, due = self.of(markets)
        known = ~np.isnan(rate) & (hours > 0) & (due > 0)
        return int(steady(at_ms, hours[known], due[known], horizon_ms).min(initial=FAR))

    def steady_after(self, prices: Prices, horizon_ms: int) -> list[int]:
        """The same for what each row tells itself, from its own moment on."""
        hours = np.where(np.isnan(prices.interval_h), self.given[prices.market], prices.interval_h)
        # Whole hours are all that there is, so every hour is often enough where the interval is told elsewhere.
        hours = np.where(np.isnan(hours), 1.0, hours)
        until = steady(prices.ts // 1000, hours, prices.next_ms, horizon_ms)
        return [int(one) for one in np.where(prices.next_ms > 0, until, FAR)]


def steady(at_ms: int | Int64s, hours: Floats, due: Int64s, horizon_ms: int) -> Int64s:
    """Up to when (Unix µs) the number of fundings within the horizon is what it is at `at_ms`: it changes when one
    enters the horizon, and a moment after one was due."""
    interval = np.maximum(1, np.rint(hours * MS_PER_HOUR)).astype(np.int64)
    enters = due - horizon_ms
    enters = enters + ((at_ms - enters) // interval + 1) * interval
    leaves = np.where(due >= at_ms, due, np.where(due + interval >= at_ms, due + interval, FAR // 1000 - 1))
    until: Int64s = np.minimum(enters - 1, leaves) * 1000 + 999
    return until
