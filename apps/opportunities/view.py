"""The whole market as flat arrays: usable snapshots joined with the market table, equals lying together."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from apps.markets.types import Floats, FundingRates, Int8s, Int16s, Int32s, Int64s, Latest, MarketTable, Quotes

Bools: TypeAlias = NDArray[np.bool_]

SPOT, SWAP = 0, 1
MS_PER_HOUR = 3_600_000

# One of these is one dollar when a size is compared with the reference notional. It bounds a size and ranks; no edge is
# ever computed from it, so a broken peg can't invent an opportunity.
DOLLARS = frozenset({"USD", "USDT", "USDC"})


@dataclass(frozen=True, slots=True)
class Layout:
    """What depends on the market table alone, as columns of length n ordered by (type, instrument, quote, exchange).

    Rows of equal `group` have the same instrument and quote currency. `unit` is how many units of the instrument are in
    one listed unit. `place` is the position here by market id (-1: it has none, as has the last one, which stands for
    all ids beyond).
    """

    place: Int64s
    row: Int64s
    market_id: Int32s
    group: Int64s
    type_code: Int8s
    exchange_code: Int16s
    instrument_code: Int32s
    quote_code: Int16s
    fee: Floats
    unit: Floats
    payable: Bools


@dataclass(frozen=True, slots=True)
class MarketView:
    """The market at `now_ms`: what the table says (`layout`) and, in the same order, what the exchanges say.

    Prices are in quote currency per unit of the instrument and sizes in units of the instrument (multipliers removed; a
    size may be NaN = unknown). A row that can't be used is NaN in `bid`, `ask` and `mid`, so no comparison with it
    holds; of all others prices are positive and uncrossed, the taker fee is in [0, 1) and `exchange_ts` is Unix ms.
    `rate` per `interval_ms` with `next_funding_at` (Unix ms) are NaN, 0 and 0 unless all three are known.
    """

    now_ms: int
    table: MarketTable
    layout: Layout
    bid: Floats
    bid_size: Floats
    ask: Floats
    ask_size: Floats
    mid: Floats
    exchange_ts: Int64s
    rate: Floats
    interval_ms: Int64s
    next_funding_at: Int64s

    def usable(self) -> int:
        """How many rows can be used."""
        return int(np.count_nonzero(~np.isnan(self.mid)))

    def rows_of_type(self, type_code: int) -> slice:
        """Where the rows of one market type lie."""
        begin, end = np.searchsorted(self.layout.type_code, (type_code, type_code + 1)).tolist()
        return slice(begin, end)


_known: tuple[MarketTable, Layout] | None = None


def _layout(table: MarketTable) -> Layout:
    """The table's layout; kept for the last table, which changes only when markets are listed or delisted."""
    global _known
    if _known is None or _known[0] is not table:
        _known = table, _layout_of(table)
    return _known[1]


def _layout_of(table: MarketTable) -> Layout:
    group = table.instrument_code.astype(np.int64) * max(len(table.quotes), 1) + table.quote_code
    order = np.lexsort((table.exchange_code, group, table.type_code))
    listed = (table.instrument_code >= 0) & (table.quote_code >= 0)
    row = order[listed[order]].astype(np.int64)
    market_id = table.market_id[row]
    place = np.full(int(market_id.max(initial=0)) + 2, -1, dtype=np.int64)
    place[market_id] = np.arange(len(row))
    fee, unit = table.taker_fee[row], table.multiplier[row]
    return Layout(
        place=place,
        row=row,
        market_id=market_id,
        group=group[row],
        type_code=table.type_code[row],
        exchange_code=table.exchange_code[row],
        instrument_code=table.instrument_code[row],
        quote_code=table.quote_code[row],
        fee=fee,
        unit=unit,
        payable=(fee >= 0) & (fee < 1) & (unit > 0),
    )


def market_view(
    table: MarketTable, latest: Latest, *, now_ms: int, max_age_ms: float, max_funding_age_ms: float
) -> MarketView:
    """Join `latest` with `table`: rows that can't be trusted or priced are NaN (see `MarketView`).

    Ages count from `received_at`; an older snapshot is left out as a whole, as is one of another version of the table:
    the markets changed between the two reads. Markets that the table does not know are
    left out; markets without a taker fee can't be used, nor those with a negative one: a rebate that ends is a loss.
    """
    layout = _layout(table)
    fresh = [
        quotes
        for quotes in (*latest.spot, *latest.swap)
        if now_ms - quotes.received_at <= max_age_ms and quotes.market_version == table.version
    ]
    bid, bid_size, ask, ask_size, exchange_ts = _placed(layout, fresh)
    usable = (bid > 0) & (ask >= bid) & (ask < np.inf) & (exchange_ts > 0) & layout.payable
    usable &= ~(bid_size <= 0) & ~(ask_size <= 0)
    bid[~usable] = np.nan
    ask[~usable] = np.nan
    # In place: fresh arrays of this size cost more than the arithmetic.
    for column, convert in ((bid, np.divide), (ask, np.divide), (bid_size, np.multiply), (ask_size, np.multiply)):
        convert(column, layout.unit, out=column)
    mid = bid + ask
    mid /= 2
    rates = [
        rates
        for rates in latest.funding
        if now_ms - rates.received_at <= max_funding_age_ms and rates.market_version == table.version
    ]
    rate, interval_ms, next_funding_at = _funding(layout, rates, now_ms)
    return MarketView(
        now_ms=now_ms,
        table=table,
        layout=layout,
        bid=bid,
        bid_size=bid_size,
        ask=ask,
        ask_size=ask_size,
        mid=mid,
        exchange_ts=exchange_ts,
        rate=rate,
        interval_ms=interval_ms,
        next_funding_at=next_funding_at,
    )


def _placed(layout: Layout, snapshots: list[Quotes]) -> tuple[Floats, Floats, Floats, Floats, Int64s]:
    """Bid, bid size, ask, ask size and exchange time in the layout's order; NaN and 0 where there is no quote."""
    count = len(layout.row)
    bid, bid_size, ask, ask_size = (np.full(count, np.nan) for _ in range(4))
    seen_at = np.zeros(count, dtype=np.int64)
    for quotes in snapshots:
        at, known = _places(layout, quotes.market_id)
        bid[at], ask[at] = quotes.bid[known], quotes.ask[known]
        bid_size[at], ask_size[at] = quotes.bid_size[known], quotes.ask_size[known]
        seen_at[at] = quotes.exchange_ts[known]
    return bid, bid_size, ask, ask_size, seen_at


def _places(layout: Layout, market_id: Int32s) -> tuple[Int64s, Int64s | slice]:
    """Positions of the market ids (positive) that have one, and which of the ids these are."""
    at = layout.place.take(market_id, mode="clip")
    if at.min(initial=0) >= 0:
        return at, slice(None)
    known = np.flatnonzero(at >= 0)
    return at[known], known


def _funding(layout: Layout, snapshots: list[FundingRates], now_ms: int) -> tuple[Floats, Int64s, Int64s]:
    """Rate, interval and next funding time in the layout's order; a row lacking one of them has none of them.

    A next funding time that has just passed (by less than an interval) is moved on by one interval: what was due then
    can't be earned any more. One further back is not believed.
    """
    count = len(layout.row)
    rate = np.full(count, np.nan)
    interval_ms, next_at = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
    for snapshot in snapshots:
        at, known = _places(layout, snapshot.market_id)
        hours = snapshot.interval_hours[known]
        interval = np.rint(np.where((hours > 0) & (hours < np.inf), hours, 0.0) * MS_PER_HOUR).astype(np.int64)
        due = snapshot.next_funding_at[known]
        due = np.where((due > 0) & (due < now_ms), due + interval, due)
        good = np.isfinite(snapshot.rate[known]) & (interval > 0) & (due >= now_ms)
        rate[at] = np.where(good, snapshot.rate[known], np.nan)
        interval_ms[at], next_at[at] = np.where(good, interval, 0), np.where(good, due, 0)
    return rate, interval_ms, next_at


def dollar_rates(view: MarketView, quote_codes: Int16s) -> dict[int, float]:
    """Dollars per unit of each asked quote currency, by code: the median mid over all exchanges, 1 for `DOLLARS`.

    A currency that is traded against no dollar is absent. For sizes and ranking only.
    """
    table, layout = view.table, view.layout
    dollar = np.array([name in DOLLARS for name in table.quotes] or [False])
    spot = view.rows_of_type(SPOT)
    mid, quote, instrument = view.mid[spot], layout.quote_code[spot], layout.instrument_code[spot]
    known = ~np.isnan(mid)
    of_dollars = known & np.isin(instrument, _codes(table.instruments, DOLLARS))
    rates: dict[int, float] = {}
    for code in np.unique(quote_codes).tolist():
        name = table.quotes[code]
        if name in DOLLARS:
            rates[code] = 1.0
            continue
        straight = known & dollar[quote] & np.isin(instrument, _codes(table.instruments, {name}))
        inverse = of_dollars & (quote == code)
        mids = np.concatenate([mid[straight], 1 / mid[inverse]])
        if len(mids):
            rates[code] = float(np.median(mids))
    return rates


def _codes(instruments: list[str], names: Collection[str]) -> list[int]:
    return [code for code, name in enumerate(instruments) if name in names]
