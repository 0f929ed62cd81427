"""Market data as rows of an answer: what was found for each market of a page, or why there is nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from apps.core import clock
from apps.core.exceptions import ArbEdgeError
from apps.core.later import later
from apps.markets.candles.timeframes import TIMEFRAMES
from apps.markets.enums import DataSource, IntervalSource, MarketType, SnapshotKind
from apps.markets.models import Market

if TYPE_CHECKING:
    from apps.markets import access, selectors
    from apps.markets.types import Candle, OrderBook
else:
    access = later("apps.markets.access")
    selectors = later("apps.markets.selectors")

T = TypeVar("T")
Row: TypeAlias = dict[str, Any]
Reader: TypeAlias = "Callable[[Collection[str]], access.Answer[tuple[T, ...]] | access.Pending]"


@dataclass(frozen=True, slots=True)
class _Found:
    """What one reading gave: values by symbol with where and when, or why nothing."""

    values: Mapping[str, Any] = field(default_factory=dict)
    source: str | None = None
    received_at_ms: int = 0
    age_ms: int = 0
    reason: str = ""


def market_rows(markets: Sequence[Market]) -> list[Row]:
    """Markets with the fees that count and their quarantine."""
    book = selectors.fee_book({market.exchange_id for market in markets})
    return [_market_row(market, selectors.fee_under(book, market)) for market in markets]


def ticker_rows(markets: Sequence[Market]) -> Iterator[Row]:
    """Best bid and ask of each."""
    kinds = {
        market.id: SnapshotKind.SPOT if market.type == MarketType.SPOT else SnapshotKind.SWAP for market in markets
    }
    for (exchange, kind), group in _grouped(markets, lambda market: (market.exchange_id, kinds[market.id])):
        found = _read(lambda symbols: access.tickers(exchange, kind, symbols=symbols), group)  # noqa: B023
        for market in group:
            yield _row(market, found, _ticker)


def funding_rows(markets: Sequence[Market]) -> Iterator[Row]:
    """The predicted funding rate of each."""
    for exchange, group in _grouped(markets, lambda market: market.exchange_id):
        found = _read(lambda symbols: access.funding_rates(exchange, symbols=symbols), group)  # noqa: B023
        for market in group:
            yield _row(market, found, _funding)


def book_row(market: Market, answer: access.Answer[OrderBook]) -> Row:
    """The order book of one market."""
    found = _Found({market.symbol: answer.value}, answer.source, answer.received_at_ms, answer.age_ms)
    return _row(market, found, _book)


def _grouped(markets: Iterable[Market], key: Callable[[Market], T]) -> Iterable[tuple[T, list[Market]]]:
    groups: dict[T, list[Market]] = defaultdict(list)
    for market in markets:
        groups[key(market)].append(market)
    return groups.items()


def _read(reader: Reader[Any], group: Sequence[Market]) -> _Found:
    try:
        answer = reader([market.symbol for market in group])
    except ArbEdgeError as error:
        return _Found(reason=error.message)
    if isinstance(answer, access.Pending):
        old = "" if answer.newest_age_ms is None else f" The newest is {answer.newest_age_ms / 1000:.0f} s old."
        return _Found(reason=f"Nothing fresh enough; asked for, ask again in {answer.retry_after:g} s.{old}")
    values = {value.symbol: value for value in answer.value}
    return _Found(values, answer.source, answer.received_at_ms, answer.age_ms)


def _row(market: Market, found: _Found, columns: Callable[[Any], Row]) -> Row:
    value = found.values.get(market.symbol)
    known = value is not None
    return {
        "market_id": market.id,
        "exchange": market.exchange_id,
        "symbol": market.symbol,
        "type": market.type,
        "source": found.source if known else None,
        "received_at": clock.from_ms(found.received_at_ms) if known else None,
        "age": found.age_ms / 1000 if known else None,
        "reason": None if known else found.reason or "The newest answer has no usable row of this market.",
        **columns(value),
    }


def _market_row(market: Market, fee: Any) -> Row:
    names = (
        "id", "exchange_id", "symbol", "type", "base", "quote", "settle", "instrument", "multiplier", "contract_size",
        "amount_step", "min_amount", "min_notional", "price_step", "max_leverage", "active", "monitored", "rank",
        "liquidity_usd", "spread", "spread_volatility", "first_seen_at", "last_seen_at",
    )  # fmt: skip
    quarantine = getattr(market, "quarantine", None)
    return {name: getattr(market, name) for name in names} | {
        "taker_fee": fee.taker,
        "maker_fee": fee.maker,
        "fee_source": fee.source,
        "quarantine": quarantine.state if quarantine else None,
    }


def candles_row(market: Market, candles: Sequence[Candle], *, timeframe: str, now: datetime) -> Row:
    """The known bars of one market, or why there are none."""
    ended_ms = candles[-1].open_ms + TIMEFRAMES[timeframe] if candles else 0
    found = _Found(
        values={market.symbol: candles} if candles else {},
        source=DataSource.REDIS,
        received_at_ms=ended_ms,
        age_ms=clock.to_ms(now) - ended_ms,
        reason=f"No bar of {timeframe} is known. Bars are kept of the best-ranked markets that are read.",
    )
    return _row(market, found, _candles) | {"timeframe": timeframe}


def _candles(candles: Sequence[Candle] | None) -> Row:
    return {
        "results": [
            {
                "open_at": clock.from_ms(one.open_ms),
                **{name: _text(getattr(one, name)) for name in ("open", "high", "low", "close", "volume")},
                "origin": one.origin,
            }
            for one in candles or ()
        ]
    }


def _ticker(ticker: access.Ticker | None) -> Row:
    names = ("bid", "bid_size", "ask", "ask_size", "last", "quote_volume", "open_interest")
    return {name: _text(getattr(ticker, name, None)) for name in names} | {
        "exchange_at": clock.from_ms(ticker.exchange_ts) if ticker else None
    }


def _funding(rate: access.FundingRate | None) -> Row:
    if rate is None:
        names = ("rate", "interval_hours", "interval_source", "next_funding_at", "mark", "index", "exchange_at")
        return dict.fromkeys(names)
    return {
        "rate": _text(rate.rate),
        "interval_hours": rate.interval_hours,
        "interval_source": IntervalSource(rate.interval_source).name.lower(),
        "next_funding_at": _moment(rate.next_funding_at),
        "mark": _text(rate.mark),
        "index": _text(rate.index),
        "exchange_at": clock.from_ms(rate.exchange_ts),
    }


def _book(book: OrderBook) -> Row:
    sides = {"bids": book.bids, "asks": book.asks}
    levels = {name: [[f"{price:f}", f"{size:f}"] for price, size in side] for name, side in sides.items()}
    return {**levels, "exchange_at": _moment(book.exchange_ts or None)}


def _moment(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else clock.from_ms(milliseconds)


def _text(value: float | None) -> str | None:
    """A float in plain digits, as short as it round-trips."""
    return None if value is None else f"{Decimal(repr(value)):f}".removesuffix(".0")
