"""ccxt's unified structures into columns. This is the slow, general way: an adapter may decode its answers itself."""

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.core.money import to_decimal
from apps.markets.enums import MarketType
from apps.markets.exceptions import UnreadableAnswer
from apps.markets.exchanges.columns import (
    BarColumns,
    Book,
    FundingColumns,
    MarketSpec,
    QuoteColumns,
    RawAnswer,
    RowTime,
    SettledColumns,
)
from apps.markets.exchanges.typed import LATEST_MS, milliseconds

logger = logging.getLogger(__name__)

Row = Mapping[str, Any]
# Columns of the market table hold 18 digits before and after the point.
_WIDEST = Decimal(10) ** 18
# As its columns.
_LONGEST_SYMBOL, _LONGEST_NAME = 80, 40
_UNIT_MS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_HOUR_MS = 3_600_000


@contextmanager
def readable(exchange: str, raw: Sequence[RawAnswer] = ()) -> Iterator[None]:
    """Parse an answer inside: one of another shape than expected (garbage, an error page, a changed interface) comes
    out as UnreadableAnswer with the `raw` answers that there are by then."""
    try:
        yield
    # A body of a hundred thousand brackets ends in a RecursionError.
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        logger.warning("%s answered something unreadable: %r", exchange, error)
        raise UnreadableAnswer(f"{exchange} answered something unreadable", raw=tuple(raw)) from error


def quote_columns(
    tickers: Mapping[str, Row], *, row_time: RowTime, has_sizes: bool = True, interest_field: str = ""
) -> QuoteColumns:
    """Columns of ccxt tickers, one row each; `interest_field` names the raw field with the open interest, if any."""
    rows = [row for row in tickers.values() if row.get("symbol")]
    return QuoteColumns(
        symbols=[row["symbol"] for row in rows],
        bid=_floats(rows, "bid"),
        bid_size=_floats(rows, "bidVolume"),
        ask=_floats(rows, "ask"),
        ask_size=_floats(rows, "askVolume"),
        last=_floats(rows, "last"),
        quote_volume=_floats(rows, "quoteVolume"),
        row_ts=_times(rows, "timestamp"),
        row_time=row_time,
        has_sizes=has_sizes,
        open_interest=_floats([row["info"] for row in rows], interest_field) if interest_field else None,
    )


def funding_columns(
    rates: Mapping[str, Row],
    *,
    time_field: str,
    interval_field: str,
    intervals: Mapping[str, float],
    tells_interval: bool = True,
) -> FundingColumns:
    """Columns of ccxt funding rates, one row each.

    `time_field` and `interval_field` name the raw fields with the row's time and its interval in hours where ccxt drops
    them; `intervals` (hours by symbol) fill in where a row has none of its own. Without `tells_interval` ccxt's own
    constant is left out. The next funding's time is in one of two fields, depending on ccxt's author."""
    rows = [row for row in rates.values() if row.get("symbol")]
    hours = [
        (_told_hours(row, interval_field) if interval_field else None)
        or (interval_hours(row.get("interval")) if tells_interval else None)
        or intervals.get(row["symbol"], np.nan)
        for row in rows
    ]
    next_at = _times(rows, "fundingTimestamp")
    if not next_at.all():
        next_at = np.where(next_at > 0, next_at, _times(rows, "nextFundingTimestamp"))
    return FundingColumns(
        symbols=[row["symbol"] for row in rows],
        rate=_floats(rows, "fundingRate"),
        interval_hours=np.array(hours, dtype=np.float64),
        next_funding_at=next_at,
        mark=_floats(rows, "markPrice"),
        index=_floats(rows, "indexPrice"),
        row_ts=_times([row["info"] for row in rows], time_field) if time_field else _times(rows, "timestamp"),
    )


def settled_columns(rows: Sequence[Row]) -> SettledColumns:
    """Columns of ccxt's funding rate history, oldest first; rows without a time or beyond all times are left out."""
    settled_at, rate = _times(rows, "timestamp"), _floats(rows, "fundingRate")
    order = np.argsort(settled_at, kind="stable")
    moments = settled_at[order]
    order = order[(moments > 0) & (moments < LATEST_MS)]
    return SettledColumns(settled_at[order], rate[order])


def bar_columns(rows: Sequence[Sequence[float | None]]) -> BarColumns:
    """Columns of ccxt's candles `[time, open, high, low, close, volume]`, oldest first, one of each time; rows without
    a time are left out."""
    table = np.array([row[:6] for row in rows], dtype=np.float64).reshape(len(rows), 6)
    # A comparison with NaN is False.
    table = table[(table[:, 0] > 0) & (table[:, 0] < LATEST_MS)]
    _, first = np.unique(table[:, 0], return_index=True)
    columns = table[first].T
    return BarColumns(columns[0].astype(np.int64), *columns[1:])


def intervals(rates: Mapping[str, Row]) -> dict[str, float]:
    """Funding interval in hours by symbol, of ccxt funding structures; symbols without one are left out."""
    hours = {row["symbol"]: interval_hours(row.get("interval")) for row in rates.values() if row.get("symbol")}
    return {symbol: value for symbol, value in hours.items() if value is not None}


@lru_cache(maxsize=256)
def interval_hours(text: str | None) -> float | None:
    """Hours of "8h", "30m" or of plain milliseconds; None for anything else or not positive."""
    if not text:
        return None
    number, unit = (text, 1) if text.isdigit() else (text[:-1], _UNIT_MS.get(text[-1], 0))
    try:
        hours = float(number) * unit / _HOUR_MS
    except ValueError:
        return None
    return hours if 0 < hours < float("inf") else None


def _told_hours(row: Row, field: str) -> float | None:
    told = row["info"].get(field) if field else None
    return interval_hours(f"{told}h") if told else None


def book(levels: Row, *, most: int) -> Book:
    """A ccxt order book in exact decimals, at most so many levels a side (some exchanges send more than was asked for);
    raises ValueError where a level is no number or not positive."""
    bids, asks = _side(levels["bids"][:most]), _side(levels["asks"][:most])
    return Book(bids=bids, asks=asks, row_ts=int(levels.get("timestamp") or 0))


def market_specs(
    markets: Iterable[Row], *, ticks: bool, fee_free: bool, stock_marks: Mapping[str, Collection[str]] | None = None
) -> list[MarketSpec]:
    """The spot markets and perpetuals among ccxt's markets (no options, no dated futures).

    A market that can't be read, or whose name is none, costs only itself.

    `ticks`: precisions are steps (else places, which are turned into steps); `fee_free`: a fee of zero is meant;
    `stock_marks`: values of fields of the raw row that mark a share or a fund."""
    specs = []
    for market in markets:
        if not (market.get("spot") or (market.get("swap") and (market.get("linear") or market.get("inverse")))):
            continue
        try:
            spec = _spec(market, ticks=ticks, fee_free=fee_free, stock_marks=stock_marks or {})
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            logger.warning("A market is left out, for it can't be read: %r, %.200r", error, _info(market))
            continue
        if not _is_nameable(spec):
            logger.warning("A market is left out for its name: %.200r", spec.symbol)
            continue
        specs.append(spec)
    return specs


def _is_nameable(spec: MarketSpec) -> bool:
    """Whether the market table can hold its names: they fit, and every character can be seen."""
    names = (spec.base, spec.quote, spec.settle)
    return len(spec.symbol) <= _LONGEST_SYMBOL and spec.symbol.isprintable() and max(map(len, names)) <= _LONGEST_NAME


def _spec(market: Row, *, ticks: bool, fee_free: bool, stock_marks: Mapping[str, Collection[str]]) -> MarketSpec:
    is_swap = not market.get("spot")
    contract = (_amount(market.get("contractSize")) if is_swap else None) or Decimal(1)
    limits, precision = market.get("limits") or {}, market.get("precision") or {}
    taker, maker = _fees(market, fee_free=fee_free)
    return MarketSpec(
        symbol=market["symbol"],
        type=_market_type(market),
        base=market["base"],
        quote=market["quote"],
        settle=market.get("settle") or "",
        contract_size=contract,
        taker_fee=taker,
        maker_fee=maker,
        amount_step=_times_contract(_step(precision.get("amount"), ticks=ticks), contract),
        min_amount=_times_contract(_amount((limits.get("amount") or {}).get("min")), contract),
        min_notional=_amount((limits.get("cost") or {}).get("min")),
        price_step=_step(precision.get("price"), ticks=ticks),
        max_leverage=_leverage((limits.get("leverage") or {}).get("max")),
        # None means that the exchange does not say; only a clear "no" takes a market out.
        active=market.get("active") is not False,
        is_stock=any(str(_info(market).get(name, "")) in values for name, values in stock_marks.items()),
    )


def _info(market: Row) -> Row:
    raw = market.get("info")
    return raw if isinstance(raw, Mapping) else {}


def _market_type(market: Row) -> MarketType:
    if market.get("spot"):
        return MarketType.SPOT
    return MarketType.SWAP if market.get("linear") else MarketType.INVERSE


def _fees(market: Row, *, fee_free: bool) -> tuple[Decimal | None, Decimal | None]:
    """Taker and maker fee of somebody without a discount, which is what ccxt's markets hold.

    No schedule takes less for taking than for making, but ccxt 4.5.90 mixes them up here and there (kucoin's contracts
    of the unified interface): the greater one is the taker's. A zero may only mean that the library knows none."""
    taker, maker = (None if market.get(name) is None else to_decimal(market[name]) for name in ("taker", "maker"))
    if taker is not None and maker is not None and maker > taker:
        taker, maker = maker, taker
    known_taker = taker is not None and (0 < taker < 1 or (taker == 0 and fee_free))
    known_maker = maker is not None and -1 < maker < 1 and (maker != 0 or fee_free)
    return taker if known_taker else None, maker if known_maker else None


def _step(value: Any, *, ticks: bool) -> Decimal | None:
    if value is None or ticks:
        return _amount(value)
    return Decimal(1).scaleb(-int(value)) if float(value).is_integer() else None


def _amount(value: Any) -> Decimal | None:
    if value is None:
        return None
    amount = to_decimal(value)
    return amount if 0 < amount < _WIDEST else None


def _times_contract(amount: Decimal | None, contract: Decimal) -> Decimal | None:
    return None if amount is None else _amount(amount * contract)


def _leverage(value: Any) -> Decimal | None:
    leverage = _amount(value)
    return leverage if leverage is not None and leverage < 100_000 else None


def _side(levels: Sequence[Sequence[Any]]) -> tuple[tuple[Decimal, Decimal], ...]:
    side = tuple((to_decimal(level[0]), to_decimal(level[1])) for level in levels)
    if any(price <= 0 or size < 0 for price, size in side):
        raise ValueError("a level of the order book is not positive")
    return tuple(level for level in side if level[1] > 0)


def _floats(rows: Sequence[Row], field: str) -> NDArray[np.float64]:
    # NumPy turns None into NaN by itself.
    return np.array([row.get(field) for row in rows], dtype=np.float64)


def _times(rows: Sequence[Row], field: str) -> NDArray[np.int64]:
    return milliseconds(np.array([row.get(field) or 0 for row in rows], dtype=np.float64))
