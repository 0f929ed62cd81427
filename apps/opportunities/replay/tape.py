"""A stretch of a recording as columns in the order of time."""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from apps.markets.types import Floats, Int32s, Int64s


@dataclass(frozen=True, slots=True)
class Rates:
    """What is told of funding, as columns of length n sorted by `ts` (Unix µs): of which market, the rate per
    `interval_h` hours (fractions, hours; NaN: not told), and when the next one is due (Unix ms; 0: not told)."""

    ts: Int64s
    market: Int32s
    rate: Floats
    interval_h: Floats
    next_ms: Int64s

    def __len__(self) -> int:
        return len(self.ts)


@dataclass(frozen=True, slots=True)
class Prices:
    """Best bids and asks, as columns of length n sorted by `ts` (Unix µs), of the market with that number.

    Prices per listed unit, sizes in listed units (NaN: unknown); a row with NaN in `bid` and `ask` says that the market
    can't be traded any more. The last three columns are as in `Rates`."""

    ts: Int64s
    market: Int32s
    bid: Floats
    bid_size: Floats
    ask: Floats
    ask_size: Floats
    rate: Floats
    interval_h: Floats
    next_ms: Int64s

    def __len__(self) -> int:
        return len(self.ts)

    def taken(self, rows: slice | Int64s) -> "Prices":
        """Only these rows, in this order."""
        return Prices(*(getattr(self, column.name)[rows] for column in fields(self)))

    def sorted(self) -> "Prices":
        """In the order of time; rows of one moment keep theirs."""
        return self.taken(np.argsort(self.ts, kind="stable"))


@dataclass(frozen=True, slots=True)
class Tape:
    """Prices, and what was told of funding apart from them."""

    prices: Prices
    told: Rates


@dataclass(slots=True)
class Recorder:
    """Columns that grow row by row."""

    integers: "dict[str, array[int]]" = field(default_factory=dict)
    floats: "dict[str, array[float]]" = field(default_factory=dict)

    @classmethod
    def of(cls, columns: type[Prices] | type[Rates]) -> "Recorder":
        """An empty one for these columns."""
        whole = ("ts", "market", "next_ms")
        names = [column.name for column in fields(columns)]
        return cls(
            {name: array("q") for name in names if name in whole},
            {name: array("d") for name in names if name not in whole},
        )

    def add(self, ts: int, market: int, next_ms: int, **values: float) -> None:
        """One row."""
        self.integers["ts"].append(ts)
        self.integers["market"].append(market)
        self.integers["next_ms"].append(next_ms)
        for name, value in values.items():
            self.floats[name].append(value)

    def prices(self) -> Prices:
        """The rows as prices, sorted."""
        return Prices(**dict(self._columns()))

    def rates(self) -> Rates:
        """The rows as rates, sorted."""
        return Rates(**dict(self._columns()))

    def _columns(self) -> Iterator[tuple[str, Any]]:
        ts = np.array(self.integers["ts"], dtype=np.int64)
        order = np.argsort(ts, kind="stable")
        yield "ts", ts[order]
        yield "market", np.array(self.integers["market"], dtype=np.int32)[order]
        yield "next_ms", np.array(self.integers["next_ms"], dtype=np.int64)[order]
        for name, values in self.floats.items():
            yield name, np.array(values, dtype=np.float64)[order]
