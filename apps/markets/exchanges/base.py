"""What an exchange is to us: class data about its calls, and one adapter that turns its answers into columns."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Protocol

from apps.core import clock
from apps.core.exceptions import PermanentError, TemporaryError
from apps.markets.enums import SnapshotKind
from apps.markets.exchanges import parse
from apps.markets.exchanges.columns import (
    BarColumns,
    Book,
    FundingColumns,
    MarketSpec,
    QuoteColumns,
    RawAnswer,
    Reply,
    RowTime,
    SettledColumns,
)
from apps.markets.exchanges.throttle import USUAL_LIMIT, RequestLimit, Urgency, urgent
from apps.markets.exchanges.transfers import NetworkSpec, TransfersCall, network_specs
from apps.markets.exchanges.typed import Ask, C, Listed, R, Typed

# Levels per side: enough for a reference notional on any listed market, at the cheapest request weight everywhere.
BOOK_LEVELS = 50
# A month of settlements every eight hours; every exchange gives so many at once.
SETTLED_ROWS = 100
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class QuotesCall:
    """The one bulk call that gives best bid and ask with sizes for a kind of market.

    `has_sizes` is False where the exchange gives prices only; sizes are then unknown until a book is read. `typed` is
    its fast way; without one ccxt parses the answer; `signed` calls are for holders of a key. `interest_field` names
    the raw field with the open interest (in the unit of sizes), which ccxt's tickers leave out."""

    method: str
    row_time: RowTime
    params: Mapping[str, Any] = field(default_factory=dict)
    has_sizes: bool = True
    typed: Typed[QuoteColumns] | None = None
    signed: bool = False
    interest_field: str = ""


@dataclass(frozen=True, slots=True)
class FundingCall:
    """The bulk call for funding rates, and where their interval comes from.

    The row's own interval counts first (in hours in the raw field `interval_field` where ccxt overlooks it, then what
    ccxt makes of it), then that of `intervals_method` (a second bulk call, made each time because an
    interval may change at any hour); then, for whoever validates the rates, the spacing of settled fundings, then the
    documented constant `constant_hours`, which cites its `constant_source`;
    else the interval is unknown and the rate not comparable. `typed` is the fast way to all of this; without one ccxt
    parses the answers, and `row_time_field` names the raw field with the row's time
    where ccxt drops it. `tells_interval` is False where ccxt's interval is a constant of its own: that is not the
    exchange's word.
    """

    method: str = "fetch_funding_rates"
    params: Mapping[str, Any] = field(default_factory=dict)
    row_time_field: str = ""
    interval_field: str = ""
    intervals_method: str = ""
    tells_interval: bool = True
    constant_hours: float | None = None
    constant_source: str = ""
    typed: Typed[FundingColumns] | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A public GET of the exchange that ccxt lacks: its path below one of ccxt's base addresses (`api`, the keys into
    ccxt's `urls["api"]`), and its cost in units of ccxt's rate limiter."""

    path: str
    api: tuple[str, ...]
    cost: float = 1.0

    @property
    def entry(self) -> tuple[str, list[str], str, dict[str, float]]:
        """What ccxt's `Entry` is made of."""
        return self.path, list(self.api), "GET", {"cost": self.cost}


@dataclass(frozen=True, slots=True)
class StreamCall:
    """The websocket feed that pushes best bid and ask with sizes for a kind of market.

    `method` is ccxt.pro's (`watch_tickers` or `watch_bids_asks`), asked for `batch` markets in one message, as many as
    the exchange's documentation at `source` allows. `row_time_field` names the raw field with a row's time where ccxt
    takes another; a row without one is as old as its arrival."""

    method: str
    batch: int
    source: str
    params: Mapping[str, Any] = field(default_factory=dict)
    row_time_field: str = ""


@dataclass(frozen=True, slots=True)
class BookStream:
    """The websocket feed of one market's order book: how many levels to ask for (None: the usual ones), and what ccxt
    has to be told to end it."""

    levels: int | None
    end: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Everything in which exchanges differ, as data.

    `options` are ccxt's options of the client (above all which market types to load), `answer_time_field` the
    top-level field of every answer with the exchange's clock in ms (else its `Date` header counts), `fee_free` says
    that a taker fee of zero is meant (else a zero from the library is an unknown fee), `limit` how it counts
    requests, `status_params` what to ask its status with, `stream` and `stream_books` what it pushes.
    `currencies_first`: ccxt needs the currencies to read the markets (else they are not loaded with them: trouble
    there is no trouble of the markets). `endpoints` are calls that ccxt lacks, by the name to call them by; `urls`
    replaces parts of ccxt's addresses by others that the exchange documents. `stock_marks`: which values of fields
    of a raw market say that its base is a share or a fund."""

    quotes: Mapping[SnapshotKind, QuotesCall]
    funding: FundingCall | None = None
    # Days that the first look at settled fundings goes back, where the exchange wants a start (else the newest come).
    history_days: int | None = None
    transfers: TransfersCall | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    endpoints: Mapping[str, Endpoint] = field(default_factory=dict)
    urls: Mapping[str, Any] = field(default_factory=dict)
    answer_time_field: str = ""
    book_levels: int | None = BOOK_LEVELS
    # Bars that are asked for at once, at most; every other exchange gives as many as are kept.
    most_bars: int = 300
    fee_free: bool = False
    stock_marks: Mapping[str, Collection[str]] = field(default_factory=dict)
    currencies_first: bool = False
    limit: RequestLimit = USUAL_LIMIT
    status_params: Mapping[str, Any] = field(default_factory=dict)
    stream: Mapping[SnapshotKind, StreamCall] = field(default_factory=dict)
    stream_books: BookStream | None = None

    @property
    def kinds(self) -> tuple[SnapshotKind, ...]:
        """The feeds that this exchange can give."""
        return (*self.quotes, *((SnapshotKind.FUNDING,) if self.funding else ()))


class Client(Protocol):
    """One warm connection to an exchange (`client.CcxtClient`); its coroutines raise core errors only."""

    exchange: str
    tick_precision: bool
    has_key: bool

    @property
    def timeframes(self) -> Collection[str]:
        """The lengths of bars that ccxt knows of it."""

    def has(self, what: str) -> bool:
        """Whether the exchange gives this natively, in ccxt's words ("fetchTickers", "spot")."""

    async def load(self, *, not_before: int | None) -> Mapping[str, Mapping[str, Any]]:
        """Markets by symbol; loaded again where older than `not_before` (Unix ms; None: always)."""

    async def call(self, method: str, *args: Any, time_field: str = "") -> Reply[Any]:
        """One ccxt call with the moments it was sent and answered."""

    async def typed(self, ask: Ask[R]) -> Reply[list[R]]:
        """The rows of one endpoint, decoded without ccxt's parser."""

    def listed(self, kind: SnapshotKind) -> Listed:
        """The loaded markets that a feed of this kind covers."""

    def reading(self, again: Sequence[RawAnswer] | None = None) -> AbstractContextManager[None]:
        """Calls inside are one reading; with `again`, of answers that came before, and nobody is asked."""

    async def close(self) -> None:
        """Close its connections."""


class ExchangeAdapter:
    """Answers of one exchange as columns. Keeps a warm client and the markets it parses with; no rows, no settings.

    All coroutines run on core.loop's loop and raise core errors. `markets_from` (Unix ms) says how old the client's
    markets may be: another process may have found newer ones."""

    capabilities: ClassVar[Capabilities]

    def __init__(self, client: Client) -> None:
        self.client = client
        self.able = self.abilities(client)

    @classmethod
    def abilities(cls, client: Client) -> Capabilities:  # noqa: ARG003  (the generic adapter asks the client)
        """What this exchange can do; listed exchanges know it beforehand."""
        return cls.capabilities

    @property
    def constant_hours(self) -> float | None:
        """The documented funding interval for rows whose interval the exchange does not tell; None: there is none."""
        return self.able.funding.constant_hours if self.able.funding else None

    async def markets(self) -> list[MarketSpec]:
        """Spot markets and perpetuals, freshly loaded, amounts in base units (inverse ones: in quote units)."""
        loaded = await self.client.load(not_before=None)
        with parse.readable(self.client.exchange):
            specs = parse.market_specs(
                loaded.values(),
                ticks=self.client.tick_precision,
                fee_free=self.able.fee_free,
                stock_marks=self.able.stock_marks,
            )
            return [self.corrected(spec, loaded[spec.symbol]) for spec in specs]

    def corrected(self, spec: MarketSpec, market: Mapping[str, Any]) -> MarketSpec:
        """The spec with what ccxt drops or mistakes put right from ccxt's `market` and the raw row in its `info`."""
        return spec

    async def quotes(self, kind: SnapshotKind, *, markets_from: int) -> Reply[QuoteColumns]:
        """Best bid and ask of every market of `kind`, sizes as the exchange counts them (contracts for perpetuals)."""
        urgent(Urgency.QUOTES)
        call = self.able.quotes.get(kind)
        if call is None:
            raise PermanentError(f"{self.client.exchange} has no bulk {kind} quotes.", code="not_supported")
        self._key_check(signed=call.signed)
        await self.client.load(not_before=markets_from)
        if call.typed:
            return await self._typed(call.typed, kind, row_time=call.row_time, has_sizes=call.has_sizes)
        with self.client.reading():
            reply = await self._ask(call.method, None, dict(call.params))
        with parse.readable(self.client.exchange, reply.raw):
            columns = parse.quote_columns(
                reply.value, row_time=call.row_time, has_sizes=call.has_sizes, interest_field=call.interest_field
            )
        return reply.of(columns)

    async def funding(self, *, markets_from: int) -> Reply[FundingColumns]:
        """Funding rates of every perpetual with their interval in hours (NaN: unknown)."""
        urgent(Urgency.FUNDING)
        call = self.able.funding
        if call is None:
            raise PermanentError(f"{self.client.exchange} has no bulk funding rates.", code="not_supported")
        await self.client.load(not_before=markets_from)
        if call.typed:
            return await self._typed(call.typed, SnapshotKind.FUNDING)
        with self.client.reading():
            told = await self._ask(call.intervals_method, None, dict(call.params)) if call.intervals_method else None
            reply = await self._ask(call.method, None, dict(call.params))
        with parse.readable(self.client.exchange, reply.raw):
            columns = parse.funding_columns(
                reply.value,
                time_field=call.row_time_field,
                interval_field=call.interval_field,
                tells_interval=call.tells_interval,
                intervals=parse.intervals(told.value) if told else {},
            )
        return reply.of(columns)

    async def settled(self, symbol: str, *, since: int | None, markets_from: int) -> Reply[SettledColumns]:
        """Settled fundings of one perpetual from `since` (Unix ms) on; None: the newest ones that it gives at once.

        Not necessarily all of them: what follows a full answer is asked for the next time. Raises
        PermanentError(code="not_supported") where the exchange gives no history."""
        urgent(Urgency.SLOW)
        if not self.client.has("fetchFundingRateHistory"):
            raise PermanentError(f"{self.client.exchange} has no history of funding rates.", code="not_supported")
        if since is None and self.able.history_days is not None:
            since = clock.now_ms() - self.able.history_days * _DAY_MS
        await self.client.load(not_before=markets_from)
        reply = await self._ask("fetch_funding_rate_history", symbol, since, SETTLED_ROWS)
        with parse.readable(self.client.exchange):
            return reply.of(parse.settled_columns(reply.value))

    @property
    def timeframes(self) -> Collection[str]:
        """The lengths of bars that the exchange gives, in ccxt's words (`1m`, `4h`); none where it gives no bars."""
        return self.client.timeframes if self.client.has("fetchOHLCV") else ()

    async def bars(self, symbol: str, timeframe: str, *, count: int, markets_from: int) -> Reply[BarColumns]:
        """The newest bars of one market, `count` of them if the exchange gives as many at once; the last one may not
        have ended. Raises PermanentError(code="not_supported") for what is not one of `timeframes`."""
        urgent(Urgency.SLOW)
        if timeframe not in self.timeframes:
            raise PermanentError(f"{self.client.exchange} has no bars of {timeframe}.", code="not_supported")
        await self.client.load(not_before=markets_from)
        reply = await self._ask("fetch_ohlcv", symbol, timeframe, None, min(count, self.able.most_bars))
        with parse.readable(self.client.exchange):
            return reply.of(parse.bar_columns(reply.value))

    async def networks(self) -> Reply[list[NetworkSpec]]:
        """Deposits and withdrawals of every currency, network by network.

        Raises PermanentError(code="not_supported") where the exchange tells nobody, TemporaryError where it tells
        nothing at all this time."""
        urgent(Urgency.SLOW)
        call = self.able.transfers
        if call is None:
            raise PermanentError(
                f"{self.client.exchange} does not tell deposits and withdrawals.", code="not_supported"
            )
        self._key_check(signed=call.signed)
        reply = await self._ask(call.method)
        with parse.readable(self.client.exchange, reply.raw):
            specs = self.networks_told(reply.value or {})
        if not specs:
            raise TemporaryError(f"{self.client.exchange} tells no network of any currency", code="bad_response")
        return reply.of(specs)

    def networks_told(self, currencies: Mapping[str, Mapping[str, Any]]) -> list[NetworkSpec]:
        """The networks in ccxt's currencies, or what else their raw rows (`info`) tell."""
        return network_specs(currencies, fields=self.able.transfers.fields if self.able.transfers else None)

    async def book(self, symbol: str, *, markets_from: int) -> Reply[Book]:
        """The order book of one market, best first, sizes as the exchange counts them."""
        urgent(Urgency.BOOKS)
        await self.client.load(not_before=markets_from)
        reply = await self._ask("fetch_order_book", symbol, self.able.book_levels)
        with parse.readable(self.client.exchange):
            return reply.of(parse.book(reply.value, most=BOOK_LEVELS))

    async def maintenance_check(self) -> None:
        """Ask the exchange how it is, where it tells. Raises TemporaryError(code="maintenance") while it is not well.

        ccxt's words for it: https://docs.ccxt.com/?id=exchange-status-structure"""
        if not self.client.has("fetchStatus"):
            return
        reply = await self._ask("fetch_status", dict(self.able.status_params))
        with parse.readable(self.client.exchange, reply.raw):
            status = str(reply.value["status"])
        if status != "ok":
            raise TemporaryError(f"{self.client.exchange} says of itself: {status}", code="maintenance")

    async def reread(self, kind: SnapshotKind, raw: Sequence[RawAnswer]) -> Reply[QuoteColumns] | Reply[FundingColumns]:
        """Read answers of this kind again that came before (`Reply.raw`, `UnreadableAnswer.raw`), with today's parser.

        The exchange is asked for its markets only, where they are not loaded yet. The moments are those of the answers.
        Raises what reading them raised then; PermanentError(code="incomplete") where an answer is missing."""
        await self.client.load(not_before=0)
        with self.client.reading(again=raw):
            if kind is SnapshotKind.FUNDING:
                return await self.funding(markets_from=0)
            return await self.quotes(kind, markets_from=0)

    async def close(self) -> None:
        """Close the client's connections."""
        await self.client.close()

    async def _typed(self, typed: Typed[C], kind: SnapshotKind, **how: Any) -> Reply[C]:
        """Columns by the fast way, made as the keywords say; the moments are those of the last answer."""
        with self.client.reading():
            replies = [await self.client.typed(ask) for ask in typed.asks]
        with parse.readable(self.client.exchange, replies[-1].raw):
            rows = (reply.value for reply in replies)
            columns = typed.columns(self.client.listed(kind), *rows, **how)
        return replace(replies[-1].of(columns), unread=sum(reply.unread for reply in replies))

    def _key_check(self, *, signed: bool) -> None:
        """Without a key ccxt would trip, or give an empty answer of its own."""
        if signed and not self.client.has_key:
            raise PermanentError(f"{self.client.exchange} tells this only to holders of a key", code="key_needed")

    async def _ask(self, method: str, *args: Any) -> Reply[Any]:
        return await self.client.call(method, *args, time_field=self.able.answer_time_field)
