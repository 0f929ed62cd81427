"""The archive's Parquet files, or rows exported from it, hour by hour. Loads pyarrow (0.4 s, 60 MB)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from apps.core.exceptions import PermanentError
from apps.markets.types import Floats, Int32s, Int64s
from apps.opportunities.replay.listings import Listings
from apps.opportunities.replay.losses import Losses
from apps.opportunities.replay.tape import Prices, Rates, Tape

_MOMENT: Final = pa.timestamp("ms", tz="UTC")
# So much is in memory at a time.
_STEP_MS: Final = 3_600_000
# Rows are stored by when they were received and replayed by their exchange's clock, which is at most a minute off.
_HELD_BACK_MS: Final = 120_000
_QUOTES: Final = ("received_at", "exchange", "symbol", "bid", "bid_size", "ask", "ask_size", "exchange_ts")
_FUNDING: Final = ("received_at", "exchange", "symbol", "rate", "interval_hours", "next_funding_at")


@dataclass(frozen=True, slots=True)
class ParquetFiles:
    """Files of quotes and of funding rates as the archive writes them."""

    quotes: ds.Dataset
    funding: ds.Dataset | None
    first_ms: int
    last_ms: int

    @property
    def rows(self) -> int:
        """How many quotes there are."""
        return int(self.quotes.count_rows())


def parquet_open(paths: Sequence[Path]) -> ParquetFiles:
    """These files, told apart by their columns. Raises PermanentError for files that are not the archive's."""
    quotes, funding = [], []
    for path in paths:
        try:
            names = set(pq.read_schema(path).names)
        except (OSError, pa.ArrowException) as error:
            raise PermanentError(f"{path} can't be read: {error}", code="unreadable") from error
        if names >= set(_FUNDING):
            funding.append(str(path))
        elif names >= set(_QUOTES):
            quotes.append(str(path))
        else:
            wanted = ", ".join(_QUOTES)
            raise PermanentError(f"{path} has not the archive's columns ({wanted}).", code="unreadable")
    if not quotes:
        raise PermanentError("There are no quotes in these files, only funding rates.", code="unreadable")
    data = ds.dataset(quotes, format="parquet")
    first, last = _span(data)
    if not funding:
        return ParquetFiles(data, None, first, last)
    rates = ds.dataset(funding, format="parquet")
    # What was told before the first quote still holds.
    return ParquetFiles(data, rates, min(first, _span(rates)[0]), last)


def parquet_tapes(files: ParquetFiles, listings: Listings, losses: Losses) -> Iterator[Tape]:
    """The rows as tapes that follow one another in time."""
    held: Prices | None = None
    for begin in range(files.first_ms, files.last_ms + 1, _STEP_MS):
        end = begin + _STEP_MS
        prices = _prices(_between(files.quotes, _QUOTES, begin, end), listings, losses)
        told = _told(files.funding, begin, end, listings)
        prices = prices if held is None else _joined(held, prices)
        last = end > files.last_ms
        ready = len(prices) if last else int(np.searchsorted(prices.ts, (end - _HELD_BACK_MS) * 1000))
        held = prices.taken(slice(ready, None))
        yield Tape(prices.taken(slice(0, ready)), told)


def _span(data: ds.Dataset) -> tuple[int, int]:
    """When the first and the last row were received (Unix ms)."""
    found = [
        [extreme(batch["received_at"]).cast(_MOMENT).cast(pa.int64()).as_py() for extreme in (pc.min, pc.max)]
        for batch in data.to_batches(columns=["received_at"])
        if batch.num_rows
    ]
    if not found:
        raise PermanentError("There are no rows in these files.", code="unreadable")
    return min(first for first, _ in found), max(last for _, last in found)


def _between(data: ds.Dataset, columns: Sequence[str], begin: int, end: int) -> pa.Table:
    low, high = (pa.scalar(value, pa.int64()).cast(_MOMENT) for value in (begin, end))
    at = pc.field("received_at")
    return data.to_table(columns=list(columns), filter=(at >= low) & (at < high))


def _prices(table: pa.Table, listings: Listings, losses: Losses) -> Prices:
    received, stamped = _times(table, "received_at"), _times(table, "exchange_ts")
    ts = np.where(stamped > 0, stamped, received) * 1000
    market = _numbers(table, listings)
    bid, bid_size, ask, ask_size = (_floats(table, name) for name in ("bid", "bid_size", "ask", "ask_size"))
    usable = (bid > 0) & (ask >= bid) & (ask < np.inf) & ~(bid_size <= 0) & ~(ask_size <= 0)
    for number, rows in zip(*np.unique(market[~usable], return_counts=True), strict=True):
        one = listings.all[number]
        losses.add("without a usable bid and ask", f"{one.exchange} {one.symbol}", rows=int(rows))
    bid[~usable] = ask[~usable] = np.nan
    unknown = np.full(len(ts), np.nan)
    none = np.zeros(len(ts), dtype=np.int64)
    return Prices(ts, market, bid, bid_size, ask, ask_size, unknown, unknown, none).sorted()


def _told(data: ds.Dataset | None, begin: int, end: int, listings: Listings) -> Rates:
    if data is None:
        empty = np.empty(0)
        return Rates(empty.astype(np.int64), empty.astype(np.int32), empty, empty, empty.astype(np.int64))
    table = _between(data, _FUNDING, begin, end)
    ts = _times(table, "received_at") * 1000
    order = np.argsort(ts, kind="stable")
    return Rates(
        ts[order],
        _numbers(table, listings)[order],
        _floats(table, "rate")[order],
        _floats(table, "interval_hours")[order],
        _times(table, "next_funding_at")[order],
    )


def _numbers(table: pa.Table, listings: Listings) -> Int32s:
    """The market of each row, by names that come thousands of times each."""
    exchange, symbol = (table[name].combine_chunks().dictionary_encode() for name in ("exchange", "symbol"))
    names = exchange.dictionary.to_pylist(), symbol.dictionary.to_pylist()
    width = max(1, len(names[1]))
    pairs, row = np.unique(
        exchange.indices.to_numpy().astype(np.int64) * width + symbol.indices.to_numpy(), return_inverse=True
    )
    numbers = [listings.number(names[0][pair // width], names[1][pair % width]) for pair in pairs.tolist()]
    return np.array(numbers, dtype=np.int32)[row]


def _floats(table: pa.Table, name: str) -> Floats:
    return np.array(table[name].to_numpy(), dtype=np.float64)


def _times(table: pa.Table, name: str) -> Int64s:
    values: Any = pc.fill_null(table[name].cast(_MOMENT).cast(pa.int64()), 0).to_numpy()
    return np.asarray(values, dtype=np.int64)


def _joined(first: Prices, second: Prices) -> Prices:
    columns = (np.concatenate([getattr(first, name), getattr(second, name)]) for name in Prices.__dataclass_fields__)
    return Prices(*columns).sorted()
