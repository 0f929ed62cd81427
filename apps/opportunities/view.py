"""The whole market as flat arrays: usable snapshots joined with the market table, equals lying together."""

from dataclasses import dataclass

import numpy as np

from apps.markets.types import Floats, FundingRates, Int16s, Int32s, Int64s, Latest, MarketTable, Quotes

SPOT, SWAP = 0, 1
MS_PER_HOUR = 3_600_000

# One of these is one dollar when a size is compared with the reference notional. It bounds a size and ranks; no edge is
# ever computed from it, so a broken peg can't invent an opportunity.
DOLLARS = frozenset({"USD", "USDT", "USDC"})


@dataclass(frozen=True, slots=True)
class MarketView:
    """Markets that may be compared, as columns of length n ordered by (instrument, quote, type, exchange).

    Prices are in quote currency per unit of the instrument and sizes in units of the instrument (multipliers removed;
    a size may be NaN = unknown). Every row has finite positive uncrossed prices, a taker fee in [0, 1) and an exchange
    time in Unix ms. `rate` per `interval_ms` and `next_funding_at` (Unix ms) are NaN, 0 and 0 unless all are known.
    """

    now_ms: int
    table: MarketTable
    row: Int64s
    group: Int64s
    type_code: np.ndarray
    exchange_code: Int16s
    instrument_code: Int32s
    quote_code: Int16s
    bid: Floats
    bid_size: Floats
    ask: Floats
    ask_size: Floats
    mid: Floats
    fee: Floats
    exchange_ts: Int64s
    rate: Floats
    interval_ms: Int64s
    next_funding_at: Int64s

    def __len__(self) -> int:
        return len(self.row)

    @property
    def market_id(self) -> Int32s:
        """Market id of each row."""
        return self.table.market_id[self.row]

    def rows_of_type(self, type_code: int) -> Int64s:
        """Rows of one market type, still in order."""
        return np.flatnonzero(self.type_code == type_code)


@dataclass(frozen=True, slots=True)
class _Layout:
    """What depends on the table alone: the order of its rows, and each row's group (instrument and quote)."""

    order: Int64s
    group: Int64s


_known: tuple[MarketTable, _Layout] | None = None


def _layout(table: MarketTable) -> _Layout:
    """The table's layout; kept for the last table, which changes only when markets are listed or delisted."""
    global _known
    if _known is None or _known[0] is not table:
        group = table.instrument_code.astype(np.int64) * max(len(table.quotes), 1) + table.quote_code
        order = np.lexsort((table.exchange_code, table.type_code, group))
        listed = (table.instrument_code >= 0) & (table.quote_code >= 0)
        _known = table, _Layout(order[listed[order]], group)
    return _known[1]


def market_view(
    table: MarketTable, latest: Latest, *, now_ms: int, max_age_ms: float, max_funding_age_ms: float
) -> MarketView:
    """Join `latest` with `table`: rows that can't be trusted or priced are left out (see `MarketView`).

    Ages count from `received_at`; an older snapshot is left out as a whole. Markets that the table does not know and
    markets without a taker fee are left out; a negative fee too, since a rebate that ends would turn into a loss.
    """
    layout = _layout(table)
    fresh = [quotes for quotes in (*latest.spot, *latest.swap) if now_ms - quotes.received_at <= max_age_ms]
    bid, bid_size, ask, ask_size, seen_at = _placed(table, fresh)
    fee = table.taker_fee
    usable = (bid > 0) & (ask >= bid) & (ask < np.inf) & (fee >= 0) & (fee < 1) & (table.multiplier > 0) & (seen_at > 0)
    usable &= ~(bid_size <= 0) & ~(ask_size <= 0)
    row = layout.order[usable[layout.order]]
    unit = table.multiplier[row]
    rate, interval_ms, next_funding_at = _funding(table, latest.funding, now_ms, max_funding_age_ms)
    low, high = bid[row] / unit, ask[row] / unit
    return MarketView(
        now_ms=now_ms,
        table=table,
        row=row,
        group=layout.group[row],
        type_code=table.type_code[row],
        exchange_code=table.exchange_code[row],
        instrument_code=table.instrument_code[row],
        quote_code=table.quote_code[row],
        bid=low,
        bid_size=bid_size[row] * unit,
        ask=high,
        ask_size=ask_size[row] * unit,
        mid=(low + high) / 2,
        fee=fee[row],
        exchange_ts=seen_at[row],
        rate=rate[row],
        interval_ms=interval_ms[row],
        next_funding_at=next_funding_at[row],
    )


def _placed(table: MarketTable, snapshots: list[Quotes]) -> tuple[Floats, Floats, Floats, Floats, Int64s]:
    """Bid, bid size, ask, ask size and exchange time per table row; NaN and 0 where there is no quote."""
    count = len(table.market_id)
    bid, bid_size, ask, ask_size = (np.full(count, np.nan) for _ in range(4))
    seen_at = np.zeros(count, dtype=np.int64)
    for quotes in snapshots:
        rows, known = _known_rows(table, quotes.market_id)
        bid[rows], ask[rows] = quotes.bid[known], quotes.ask[known]
        bid_size[rows], ask_size[rows] = quotes.bid_size[known], quotes.ask_size[known]
        seen_at[rows] = quotes.exchange_ts[known]
    return bid, bid_size, ask, ask_size, seen_at


def _known_rows(table: MarketTable, market_id: Int32s) -> tuple[np.ndarray, np.ndarray | slice]:
    rows = table.rows(market_id)
    if (rows >= 0).all():
        return rows, slice(None)
    known = np.flatnonzero(rows >= 0)
    return rows[known], known


def _funding(
    table: MarketTable, snapshots: list[FundingRates], now_ms: int, max_age_ms: float
) -> tuple[Floats, Int64s, Int64s]:
    """Rate, interval and next funding time per table row; a row lacking one of them has none of them.

    A next funding time that has just passed (by less than an interval) is moved on by one interval: what was due then
    can't be earned any more. One further back is not believed.
    """
    count = len(table.market_id)
    rate = np.full(count, np.nan)
    interval_ms, next_at = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
    for snapshot in snapshots:
        if now_ms - snapshot.received_at > max_age_ms:
            continue
        rows, known = _known_rows(table, snapshot.market_id)
        hours = snapshot.interval_hours[known]
        interval = np.rint(np.where(hours > 0, hours, 0.0) * MS_PER_HOUR).astype(np.int64)
        due = snapshot.next_funding_at[known]
        due = np.where((due > 0) & (due < now_ms), due + interval, due)
        good = np.isfinite(snapshot.rate[known]) & (interval > 0) & (due >= now_ms)
        rate[rows] = np.where(good, snapshot.rate[known], np.nan)
        interval_ms[rows], next_at[rows] = np.where(good, interval, 0), np.where(good, due, 0)
    return rate, interval_ms, next_at


def dollar_rates(view: MarketView, quote_codes: np.ndarray) -> dict[int, float]:
    """Dollars per unit of each asked quote currency, by code: the median mid over all exchanges, 1 for `DOLLARS`.

    A currency that is traded against no dollar is absent. For sizes and ranking only.
    """
    table = view.table
    dollar = np.array([name in DOLLARS for name in table.quotes] or [False])
    spot = view.rows_of_type(SPOT)
    rates: dict[int, float] = {}
    for code in np.unique(quote_codes).tolist():
        name = table.quotes[code]
        if name in DOLLARS:
            rates[code] = 1.0
            continue
        straight = spot[dollar[view.quote_code[spot]] & _is_instrument(view, spot, frozenset({name}))]
        inverse = spot[(view.quote_code[spot] == code) & _is_instrument(view, spot, DOLLARS)]
        mids = np.concatenate([view.mid[straight], 1 / view.mid[inverse]])
        if len(mids):
            rates[code] = float(np.median(mids))
    return rates


def _is_instrument(view: MarketView, rows: Int64s, names: frozenset[str]) -> np.ndarray:
    codes = [code for code, name in enumerate(view.table.instruments) if name in names]
    return np.isin(view.instrument_code[rows], codes)
