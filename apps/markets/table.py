"""Market rows as columns: the table that strategies look things up in, and the index that answers are read with."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Final

import numpy as np

from apps.markets.enums import FeeSource, MarketType
from apps.markets.fees import FeeBook
from apps.markets.types import Fee, Floats, MarketTable
from apps.markets.validate import MarketIndex

TABLE_FIELDS: Final = (
    "id",
    "exchange_id",
    "symbol",
    "type",
    "instrument",
    "base",
    "quote",
    "contract_size",
    "multiplier",
    "taker_fee",
    "amount_step",
    "min_amount",
    "min_notional",
    "max_leverage",
)


INDEX_FIELDS: Final = ("id", "symbol", "type", "contract_size", "settled_interval_hours")
_TYPE_CODES: Final[dict[str, int]] = {MarketType.SPOT: 0, MarketType.SWAP: 1, MarketType.INVERSE: 2}


def table_build(version: int, rows: Sequence[tuple[Any, ...]], rules: FeeBook) -> MarketTable:
    """The table of rows of `TABLE_FIELDS`, which are sorted by id, with the fees that count under `rules`."""
    columns = list(zip(*rows, strict=True)) if rows else [() for _ in TABLE_FIELDS]
    ids, exchange, symbol, kind, instrument, base, quote, contract, multiplier, taker, *rest = columns
    step, min_amount, min_notional, leverage = rest
    exchanges, exchange_code = _coded(exchange)
    instruments, instrument_code = _coded(instrument)
    quotes, quote_code = _coded(quote)
    fees = [
        rules.fee(exchange=name, market_id=number, type=code, told=Fee(told, None, FeeSource.TOLD)).taker
        for name, number, code, told in zip(exchange, ids, kind, taker, strict=True)
    ]
    return MarketTable(
        version=version,
        market_id=np.array(ids, dtype=np.int32),
        exchange=exchanges,
        exchange_code=exchange_code.astype(np.int16),
        symbol=list(symbol),
        type_code=np.array([_TYPE_CODES[code] for code in kind], dtype=np.int8),
        instrument_code=instrument_code,
        instruments=instruments,
        base=list(base),
        quote_code=quote_code.astype(np.int16),
        quotes=quotes,
        contract_size=_floats(contract),
        multiplier=_floats(multiplier),
        taker_fee=_floats(fees),
        amount_step=_floats(step),
        min_amount=_floats(min_amount),
        min_notional=_floats(min_notional),
        max_leverage=_floats(leverage),
    )


def index_build(version: int, rows: Sequence[tuple[Any, ...]]) -> MarketIndex:
    """The index of rows of `INDEX_FIELDS`, which are sorted by id."""
    ids, symbols, types, sizes, hours = zip(*rows, strict=True) if rows else ((), (), (), (), ())
    return MarketIndex(
        version=version,
        row_of={symbol: row for row, symbol in enumerate(symbols)},
        market_id=np.array(ids, dtype=np.int32),
        contract_size=_floats(sizes),
        is_inverse=np.array([kind == MarketType.INVERSE for kind in types], dtype=np.bool_),
        settled_interval_hours=_floats(hours),
    )


def _coded(values: Sequence[str]) -> tuple[list[str], np.ndarray[tuple[int], np.dtype[np.int32]]]:
    names = sorted(set(values))
    codes = {name: code for code, name in enumerate(names)}
    return names, np.fromiter((codes[value] for value in values), dtype=np.int32, count=len(values))


def _floats(values: Iterable[Decimal | float | None]) -> Floats:
    return np.array([np.nan if value is None else float(value) for value in values], dtype=np.float64)
