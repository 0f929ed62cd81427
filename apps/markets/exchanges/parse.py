"""ccxt's unified structures into columns. This is the slow, general way: an adapter may decode its answers itself."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.core.exceptions import TemporaryError
from apps.core.money import to_decimal
from apps.markets.enums import MarketType
from apps.markets.exchanges.columns import Book, FundingColumns, MarketSpec, QuoteColumns, RowTime

logger = logging.getLogger(__name__)

Row = Mapping[str, Any]
# Columns of the market table hold 18 digits before and after the point.
_WIDEST = Decimal(10) ** 18
_UNIT_MS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_HOUR_MS = 3_600_000
# Times further out than the year 2200 are garbage and would overflow sums.
_LATEST_MS = 7_258_118_400_000


@contextmanager
def readable(exchange: str) -> Iterator[None]:
    """Parse an answer inside: one of another shape than expected (garbage, an error page, a changed interface) comes
    out as TemporaryError(code="bad_response")."""
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        logger.warning("%s answered something unreadable: %r", exchange, error)
        raise TemporaryError(f"{exchange} answered something unreadable", code="bad_response") from error


def quote_columns(tickers: Mapping[str, Row], *, row_time: RowTime) -> QuoteColumns:
    """Columns of ccxt tickers, one row each."""
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
    )


def funding_columns(
    rates: Mapping[str, Row],
    *,
    time_field: str,
    interval_field: str,
    intervals: Mapping[str, float],
    default_hours: float | None,
) -> FundingColumns:
    """Columns of ccxt funding rates, one row each.

    `time_field` and `interval_field` name the raw fields with the row's time and its interval in hours where ccxt drops
    them; `intervals` (hours by symbol) fill in where a row has none of its own, `default_hours` where neither has."""
    rows = [row for row in rates.values() if row.get("symbol")]
    last_resort = np.nan if default_hours is None else default_hours
    hours = [
        _told_hours(row, interval_field)
        or interval_hours(row.get("interval"))
        or intervals.get(row["symbol"], last_resort)
        for row in rows
    ]
    return FundingColumns(
        symbols=[row["symbol"] for row in rows],
        rate=_floats(rows, "fundingRate"),
        interval_hours=np.array(hours, dtype=np.float64),
        next_funding_at=_times(rows, "fundingTimestamp"),
        mark=_floats(rows, "markPrice"),
        index=_floats(rows, "indexPrice"),
        row_ts=_times([row["info"] for row in rows], time_field) if time_field else _times(rows, "timestamp"),
    )


def intervals(rates: Mapping[str, Row]) -> dict[str, float]:
    """Funding interval in hours by symbol, of ccxt funding structures; symbols without one are left out."""
    hours = {row["symbol"]: interval_hours(row.get("interval")) for row in rates.values() if row.get("symbol")}
    return {symbol: value for symbol, value in hours.items() if value is not None}


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


def book(levels: Row) -> Book:
    """A ccxt order book in exact decimals; raises ValueError where a level is no number or not positive."""
    return Book(bids=_side(levels["bids"]), asks=_side(levels["asks"]), row_ts=int(levels.get("timestamp") or 0))


def market_specs(markets: Iterable[Row], *, ticks: bool, fee_free: bool) -> list[MarketSpec]:
    """The spot markets and linear perpetuals among ccxt's markets.

    `ticks`: precisions are steps (else places, which are turned into steps); `fee_free`: a fee of zero is meant."""
    return [
        _spec(market, ticks=ticks, fee_free=fee_free)
        for market in markets
        if market.get("spot") or (market.get("swap") and market.get("linear"))
    ]


def _spec(market: Row, *, ticks: bool, fee_free: bool) -> MarketSpec:
    is_swap = not market.get("spot")
    contract = (_amount(market.get("contractSize")) if is_swap else None) or Decimal(1)
    limits, precision = market.get("limits") or {}, market.get("precision") or {}
    return MarketSpec(
        symbol=market["symbol"],
        type=MarketType.SWAP if is_swap else MarketType.SPOT,
        base=market["base"],
        quote=market["quote"],
        settle=market.get("settle") or "",
        contract_size=contract,
        taker_fee=_fee(market.get("taker"), fee_free=fee_free),
        amount_step=_times_contract(_step(precision.get("amount"), ticks=ticks), contract),
        min_amount=_times_contract(_amount((limits.get("amount") or {}).get("min")), contract),
        min_notional=_amount((limits.get("cost") or {}).get("min")),
        price_step=_step(precision.get("price"), ticks=ticks),
        max_leverage=_leverage((limits.get("leverage") or {}).get("max")),
        # None means that the exchange does not say; only a clear "no" takes a market out.
        active=market.get("active") is not False,
    )


def _fee(value: Any, *, fee_free: bool) -> Decimal | None:
    if value is None:
        return None
    fee = to_decimal(value)
    return fee if 0 < fee < 1 or (fee == 0 and fee_free) else None


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
    times = (int(row.get(field) or 0) for row in rows)
    return np.fromiter((value if 0 < value < _LATEST_MS else 0 for value in times), dtype=np.int64, count=len(rows))
