"""Market rows as columns: the table that strategies look things up in, and the index that answers are read with."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Final

import numpy as np

from apps.markets.enums import MarketType
from apps.markets.types import Floats, MarketTable
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
    "taker_fee_override",
    "fee_unknown",
    "amount_step",
    "min_amount",
    "min_notional",
    "max_leverage",
)


def table_build(version: int, rows: Sequence[tuple[Any, ...]]) -> MarketTable:
    """The table of rows of `TABLE_FIELDS`, which are sorted by id."""
    columns = list(zip(*rows, strict=True)) if rows else [() for _ in TABLE_FIELDS]
    ids, exchange, symbol, kind, instrument, base, quote, contract, multiplier, fee, override, unknown, *rest = columns
    step, min_amount, min_notional, leverage = rest
    exchanges, exchange_code = _coded(exchange)
    instruments, instrument_code = _coded(instrument)
    quotes, quote_code = _coded(quote)
    fees = [
        None if doubted else told if own is None else own
        for told, own, doubted in zip(fee, override, unknown, strict=True)
    ]
    return MarketTable(
        version=version,
        market_id=np.array(ids, dtype=np.int32),
        exchange=exchanges,
        exchange_code=exchange_code.astype(np.int16),
        symbol=list(symbol),
        type_code=np.array([code == MarketType.SWAP for code in kind], dtype=np.int8),
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


def index_build(version: int, rows: Sequence[tuple[int, str, Decimal]]) -> MarketIndex:
    """The index of (id, symbol, contract size) rows, which are sorted by id."""
    return MarketIndex(
        version=version,
        row_of={symbol: row for row, (_, symbol, _) in enumerate(rows)},
        market_id=np.array([market_id for market_id, _, _ in rows], dtype=np.int32),
        contract_size=_floats(size for _, _, size in rows),
    )


def _coded(values: Sequence[str]) -> tuple[list[str], np.ndarray[tuple[int], np.dtype[np.int32]]]:
    names = sorted(set(values))
    codes = {name: code for code, name in enumerate(names)}
    return names, np.fromiter((codes[value] for value in values), dtype=np.int32, count=len(values))


def _floats(values: Iterable[Decimal | int | None]) -> Floats:
    return np.array([np.nan if value is None else float(value) for value in values], dtype=np.float64)
