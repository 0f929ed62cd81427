"""The whole market as flat arrays: usable snapshots joined with the market table, equals lying together."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from apps.markets.conversion import (
    DOLLARS,
    CodedRates,
    DollarMarkets,
    conversion_rates,
    dollar_markets,
    rates_coded,
)
from apps.markets.enums import SnapshotKind
from apps.markets.types import Floats, FundingRates, Int8s, Int16s, Int32s, Int64s, Latest, MarketTable, Quotes

Bools: TypeAlias = NDArray[np.bool_]
Rows: TypeAlias = slice | Int64s
Column = TypeVar("Column", np.float64, np.int64)

SPOT, SWAP = 0, 1
MS_PER_HOUR = 3_600_000

# One of these is one dollar when a size is compared with the reference notional. It bounds a size and ranks; no edge is
# ever computed from it, so a broken peg can't invent an opportunity: edges use the live rates of `MarketView.rates`.
SIZED_AS_DOLLARS = frozenset({"USD", "USDT", "USDC"})


@dataclass(frozen=True, slots=True)
class Meeting:
    """Rows of two market types that have partners: `buy` and `sell` are rows in their order, in groups that both have.

    `begin` and `count` tell by group where its rows lie in `buy`, `sell_group` the group of each row of `sell`. Within
    one type a group has at least two rows, and both are the same rows.
    """

    buy: Rows
    sell: Rows
    begin: Int64s
    count: Int64s
    sell_group: Int64s

    def rows(self, bought: Int64s, sold: Int64s) -> tuple[Int64s, Int64s]:
        """The rows of the view behind places in `buy` and `sell`."""
        return _rows_at(self.buy, bought), _rows_at(self.sell, sold)


def _rows_at(rows: Rows, places: Int64s) -> Int64s:
    return places + rows.start if isinstance(rows, slice) else rows[places]


@dataclass(frozen=True, slots=True)
class Layout:
    """What depends on the market table alone, as columns of length n ordered by (type, group, quote, exchange).

    Rows of equal `group` have the same instrument and comparable quote currencies: the same one, or dollars. `unit` is
    how many units of the instrument are in one listed unit, `packed` the rows where that isn't one; `fees_twice` is the
    fee of opening and closing. `place` is the position here by market id (-1: it has none, as has the last one, which
    stands for all ids beyond). `dollars`: the markets that tell the rates between dollars. `meetings`: which rows can
    be pairs, by their two types.
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
    fees_twice: Floats
    unit: Floats
    packed: Int64s
    payable: Bools
    dollars: DollarMarkets
    meetings: Mapping[tuple[int, int], Meeting]

    def meeting(self, bought: int, sold: int) -> Meeting:
        """The rows of one market type that rows of another (or the same) can be paired with."""
        return self.meetings[bought, sold]


@dataclass(frozen=True, slots=True)
class MarketView:
    """The market at `now_ms`: what the table says (`layout`) and, in the same order, what the exchanges say.

    Prices are in quote currency per unit of the instrument and sizes in units of the instrument (multipliers removed; a
    size may be NaN = unknown, as may `volume`, what was traded in 24 h in quote currency, and `open_interest`, what
    stands open of a perpetual in units of the instrument). A row that can't be used is NaN in `bid`, `ask` and `mid`,
    so no comparison with it holds; of all others prices are positive and uncrossed, the taker fee is in [0, 1) and
    `exchange_ts` is Unix ms. `rate` per `interval_ms` with `next_funding_at` (Unix ms) are NaN, 0 and 0 unless all
    three are known. `rates` are those of the quote currencies that are dollars, by quote code.
    """

    now_ms: int
    table: MarketTable
    layout: Layout
    bid: Floats
    bid_size: Floats
    ask: Floats
    ask_size: Floats
    mid: Floats
    volume: Floats
    open_interest: Floats
    exchange_ts: Int64s
    rate: Floats
    interval_ms: Int64s
    next_funding_at: Int64s
    rates: CodedRates

    def usable(self) -> int:
        """How many rows can be used."""
        return int(np.count_nonzero(~np.isnan(self.mid)))

    def rows_of_type(self, type_code: int) -> slice:
        """Where the rows of one market type lie."""
        return _of_type(self.layout.type_code, type_code)

    def worth(self, rows: Rows) -> Floats:
        """About what one unit of each row's quote currency is worth in its group: to look for pairs, not for edges."""
        mid = (self.rates.bid + self.rates.ask) / 2
        return np.where(np.isnan(mid), 1.0, mid)[self.layout.quote_code[rows]]

    def exchanged(self, buy: Int64s, sell: Int64s) -> tuple[Floats, Floats]:
        """What one unit of the sold row's quote currency brings in the bought row's, and which part of that the fees of
        the conversion leave; 1 and 1 in one currency, NaN where there is no live rate."""
        spent, earned = self.layout.quote_code[buy], self.layout.quote_code[sell]
        rate, kept = np.ones(len(buy)), np.ones(len(buy))
        other = np.flatnonzero(spent != earned)
        spent, earned = spent[other], earned[other]
        rate[other] = self.rates.bid[earned] / self.rates.ask[spent]
        kept[other] = (1 - self.rates.fee[earned]) / (1 + self.rates.fee[spent])
        return rate, kept


_known: tuple[MarketTable, Layout] | None = None


def _layout(table: MarketTable) -> Layout:
    """The table's layout; kept for the last table, which changes only when markets are listed or delisted."""
    global _known
    if _known is None or _known[0] is not table:
        _known = table, _layout_of(table)
    return _known[1]


def _layout_of(table: MarketTable) -> Layout:
    # All dollars are one family, before the other currencies, each of which is its own.
    family = np.array([0 if name in DOLLARS else 1 + code for code, name in enumerate(table.quotes)], dtype=np.int64)
    group = table.instrument_code.astype(np.int64) * (len(family) + 1) + family[table.quote_code]
    order = np.lexsort((table.exchange_code, table.quote_code, group, table.type_code))
    listed = (table.instrument_code >= 0) & (table.quote_code >= 0)
    row = order[listed[order]].astype(np.int64)
    market_id = table.market_id[row]
    place = np.full(int(market_id.max(initial=0)) + 2, -1, dtype=np.int64)
    place[market_id] = np.arange(len(row))
    fee, unit = table.taker_fee[row], table.multiplier[row]
    group, type_code = group[row], table.type_code[row]
    return Layout(
        place=place,
        row=row,
        market_id=market_id,
        group=group,
        type_code=type_code,
        exchange_code=table.exchange_code[row],
        instrument_code=table.instrument_code[row],
        quote_code=table.quote_code[row],
        fee=fee,
        fees_twice=2 * fee,
        unit=unit,
        packed=np.flatnonzero(unit != 1),
        payable=(fee >= 0) & (fee < 1) & (unit > 0),
        dollars=dollar_markets(table),
        meetings={
            (bought, sold): _meeting(group, _of_type(type_code, bought), _of_type(type_code, sold))
            for bought, sold in ((SPOT, SPOT), (SWAP, SWAP), (SPOT, SWAP))
        },
    )


def _of_type(type_codes: Int8s, type_code: int) -> slice:
    begin, end = np.searchsorted(type_codes, (type_code, type_code + 1)).tolist()
    return slice(begin, end)


def _meeting(group: Int64s, bought: slice, sold: slice) -> Meeting:
    of_buy, of_sell = group[bought], group[sold]
    if bought == sold:
        names, sizes = np.unique(of_buy, return_counts=True)
        common = names[sizes > 1]
    else:
        common = np.intersect1d(of_buy, of_sell)
    return meeting_of(of_buy, of_sell, common, bought.start, sold.start)


def meeting_of(of_buy: Int64s, of_sell: Int64s, common: Int64s, buy_from: int = 0, sell_from: int = 0) -> Meeting:
    """Who meets whom: rows of two sorted lists of groups whose group is among `common` (sorted); the first row of each
    list is `buy_from` and `sell_from`."""
    buy, sell = np.flatnonzero(np.isin(of_buy, common)), np.flatnonzero(np.isin(of_sell, common))
    begin = np.searchsorted(of_buy[buy], common)
    return Meeting(
        buy=_compact(buy + buy_from),
        sell=_compact(sell + sell_from),
        begin=begin,
        count=np.diff(np.append(begin, len(buy))),
        sell_group=np.searchsorted(common, of_sell[sell]),
    )


def _compact(rows: Int64s) -> Rows:
    """A slice where the rows lie together: reading one copies nothing."""
    if len(rows) and rows[-1] - rows[0] + 1 == len(rows):
        return slice(int(rows[0]), int(rows[-1]) + 1)
    return rows


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
    order = _order("quotes", layout, [quotes.market_id for quotes in fresh])
    bid, bid_size, ask, ask_size = (
        _together([getattr(quotes, name) for quotes in fresh], np.nan).take(order)
        for name in ("bid", "bid_size", "ask", "ask_size")
    )
    exchange_ts = _together([quotes.exchange_ts for quotes in fresh], 0).take(order)
    usable = (bid > 0) & (ask >= bid) & (ask < np.inf) & (exchange_ts > 0) & layout.payable
    unusable = ~usable | (bid_size <= 0) | (ask_size <= 0)
    np.putmask(bid, unusable, np.nan)
    np.putmask(ask, unusable, np.nan)
    if len(layout.packed):
        unit = layout.unit[layout.packed]
        for price in (bid, ask):
            price[layout.packed] /= unit
        for size in (bid_size, ask_size):
            size[layout.packed] *= unit
    mid = bid + ask
    mid /= 2
    spot = [quotes for quotes in fresh if quotes.kind is SnapshotKind.SPOT]
    fundings = [
        rates
        for rates in latest.funding
        if now_ms - rates.received_at <= max_funding_age_ms and rates.market_version == table.version
    ]
    rate, interval_ms, next_funding_at = _funding(layout, fundings, now_ms)
    return MarketView(
        now_ms=now_ms,
        table=table,
        layout=layout,
        bid=bid,
        bid_size=bid_size,
        ask=ask,
        ask_size=ask_size,
        mid=mid,
        volume=_together([quotes.quote_volume for quotes in fresh], np.nan).take(order),
        open_interest=_open_interest(layout, fresh, order),
        exchange_ts=exchange_ts,
        rate=rate,
        interval_ms=interval_ms,
        next_funding_at=next_funding_at,
        rates=rates_coded(conversion_rates(layout.dollars, spot), table.quotes),
    )


@dataclass(frozen=True, slots=True)
class _Order:
    """Where the rows of a layout lie in the columns of snapshots, one after the other; behind them all: nowhere."""

    layout: Layout
    market_id: Int32s
    at: Int64s


# The last order of each kind of snapshots: exchanges rarely answer for other markets than a moment ago.
_orders: dict[str, _Order] = {}


def _order(kind: str, layout: Layout, market_ids: list[Int32s]) -> Int64s:
    together = np.concatenate([np.empty(0, dtype=np.int32), *market_ids])
    known = _orders.get(kind)
    if known is None or known.layout is not layout or not np.array_equal(known.market_id, together):
        place = layout.place.take(together, mode="clip")
        there = np.flatnonzero(place >= 0)
        at = np.full(len(layout.row), len(together))
        at[place[there]] = there
        known = _orders[kind] = _Order(layout, together, at)
    return known.at


def _together(columns: list[NDArray[Column]], nowhere: float) -> NDArray[Column]:
    """One column of the snapshots, one after the other, and `nowhere` behind them all."""
    dtype = columns[0].dtype if columns else np.float64
    return np.concatenate([*columns, np.array([nowhere], dtype=dtype)])


def _open_interest(layout: Layout, fresh: list[Quotes], order: Int64s) -> Floats:
    if all(quotes.open_interest is None for quotes in fresh):
        return np.broadcast_to(np.nan, len(order))
    told = [
        np.full(len(quotes.market_id), np.nan) if quotes.open_interest is None else quotes.open_interest
        for quotes in fresh
    ]
    interest = _together(told, np.nan).take(order)
    if len(layout.packed):
        interest[layout.packed] *= layout.unit[layout.packed]
    return interest


def _funding(layout: Layout, snapshots: list[FundingRates], now_ms: int) -> tuple[Floats, Int64s, Int64s]:
    """Rate, interval and next funding time in the layout's order; a row lacking one of them has none of them.

    A next funding time that has just passed (by less than an interval) is moved on by one interval: what was due then
    can't be earned any more. One further back is not believed.
    """
    order = _order("funding", layout, [snapshot.market_id for snapshot in snapshots])
    rate = _together([snapshot.rate for snapshot in snapshots], np.nan)
    hours = _together([snapshot.interval_hours for snapshot in snapshots], np.nan)
    due = _together([snapshot.next_funding_at for snapshot in snapshots], 0)
    np.putmask(hours, ~((hours > 0) & (hours < np.inf)), 0.0)
    hours *= MS_PER_HOUR
    interval = np.rint(hours, out=hours).astype(np.int64)
    due += interval * ((due > 0) & (due < now_ms))
    bad = ~np.isfinite(rate) | (interval <= 0) | (due < now_ms)
    np.putmask(rate, bad, np.nan)
    np.putmask(interval, bad, 0)
    np.putmask(due, bad, 0)
    return rate.take(order), interval.take(order), due.take(order)


def dollar_rates(view: MarketView, quote_codes: Int16s) -> dict[int, float]:
    """Dollars per unit of each asked quote currency, by code: the median mid over all exchanges.

    1 for `SIZED_AS_DOLLARS`; a currency that is traded against no dollar is absent. For sizes and ranking only.
    """
    table, layout = view.table, view.layout
    wanted = {code: table.quotes[code] for code in np.unique(quote_codes).tolist()}
    if SIZED_AS_DOLLARS.issuperset(wanted.values()):
        return dict.fromkeys(wanted, 1.0)
    dollar = np.array([name in SIZED_AS_DOLLARS for name in table.quotes] or [False])
    spot = view.rows_of_type(SPOT)
    mid, quote, instrument = view.mid[spot], layout.quote_code[spot], layout.instrument_code[spot]
    known = ~np.isnan(mid)
    of_dollars = known & np.isin(instrument, _codes(table.instruments, SIZED_AS_DOLLARS))
    rates: dict[int, float] = {}
    for code, name in wanted.items():
        if name in SIZED_AS_DOLLARS:
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
