"""Snapshots as Arrow tables and back. Loads pyarrow (0.4 s, 60 MB): only who writes or reads parts imports it."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from apps.markets.archive.spool import Sample
from apps.markets.enums import IntervalSource, SnapshotKind, SnapshotOrigin
from apps.markets.types import Floats, FundingRates, Int64s, Quotes, Snapshot
from apps.markets.validate import MarketIndex

_MOMENT: Final = pa.timestamp("ms", tz="UTC")
_NAMED: Final = [("received_at", _MOMENT), ("exchange", pa.string()), ("symbol", pa.string()), ("origin", pa.string())]
_QUOTES: Final = ("bid", "bid_size", "ask", "ask_size", "last", "quote_volume")
_RATES: Final = ("rate", "interval_hours", "mark", "index")
_QUOTES_SCHEMA: Final = pa.schema([*_NAMED, *((name, pa.float64()) for name in _QUOTES), ("exchange_ts", _MOMENT)])
_FUNDING_SCHEMA: Final = pa.schema(
    [
        *_NAMED,
        *((name, pa.float64()) for name in _RATES),
        ("interval_source", pa.string()),
        ("next_funding_at", _MOMENT),
        ("exchange_ts", _MOMENT),
    ]
)
SCHEMAS: Final = {
    SnapshotKind.SPOT: _QUOTES_SCHEMA,
    SnapshotKind.SWAP: _QUOTES_SCHEMA,
    SnapshotKind.FUNDING: _FUNDING_SCHEMA,
}


def table_of(samples: Iterable[Sample]) -> pa.Table:
    """The rows of samples of one kind, in their order; what was unknown (NaN, 0 for a time) is null.

    Prices in quote currency per listed base unit, sizes in listed base units, volume in quote currency over 24 h, rates
    as fractions of notional per interval of `interval_hours`, times in UTC."""
    return pa.concat_tables([_table(sample) for sample in samples])


def snapshot_of(table: pa.Table, kind: SnapshotKind, index: MarketIndex) -> Snapshot | None:
    """The newest sample in a table of one exchange, with the market ids of `index`; markets that it lacks are left out.

    None where the table is empty."""
    if not table.num_rows:
        return None
    newest = pc.max(table["received_at"])
    table = table.filter(pc.equal(table["received_at"], newest))
    rows = np.array([index.row_of.get(symbol, -1) for symbol in table["symbol"].to_pylist()], dtype=np.intp)
    order = np.flatnonzero(rows >= 0)
    order = order[np.argsort(rows[order], kind="stable")]
    common: dict[str, Any] = {
        "exchange": table["exchange"][0].as_py(),
        "received_at": newest.cast(pa.int64()).as_py(),
        "market_version": index.version,
        "origin": SnapshotOrigin(table["origin"][0].as_py()),
        "market_id": index.market_id[rows[order]],
        "exchange_ts": _times(table, "exchange_ts", order),
    }
    if kind is SnapshotKind.FUNDING:
        sources = [IntervalSource[name.upper()] for name in table["interval_source"].to_pylist()]
        common |= {name: _floats(table, name, order) for name in _RATES}
        common["interval_source"] = np.array(sources, dtype=np.int8)[order]
        common["next_funding_at"] = _times(table, "next_funding_at", order)
        return FundingRates(**common)
    common |= {name: _floats(table, name, order) for name in _QUOTES}
    return Quotes(**common, kind=kind)


def _table(sample: Sample) -> pa.Table:
    snapshot = sample.snapshot
    rows = len(snapshot.market_id)
    symbols: Sequence[str] = sample.symbols.split("\n") if rows else []
    columns = {
        "received_at": pa.array(np.full(rows, snapshot.received_at, dtype=np.int64)).cast(_MOMENT),
        "exchange": pa.array([snapshot.exchange] * rows, pa.string()),
        "symbol": pa.array(symbols, pa.string()),
        "origin": pa.array([str(snapshot.origin)] * rows, pa.string()),
        "exchange_ts": _moments(snapshot.exchange_ts),
    }
    if isinstance(snapshot, FundingRates):
        columns |= {name: pa.array(getattr(snapshot, name), from_pandas=True) for name in _RATES}
        names = {source.value: source.name.lower() for source in IntervalSource}
        columns["interval_source"] = pa.array([names[code] for code in snapshot.interval_source.tolist()], pa.string())
        columns["next_funding_at"] = _moments(snapshot.next_funding_at)
    else:
        columns |= {name: pa.array(getattr(snapshot, name), from_pandas=True) for name in _QUOTES}
    schema = SCHEMAS[snapshot.kind]
    return pa.Table.from_arrays([columns[name] for name in schema.names], schema=schema)


def _moments(times: Int64s) -> pa.Array:
    return pa.array(times, mask=times == 0).cast(_MOMENT)


def _floats(table: pa.Table, name: str, order: NDArray[np.intp]) -> Floats:
    values: Floats = table[name].to_numpy()[order].astype(np.float64)
    return values


def _times(table: pa.Table, name: str, order: NDArray[np.intp]) -> Int64s:
    values: Int64s = pc.fill_null(table[name].cast(pa.int64()), 0).to_numpy()[order].astype(np.int64)
    return values
