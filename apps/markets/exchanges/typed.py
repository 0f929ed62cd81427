"""The fast way from a body to columns: msgspec decodes rows into structs, one pass over them fills the arrays.

An adapter declares a struct with our names for the fields of a row and an envelope that only a success fits, and says
which endpoint to ask (`Typed`). ccxt still signs, throttles and sends; what does not fit goes to ccxt, which parses and
judges it as always (`client._Listening.parse_json`). Example:

    class Ticker(Row):
        id: str = field(name="symbol")
        bid: Number = field(name="bidPrice", default=None)

    class Envelope(msgspec.Struct, Generic[R]):
        code: Literal["0"]
        rows: list[R] = field(name="data")
        told_at: int = field(name="time", default=0)

    TICKERS = Rows(Envelope, Ticker)
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, compress, repeat
from operator import attrgetter
from typing import Any, Generic, Literal, TypeAlias, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from apps.markets.exchanges.columns import FundingColumns, QuoteColumns, RowTime

# A number as exchanges write them: bare or quoted; null and the empty string say that there is none.
Number: TypeAlias = float | Literal[""] | None

# Times further out than the year 2200 are garbage and would overflow sums.
LATEST_MS = 7_258_118_400_000


class Row(msgspec.Struct, gc=False):
    """A row of a bulk answer. Subclasses name their fields as the columns do (`id`, `bid`, `rate`, ...).

    Every field but `id` is a `Number` with the default None; what the exchange does not tell is left out."""


_QUOTES = ("bid", "bid_size", "ask", "ask_size", "last", "quote_volume", "row_ts")
_WITH_INTEREST = (*_QUOTES, "open_interest")

T = TypeVar("T")
R = TypeVar("R", bound=Row)
C = TypeVar("C", QuoteColumns, FundingColumns)


@dataclass(frozen=True, slots=True)
class Told(Generic[R]):
    """What a body says: its rows, the exchange's clock in Unix ms (0: it is not in the body), and how many rows are
    left out because they are none."""

    rows: list[R]
    at: int
    unread: int = 0


class Rows(Generic[R]):
    """Reads the rows of one endpoint's answers.

    `envelope` is `list` where the body is the bare list of rows, else a generic struct with `rows: list[R]`, fields
    that only a success has (`code: Literal["0"]`), and `told_at: int` (Unix ms) where the body tells the time."""

    def __init__(self, envelope: Any, row: type[R]) -> None:
        self.row = row
        # Not strict: numbers may stand in quotes.
        self._all = msgspec.json.Decoder(envelope[row], strict=False)
        self._apart = msgspec.json.Decoder(envelope[msgspec.Raw], strict=False)
        self._one = msgspec.json.Decoder(row, strict=False)

    def read(self, body: str) -> Told[R]:
        """The rows in `body`; raises msgspec.DecodeError for anything but a success in the expected shape.

        Where single rows don't fit they are read field by field: a value that is no number counts as not told, a row
        without its id is left out."""
        try:
            answer = self._all.decode(body)
            return Told(_rows(answer), _told_at(answer))
        except msgspec.ValidationError:
            answer = self._apart.decode(body)
        raws = _rows(answer)
        rows = [row for raw in raws if (row := self._mended(raw)) is not None]
        if raws and not rows:
            raise msgspec.ValidationError("no row has the expected shape")
        return Told(rows, _told_at(answer), len(raws) - len(rows))

    def _mended(self, raw: msgspec.Raw) -> R | None:
        try:
            return self._one.decode(raw)
        except msgspec.ValidationError:
            told = msgspec.json.decode(raw)
        if not isinstance(told, dict):
            return None
        fields = msgspec.structs.fields(self.row)
        known = ((each.name, _converted(told.get(each.encode_name), each.type)) for each in fields)
        try:
            return self.row(**{name: value for name, value in known if value is not None})
        except TypeError:
            # Its id is missing.
            return None


class RowsOfOneTime(Rows[R]):
    """Rows that were all taken at the time that the envelope tells as `told_at`: it becomes their `row_ts`."""

    def read(self, body: str) -> Told[R]:
        """As `Rows.read`; the exchange's clock is not in the body then."""
        told = super().read(body)
        for row in told.rows:
            row.row_ts = told.at  # type: ignore[attr-defined]
        return replace(told, at=0)


@dataclass(frozen=True, slots=True)
class Ask(Generic[R]):
    """One endpoint in ccxt's implicit words ("publicGetV5MarketTickers"), how to read its answer, its parameters."""

    endpoint: str
    rows: Rows[R]
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Listed:
    """The client's markets of one type: symbol by the exchange's own id, and what the exchange told of each symbol."""

    symbols: Mapping[str, str]
    infos: Mapping[str, Mapping[str, Any]]
    _made: dict[Callable[["Listed"], Any], Any] = field(default_factory=dict)
    _last: list[tuple[list[str], tuple[list[str], list[bool]]]] = field(default_factory=list)

    def once(self, make: Callable[["Listed"], T]) -> T:
        """What `make` makes of these markets, made once per load."""
        if make not in self._made:
            self._made[make] = make(self)
        made: T = self._made[make]
        return made

    def known(self, ids: list[str]) -> tuple[list[str], list[bool]]:
        """The symbols of those ids that are listed, and for each id whether it is.

        Answer after answer has the same markets in the same order, so the last look-up is kept: whoever gets the same
        list again may know what he made of it."""
        # Comparing is half the work of hashing them all.
        if self._last and self._last[0][0] == ids:
            return self._last[0][1]
        symbols = [self.symbols.get(each) for each in ids]
        found = [symbol for symbol in symbols if symbol], [symbol is not None for symbol in symbols]
        self._last[:] = [(ids, found)]
        return found

    @classmethod
    def of(cls, markets: Iterable[Mapping[str, Any]]) -> "Listed":
        """Of these ccxt markets; the first one wins an id, as in ccxt."""
        listed = list(markets)
        symbols: dict[str, str] = {}
        for market in listed:
            symbols.setdefault(market["id"], market["symbol"])
        return cls(symbols, {market["symbol"]: market["info"] for market in listed})


@dataclass(frozen=True, slots=True)
class Typed(Generic[C]):
    """The fast way to one kind of columns: what to ask, in this order, and `columns(listed, rows, ...)`, which gets the
    rows of each; that of quotes also gets `row_time` and `has_sizes` of its `QuotesCall`. The reply's moments are those
    of the last one."""

    asks: tuple[Ask[Any], ...]
    columns: Callable[..., C]


def quote_columns(listed: Listed, rows: Sequence[Any], *, row_time: RowTime, has_sizes: bool) -> QuoteColumns:
    """Quotes of rows with `id`, `bid`, `bid_size`, `ask`, `ask_size`, and where told `last`, `quote_volume`, `row_ts`
    (Unix ms), `open_interest`; rows whose id is not listed are left out. A price of zero is none, as in ccxt."""
    known, symbols = _known(listed, rows)
    has_interest = bool(known) and "open_interest" in known[0].__struct_fields__
    told = matrix(known, _WITH_INTEREST if has_interest else _QUOTES)
    for name in ("bid", "ask", "last"):
        told[name][told[name] == 0.0] = np.nan
    return QuoteColumns(
        symbols=symbols,
        bid=told["bid"],
        bid_size=told["bid_size"],
        ask=told["ask"],
        ask_size=told["ask_size"],
        last=told["last"],
        quote_volume=told["quote_volume"],
        row_ts=milliseconds(told["row_ts"]),
        row_time=row_time,
        has_sizes=has_sizes,
        open_interest=told.get("open_interest"),
    )


def funding_columns(listed: Listed, rows: Sequence[Any]) -> FundingColumns:
    """Funding rates of rows with `id`, `rate`, and where told `interval_hours`, `next_funding_at` (Unix ms), `mark`,
    `index`, `row_ts` (Unix ms); rows whose id is not listed are left out."""
    known, symbols = _known(listed, rows)
    told = matrix(known, ("rate", "interval_hours", "next_funding_at", "mark", "index", "row_ts"))
    return FundingColumns(
        symbols=symbols,
        rate=told["rate"],
        interval_hours=told["interval_hours"],
        next_funding_at=milliseconds(told["next_funding_at"]),
        mark=told["mark"],
        index=told["index"],
        row_ts=milliseconds(told["row_ts"]),
    )


def hours_filled(columns: FundingColumns, hours: Mapping[str, float]) -> FundingColumns:
    """The columns with `hours` by symbol (NaN: unknown) as the interval of rows that tell none."""
    told = columns.interval_hours
    if np.isfinite(told).all():
        return columns
    known = np.fromiter(map(hours.get, columns.symbols, repeat(np.nan)), np.float64, len(columns.symbols))
    return replace(columns, interval_hours=np.where(np.isfinite(told), told, known))


def matrix(rows: Sequence[Any], names: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    """The named fields as columns of length n; NaN where a row does not tell one, or where rows have no such field."""
    told = rows[0].__struct_fields__ if rows else ()
    have = [name for name in names if name in told]
    columns = {name: np.full(len(rows), np.nan) for name in names if name not in told}
    try:
        # One pass over the rows for all columns.
        flat = np.fromiter(_values(rows, have), np.float64, len(rows) * len(have))
    except ValueError:
        # Somewhere an empty string says that there is no number.
        return columns | {name: _column(rows, name) for name in have}
    return columns | dict(zip(have, np.ascontiguousarray(flat.reshape(len(rows), len(have)).T), strict=True))


def _values(rows: Sequence[Any], names: Sequence[str]) -> Iterator[Any]:
    """The named fields of each row, row after row."""
    if len(names) < 2:
        return (getattr(row, name) for row in rows for name in names)
    return chain.from_iterable(map(attrgetter(*names), rows))


def milliseconds(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Times in Unix ms (a double holds them exactly); 0 for what is no time, LATEST_MS for what lies beyond."""
    return np.where(values > 0, np.fmin(values, LATEST_MS), 0.0).astype(np.int64)


def _column(rows: Sequence[Any], name: str) -> NDArray[np.float64]:
    return np.array([None if value == "" else value for value in map(attrgetter(name), rows)], dtype=np.float64)


def _known(listed: Listed, rows: Sequence[Any]) -> tuple[Sequence[Any], list[str]]:
    """The rows whose id is listed, and their symbols."""
    symbols, fits = listed.known(list(map(attrgetter("id"), rows)))
    return (rows if len(symbols) == len(rows) else list(compress(rows, fits))), symbols


def _rows(answer: Any) -> list[Any]:
    rows: list[Any] = answer if isinstance(answer, list) else answer.rows
    return rows


def _told_at(answer: Any) -> int:
    return int(getattr(answer, "told_at", 0) or 0)


def _converted(value: Any, kind: Any) -> Any:
    """The value as `kind`; None where it is nothing of the kind."""
    try:
        return msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError:
        return None
