"""What an exchange is to us: class data about its calls, and one adapter that turns its answers into columns."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from apps.core.exceptions import PermanentError
from apps.markets.enums import SnapshotKind
from apps.markets.exchanges import parse
from apps.markets.exchanges.columns import Book, FundingColumns, MarketSpec, QuoteColumns, Reply, RowTime

# Levels per side: enough for a reference notional on any listed market, at the cheapest request weight everywhere.
BOOK_LEVELS = 50


@dataclass(frozen=True, slots=True)
class QuotesCall:
    """The one bulk call that gives best bid and ask with sizes for a kind of market."""

    method: str
    row_time: RowTime
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FundingCall:
    """The bulk call for funding rates, and where their interval comes from.

    The row's own interval counts first (in hours in the raw field `interval_field` where ccxt overlooks it, then what
    ccxt makes of it), then that of `intervals_method` (a second bulk call, made each time because an
    interval may change at any hour), then the documented constant `default_hours`, which cites its `default_source`;
    else the interval is unknown and the rate not comparable. `row_time_field` names the raw field with the row's time
    where ccxt drops it.
    """

    method: str = "fetch_funding_rates"
    params: Mapping[str, Any] = field(default_factory=dict)
    row_time_field: str = ""
    interval_field: str = ""
    intervals_method: str = ""
    default_hours: float | None = None
    default_source: str = ""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Everything in which exchanges differ, as data.

    `options` are ccxt's options of the client (above all which market types to load), `answer_time_field` the top-level
    field of every answer with the exchange's clock in ms (else its `Date` header counts), `fee_free` says that a taker
    fee of zero is meant (else a zero from the library is an unknown fee)."""

    quotes: Mapping[SnapshotKind, QuotesCall]
    funding: FundingCall | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    answer_time_field: str = ""
    book_levels: int | None = BOOK_LEVELS
    fee_free: bool = False

    @property
    def kinds(self) -> tuple[SnapshotKind, ...]:
        """The feeds that this exchange can give."""
        return (*self.quotes, *((SnapshotKind.FUNDING,) if self.funding else ()))


class Client(Protocol):
    """One warm connection to an exchange (`client.CcxtClient`); its coroutines raise core errors only."""

    exchange: str
    tick_precision: bool

    def has(self, what: str) -> bool:
        """Whether the exchange gives this natively, in ccxt's words ("fetchTickers", "spot")."""

    async def load(self, *, not_before: int | None) -> Mapping[str, Mapping[str, Any]]:
        """Markets by symbol; loaded again where older than `not_before` (Unix ms; None: always)."""

    async def call(self, method: str, *args: Any, time_field: str = "") -> Reply[Any]:
        """One ccxt call with the moments it was sent and answered."""

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

    async def markets(self) -> list[MarketSpec]:
        """Spot markets and linear perpetuals, freshly loaded, amounts in base units."""
        loaded = await self.client.load(not_before=None)
        with parse.readable(self.client.exchange):
            return parse.market_specs(loaded.values(), ticks=self.client.tick_precision, fee_free=self.able.fee_free)

    async def quotes(self, kind: SnapshotKind, *, markets_from: int) -> Reply[QuoteColumns]:
        """Best bid and ask of every market of `kind`, sizes as the exchange counts them (contracts for perpetuals)."""
        call = self.able.quotes.get(kind)
        if call is None:
            raise PermanentError(f"{self.client.exchange} has no bulk {kind} quotes.", code="not_supported")
        await self.client.load(not_before=markets_from)
        reply = await self._ask(call.method, None, dict(call.params))
        with parse.readable(self.client.exchange):
            return reply.of(parse.quote_columns(reply.value, row_time=call.row_time))

    async def funding(self, *, markets_from: int) -> Reply[FundingColumns]:
        """Funding rates of every perpetual with their interval in hours (NaN: unknown)."""
        call = self.able.funding
        if call is None:
            raise PermanentError(f"{self.client.exchange} has no bulk funding rates.", code="not_supported")
        await self.client.load(not_before=markets_from)
        told = await self._ask(call.intervals_method, None, dict(call.params)) if call.intervals_method else None
        reply = await self._ask(call.method, None, dict(call.params))
        with parse.readable(self.client.exchange):
            columns = parse.funding_columns(
                reply.value,
                time_field=call.row_time_field,
                interval_field=call.interval_field,
                intervals=parse.intervals(told.value) if told else {},
                default_hours=call.default_hours,
            )
        return reply.of(columns)

    async def book(self, symbol: str, *, markets_from: int) -> Reply[Book]:
        """The order book of one market, best first, sizes as the exchange counts them."""
        await self.client.load(not_before=markets_from)
        reply = await self._ask("fetch_order_book", symbol, self.able.book_levels)
        with parse.readable(self.client.exchange):
            return reply.of(parse.book(reply.value))

    async def close(self) -> None:
        """Close the client's connections."""
        await self.client.close()

    async def _ask(self, method: str, *args: Any) -> Reply[Any]:
        return await self.client.call(method, *args, time_field=self.able.answer_time_field)
