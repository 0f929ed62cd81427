"""What triggers are judged by: the newest figures of every market as columns, and the active opportunities."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeAlias
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from apps.distribution.triggers.base import Place
from apps.markets.types import Floats, Int64s, MarketTable

Bools: TypeAlias = NDArray[np.bool_]

_NOWHERE: Final = -1


class Listing:
    """Where markets stand in a market table: rows by exchange and symbol, and all rows of a symbol together.

    `order` has the rows sorted by symbol, `begins` where each symbol begins in it, `code_of` which one that is."""

    def __init__(self, table: MarketTable) -> None:
        self.table = table
        codes: dict[str, int] = {}
        code = np.array([codes.setdefault(symbol, len(codes)) for symbol in table.symbol], dtype=np.int64)
        names = [table.exchange[one] for one in table.exchange_code.tolist()]
        self._row_of = {pair: row for row, pair in enumerate(zip(names, table.symbol, strict=True))}
        self.code_of = codes
        self.code = code
        self.order: Int64s = np.argsort(code, kind="stable").astype(np.int64)
        self.begins: Int64s = np.searchsorted(code[self.order], np.arange(len(codes))).astype(np.int64)

    def rows(self, places: Sequence[Place]) -> Int64s:
        """The row of each place; -1 for "any exchange", and for what is not listed."""
        found = self._row_of
        rows = (found.get((one.exchange, one.symbol), _NOWHERE) for one in places)
        return np.fromiter(rows, dtype=np.int64, count=len(places))

    def rows_of_symbol(self, symbol: str) -> Int64s:
        """Every exchange's row of a symbol."""
        code = self.code_of.get(symbol)
        return np.empty(0, dtype=np.int64) if code is None else np.flatnonzero(self.code == code)


@dataclass(frozen=True, slots=True)
class Offers:
    """k active opportunities, best first: fractions, scores, times in Unix ms; NaN where there is no such figure.

    `told` are the pairs (trigger, opportunity) that messages were made of."""

    ids: tuple[UUID, ...] = ()
    kind: tuple[str, ...] = ()
    label: tuple[str, ...] = ()
    family: tuple[str, ...] = ()
    symbol: tuple[str, ...] = ()
    instrument: tuple[str, ...] = ()
    exchanges: tuple[frozenset[str], ...] = ()
    risk: tuple[str, ...] = ()
    owner: tuple[UUID | None, ...] = ()
    expires_at: tuple[datetime, ...] = ()
    activated_ms: Int64s = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    priced_ms: Int64s = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    net: Floats = field(default_factory=lambda: np.empty(0))
    strength: Floats = field(default_factory=lambda: np.empty(0))
    score: Floats = field(default_factory=lambda: np.empty(0))
    size: Floats = field(default_factory=lambda: np.empty(0))
    told: frozenset[tuple[UUID, UUID]] = frozenset()


# The figures of a market that triggers can speak of.
FIGURES: Final = ("price", "bid", "ask", "spread", "volume_24h", "funding_8h", "funding_apr")
_FUNDING: Final = frozenset({"funding_8h", "funding_apr"})


@dataclass(frozen=True, slots=True)
class Board:
    """The moment `now_ms` as columns over the m rows of a market table, NaN where no usable data says anything.

    `figures` by name: prices in quote currency per listed base (`price` is the middle of bid and ask), `spread` a
    fraction of it, `volume_24h` in quote currency, funding as a fraction of notional per 8 h and per year (simple).
    `received_ms` and `exchange_ms` tell when quotes, and `funding_ms` when rates came (0: there are none), `origin` how
    (`poll`, `stream`), by row. `lowest` and `highest` are the closes of the last so many minutes' bars, by minutes."""

    now_ms: int
    listing: Listing
    figures: Mapping[str, Floats]
    received_ms: Int64s
    exchange_ms: Int64s
    funding_ms: Int64s
    origin: Mapping[tuple[str, str], str] = field(default_factory=dict)
    lowest: Mapping[int, Floats] = field(default_factory=dict)
    highest: Mapping[int, Floats] = field(default_factory=dict)
    offers: Offers = field(default_factory=Offers)

    def of(self, column: Floats, places: Sequence[Place], over: "Callable[[Board, Floats], Floats]") -> Floats:
        """The figure of each place in `column`; of "any exchange" what `over` makes of a symbol's rows."""
        rows = self.listing.rows(places)
        values = np.append(column, np.nan)[rows]
        anywhere = [at for at, one in enumerate(places) if not one.exchange]
        if anywhere:
            codes = np.array([self.listing.code_of.get(places[at].symbol, _NOWHERE) for at in anywhere])
            values[anywhere] = np.append(over(self, column), np.nan)[codes]
        return values

    def row(self, place: Place, column: Floats, value: float) -> int:
        """The row behind a figure that `of` has told: the place's own, else the symbol's nearest to it."""
        [row] = self.listing.rows([place]).tolist()
        if row != _NOWHERE:
            return int(row)
        rows = self.listing.rows_of_symbol(place.symbol)
        return int(rows[np.nanargmin(np.abs(column[rows] - value))])

    def quoted(self, row: int, names: Sequence[str]) -> dict[str, Any]:
        """One market's figures as evidence: where from, when they came, how old they are in seconds."""
        table = self.listing.table
        exchange = table.exchange[table.exchange_code[row]]
        funding = not _FUNDING.isdisjoint(names)
        received = int((self.funding_ms if funding else self.received_ms)[row])
        kind = "funding" if funding else ("spot" if table.type_code[row] == 0 else "swap")
        return {
            "exchange": exchange,
            "symbol": table.symbol[row],
            **{name: float(self.figures[name][row]) for name in names},
            "received_ms": received,
            "exchange_ms": int(self.exchange_ms[row]) if not funding else None,
            "age_s": round((self.now_ms - received) / 1000, 3),
            "source": self.origin.get((exchange, kind), ""),
        }


def highest(board: Board, column: Floats) -> Floats:
    """The highest of each symbol, by its code."""
    return _reduced(np.fmax, board.listing, column)


def lowest(board: Board, column: Floats) -> Floats:
    """The lowest of each symbol, by its code."""
    return _reduced(np.fmin, board.listing, column)


def middle(board: Board, column: Floats) -> Floats:
    """The median of each symbol, by its code; of two middle ones the lower."""
    listing = board.listing
    known = np.flatnonzero(np.isfinite(column))
    order = known[np.lexsort((column[known], listing.code[known]))]
    count = np.bincount(listing.code[known], minlength=len(listing.begins))
    begins = np.cumsum(count) - count
    at = np.minimum(begins + np.maximum(count - 1, 0) // 2, max(0, len(order) - 1))
    values = column[order[at]] if len(order) else np.full(len(count), np.nan)
    return np.where(count > 0, values, np.nan)


def _reduced(ufunc: np.ufunc, listing: Listing, column: Floats) -> Floats:
    if not len(listing.begins):
        return np.empty(0)
    reduced: Floats = ufunc.reduceat(column[listing.order], listing.begins)
    return reduced
