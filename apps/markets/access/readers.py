"""The readers, one per kind of data. None of them asks an exchange."""

import math
from collections.abc import Collection
from datetime import datetime

from apps.markets import selectors
from apps.markets.access.answers import Answer, FundingRate, NetworkState, Pending, Settlement, Ticker
from apps.markets.access.front import read
from apps.markets.access.kinds.books import BookQuery
from apps.markets.access.kinds.history import HistoryQuery
from apps.markets.access.kinds.markets import MarketsQuery
from apps.markets.access.kinds.networks import NetworksQuery
from apps.markets.access.kinds.snapshots import FundingQuery, TickersQuery
from apps.markets.enums import IntervalSource, SnapshotKind
from apps.markets.types import FundingRates, MarketFacts, OrderBook, Quotes


def tickers(
    exchange: str, kind: SnapshotKind, *, symbols: Collection[str] = (), max_age_s: float | None = None
) -> Answer[tuple[Ticker, ...]] | Pending:
    """Best bids and asks of an exchange's spot markets or perpetuals (`kind`), sorted by market id.

    `symbols` selects (ccxt unified; empty: all); those without a quote now are left out. Default age: MAX_QUOTE_AGE_S.
    Raises PermanentError(code="not_found") for an unknown exchange or one without such markets."""
    answer = read(TickersQuery(exchange, str(kind)), max_age_s=max_age_s)
    return answer if isinstance(answer, Pending) else answer.of(_tickers(answer.value, kind, symbols))


def funding_rates(
    exchange: str, *, symbols: Collection[str] = (), max_age_s: float | None = None
) -> Answer[tuple[FundingRate, ...]] | Pending:
    """Predicted funding rates of an exchange's perpetuals, sorted by market id; `symbols` selects (empty: all).

    Default age: MAX_FUNDING_AGE_S. Raises PermanentError(code="not_found") for an exchange without perpetuals."""
    answer = read(FundingQuery(exchange), max_age_s=max_age_s)
    return answer if isinstance(answer, Pending) else answer.of(_rates(answer.value, symbols))


def order_book(market_id: int, *, max_age_s: float | None = None) -> Answer[OrderBook] | Pending:
    """The order book of one active market, up to 50 levels a side, best first, sizes in listed base units.

    Default age: 2 s. Books are not archived. Raises PermanentError(code="not_found") for an unknown market."""
    return read(BookQuery(market_id), max_age_s=max_age_s)


def funding_history(
    market_id: int, *, since: datetime, until: datetime, max_age_s: float | None = None
) -> Answer[tuple[Settlement, ...]] | Pending:
    """Settled fundings of one perpetual in [since, until), oldest first; the age is that of the last look at them.

    A worker looks again after 30 min; default age: 24 h.
    Raises PermanentError(code="not_found") for an unknown market or one that pays no funding."""
    answer = read(HistoryQuery(market_id), max_age_s=max_age_s)
    if isinstance(answer, Pending):
        return answer
    return answer.of(tuple(row for row in answer.value if since <= row.settled_at < until))


def networks(
    exchange: str, *, currency: str = "", max_age_s: float | None = None
) -> Answer[tuple[NetworkState, ...]] | Pending:
    """Deposit and withdrawal states of an exchange's currencies per network, by currency and network; one `currency`
    (ccxt unified code) or all.

    Default age: 30 min. Raises PermanentError(code="not_found") for an unknown exchange."""
    answer = read(NetworksQuery(exchange), max_age_s=max_age_s)
    if isinstance(answer, Pending):
        return answer
    return answer.of(tuple(row for row in answer.value if currency in ("", row.currency)))


def markets(exchange: str, *, max_age_s: float | None = None) -> Answer[tuple[MarketFacts, ...]] | Pending:
    """Every market of an exchange with fees, steps and limits, delisted ones too (`active` says so), by id.

    A worker loads them again after 30 min (and each hour anyway); default age: 3 h.
    Raises PermanentError(code="not_found") for an unknown exchange."""
    return read(MarketsQuery(exchange), max_age_s=max_age_s)


def _tickers(quotes: Quotes, kind: SnapshotKind, symbols: Collection[str]) -> tuple[Ticker, ...]:
    wanted = _rows(quotes, kind, symbols)
    columns = (quotes.bid, quotes.bid_size, quotes.ask, quotes.ask_size, quotes.last, quotes.quote_volume)
    bid, bid_size, ask, ask_size, last, volume = (column.tolist() for column in columns)
    ids, times = quotes.market_id.tolist(), quotes.exchange_ts.tolist()
    interest = [math.nan] * len(ids) if quotes.open_interest is None else quotes.open_interest.tolist()
    return tuple(
        Ticker(
            market_id=ids[row],
            symbol=symbol,
            bid=bid[row],
            bid_size=_known(bid_size[row]),
            ask=ask[row],
            ask_size=_known(ask_size[row]),
            last=_known(last[row]),
            quote_volume=_known(volume[row]),
            exchange_ts=times[row],
            open_interest=_known(interest[row]),
        )
        for row, symbol in wanted
    )


def _rates(rates: FundingRates, symbols: Collection[str]) -> tuple[FundingRate, ...]:
    wanted = _rows(rates, SnapshotKind.FUNDING, symbols)
    columns = (rates.rate, rates.interval_hours, rates.mark, rates.index)
    rate, hours, mark, index = (column.tolist() for column in columns)
    ids, times, sources = rates.market_id.tolist(), rates.exchange_ts.tolist(), rates.interval_source.tolist()
    next_at = rates.next_funding_at.tolist()
    return tuple(
        FundingRate(
            market_id=ids[row],
            symbol=symbol,
            rate=rate[row],
            interval_hours=_known(hours[row]),
            interval_source=IntervalSource(sources[row]),
            next_funding_at=next_at[row] or None,
            mark=_known(mark[row]),
            index=_known(index[row]),
            exchange_ts=times[row],
        )
        for row, symbol in wanted
    )


def _rows(snapshot: Quotes | FundingRates, kind: SnapshotKind, symbols: Collection[str]) -> list[tuple[int, str]]:
    """Row and symbol of the wanted markets in a snapshot."""
    index = selectors.market_index(snapshot.exchange, kind)
    names = dict(zip(index.market_id.tolist(), index.row_of, strict=True))
    wanted = set(symbols)
    named = ((row, names.get(market_id, "")) for row, market_id in enumerate(snapshot.market_id.tolist()))
    return [(row, name) for row, name in named if name and (not wanted or name in wanted)]


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
