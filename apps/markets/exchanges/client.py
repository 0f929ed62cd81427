"""ccxt's clients. Importing ccxt costs 3-6 s and 100 MB: `registry` loads this in workers of the market queue only."""

import logging
from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from types import ModuleType
from typing import Any, ClassVar, TypeVar

import aiohttp
import ccxt.async_support as ccxt
import msgspec
from ccxt.base.types import Entry

from apps.core import clock
from apps.core.exceptions import OperatorError, PermanentError
from apps.markets.enums import SnapshotKind
from apps.markets.exchanges import names
from apps.markets.exchanges.base import Endpoint
from apps.markets.exchanges.columns import RawAnswer, Reply
from apps.markets.exchanges.errors import translated
from apps.markets.exchanges.read_only import ReadOnly, check_question
from apps.markets.exchanges.throttle import USUAL_LIMIT, RequestLimit, Throttled
from apps.markets.exchanges.typed import LATEST_MS, Ask, Listed, R, Rows, Told

logger = logging.getLogger(__name__)
# At DEBUG ccxt writes every request with its headers into the log, and some exchanges take keys and tokens there.
logging.getLogger("ccxt").setLevel(logging.INFO)

T = TypeVar("T")

TIMEOUT_MS = 10_000
# The longest answers are lists of markets, of 20 MB; a few kilobytes of gzip can hold a gigabyte.
BODY_MAX = 64_000_000
# A `Date` header is cut to the second: on average the moment was half a second later.
_HALF_SECOND_MS = 500


@dataclass(slots=True)
class Heard:
    """What one call of ours heard on the wire: when the last request was sent and its answer read (our clock, ms), its
    status and headers, and the exchange's clock in the body (ms); `raw` is all that came for this reading so far.

    `rows` decodes the body instead of ccxt, into `told` (None: it does not fit, ccxt parsed it)."""

    raw: list[RawAnswer] = field(default_factory=list)
    sent_at: int = 0
    received_at: int = 0
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    time_field: str = ""
    body_time: int = 0
    rows: Rows[Any] | None = None
    told: Told[Any] | None = None

    def exchange_at(self) -> int | None:
        """The exchange's clock in Unix ms: from the body, else from the `Date` header, else None."""
        if self.body_time:
            return self.body_time
        moment = _http_date(self.headers.get("date", ""))
        told = 0 if moment is None else clock.to_ms(moment) + _HALF_SECOND_MS
        return told if 0 < told < LATEST_MS else None


# ccxt keeps the last headers on the shared client, where concurrent calls overwrite them: each call listens for itself.
_hearing: ContextVar[Heard | None] = ContextVar("hearing", default=None)


@dataclass(slots=True)
class Reading:
    """One reading of an adapter, which may take several calls: what came for it, or what came once and is read again
    instead of asking."""

    raw: list[RawAnswer] = field(default_factory=list)
    again: deque[RawAnswer] | None = None


_reading: ContextVar[Reading | None] = ContextVar("reading", default=None)


class _Bounded(aiohttp.ClientResponse):
    """An answer of which at most BODY_MAX bytes are read, counted after unpacking."""

    async def read(self) -> bytes:
        """The body; raises aiohttp.ClientPayloadError for a longer one, and for one that can't be unpacked."""
        if self._body is None:
            body = bytearray()
            async for chunk in self.content.iter_any():
                body += chunk
                if len(body) > BODY_MAX:
                    self.close()
                    raise aiohttp.ClientPayloadError(f"the answer is longer than {BODY_MAX // 1_000_000} MB")
            self._body = bytes(body)
        return await super().read()


class _Listening:
    """Mixed into ccxt's class of an exchange: tells the running call what came over the wire."""

    currencies_first: bool

    async def load_markets_helper(self, reload: bool = False, params: Any = None) -> Any:
        """ccxt's way to the markets, past the currencies where it does not need them to read the markets."""
        ccxt_self: Any = self
        if self.currencies_first:
            return await super().load_markets_helper(reload, params or {})  # type: ignore[misc]
        if ccxt_self.markets and not reload:
            return ccxt_self.markets
        return ccxt_self.set_markets(await ccxt_self.fetch_markets(params or {}))

    def open(self, *args: Any, **kwargs: Any) -> None:
        """ccxt's way to a session; its answers are bounded."""
        super().open(*args, **kwargs)  # type: ignore[misc]
        ccxt_self: Any = self
        if isinstance(ccxt_self.session, aiohttp.ClientSession):
            # ccxt makes the session itself, and passes no class of responses on.
            ccxt_self.session._response_class = _Bounded

    def parse_market(self, market: Any) -> Any:
        """The market in ccxt's words; None for a row that it can't read, which costs only that market."""
        try:
            parsed = super().parse_market(market)  # type: ignore[misc]
        except (ccxt.BaseError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            ccxt_self: Any = self
            logger.warning("%s lists a market that can't be read: %r, %.200r", ccxt_self.id, error, market)
            return None
        return parsed if parsed and parsed.get("id") else None

    async def throttle(self, *args: Any, **kwargs: Any) -> Any:
        """The rate limiter, unless nobody is asked."""
        reading = _reading.get()
        if reading is None or reading.again is None:
            await super().throttle(*args, **kwargs)  # type: ignore[misc]

    def on_rest_response(self, code: int, reason: str, url: str, method: str, headers: Any, body: str, *of: Any) -> Any:
        """ccxt's hook for each HTTP answer, before it is parsed or judged."""
        heard = _hearing.get()
        if heard is not None:
            heard.received_at = clock.now_ms()
            heard.status, heard.headers = code, {name.lower(): value for name, value in headers.items()}
            heard.raw.append(RawAnswer(_path(url), code, heard.headers, body, heard.sent_at, heard.received_at))
        return super().on_rest_response(code, reason, url, method, headers, body, *of)  # type: ignore[misc]

    def parse_json(self, text: str) -> Any:
        """The body as ccxt wants it; None where we have read it ourselves: ccxt then judges by the status alone."""
        heard = _hearing.get()
        if heard is not None and heard.rows is not None and heard.status < 300:
            try:
                heard.told = heard.rows.read(text)
            except msgspec.DecodeError as error:
                logger.debug("%s left to ccxt: %s", heard.raw[-1].path, error)
            else:
                return None
        return super().parse_json(text)  # type: ignore[misc]

    def handle_errors(self, *answer: Any) -> Any:
        """ccxt's judgement of a body; one that we have read is a success, and searching it for errors costs time.

        Where ccxt trips over the body of an error, the status alone counts: it may ask for a pause."""
        heard = _hearing.get()
        if heard is not None and heard.told is not None:
            return None
        try:
            return super().handle_errors(*answer)  # type: ignore[misc]
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            code, url = answer[0], answer[2]
            if code < 400:
                raise
            logger.debug("The body of %s's status %d can't be judged: %r", _path(url), code, error)
            return None

    async def fetch(self, url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        """One HTTP exchange, after the rate limiter let it through: waiting there is no time on the wire. Keeps the
        exchange's own clock where the answer carries it."""
        heard, reading = _hearing.get(), _reading.get()
        if reading is not None and reading.again is not None:
            return self._heard(self._again(reading.again, url, method))
        if heard is not None:
            heard.sent_at, heard.told = clock.now_ms(), None
        return self._heard(await super().fetch(url, method, headers, body))  # type: ignore[misc]

    def _again(self, answers: deque[RawAnswer], url: str, method: str) -> Any:
        """What ccxt's `fetch` does with an answer, done with one that came before."""
        path = _path(url)
        raw = next((each for each in answers if each.path == path), None)
        if raw is None:
            raise PermanentError(f"there is no answer of {path} to read again", code="incomplete")
        answers.remove(raw)
        ccxt_self: Any = self
        text = ccxt_self.on_rest_response(raw.status, "", url, method, raw.headers, raw.text, {}, None)
        heard = _hearing.get()
        if heard is not None:
            heard.told, heard.sent_at, heard.received_at, heard.raw[-1] = None, raw.sent_at, raw.received_at, raw
        body = ccxt_self.parse_json(text)
        ccxt_self.handle_errors(raw.status, "", url, method, raw.headers, text, body, {}, None)
        ccxt_self.handle_http_status_code(raw.status, "", url, method, text)
        return text if body is None else body

    def _heard(self, body: Any) -> Any:
        """The body that ccxt goes on with, or what we have read of it."""
        heard = _hearing.get()
        if heard is not None and heard.told is not None:
            heard.body_time = _milliseconds(heard.told.at)
            return heard.told
        if not isinstance(body, dict | list):
            # ccxt hands other text on to its parsers, and some of them make an empty market of it.
            raise ccxt.BadResponse(f"{str(body)[:80]!r} is no JSON")
        if heard is not None and heard.time_field and isinstance(body, dict):
            heard.body_time = _milliseconds(body.get(heard.time_field))
        return body


class CcxtClient:
    """One warm ccxt client, all of its addresses behind the gateway where one is given.

    The clients of feeds have no key, so that no key's trouble is theirs; a client with one borrows their markets."""

    # Where ccxt's classes of exchanges are, and what is mixed into them.
    library: ClassVar[ModuleType] = ccxt
    mixins: ClassVar[tuple[type, ...]] = (ReadOnly, _Listening, Throttled)

    def __init__(
        self,
        exchange: str,
        *,
        options: Mapping[str, Any],
        gateway: str,
        limit: RequestLimit = USUAL_LIMIT,
        endpoints: Mapping[str, Endpoint] | None = None,
        urls: Mapping[str, Any] | None = None,
        currencies_first: bool = False,
        key: Mapping[str, str] | None = None,
        lender: "CcxtClient | None" = None,
    ) -> None:
        """`gateway` is the sandbox's URL or "", `endpoints` are calls that ccxt lacks, `urls` replace some of ccxt's,
        `currencies_first` has currencies loaded before the markets, `key` signs calls (in ccxt's words: apiKey, secret,
        ...), `lender` is the client whose markets are used.

        Raises OperatorError(code="unknown_exchange") for an id ccxt lacks."""
        if exchange not in ccxt.exchanges:
            raise OperatorError(names.problem(exchange), code="unknown_exchange")
        added = {name: Entry(*each.entry) for name, each in (endpoints or {}).items()}
        bases = (*self.mixins, getattr(self.library, exchange))
        cls = type(exchange, bases, {"request_limit": limit, "currencies_first": currencies_first, **added})
        self.exchange = exchange
        settings = {"enableRateLimit": True, "timeout": TIMEOUT_MS, "options": dict(options), "urls": dict(urls or {})}
        self._ccxt = cls(settings | dict(key or {}))
        self._lender = lender
        self.has_key = bool(key)
        if gateway:
            self._ccxt.urls["api"] = behind_gateway(self._ccxt.urls["api"], gateway)
        self.tick_precision = self._ccxt.precisionMode == ccxt.TICK_SIZE
        self._loaded_at = 0
        self._listed: dict[SnapshotKind, Listed] = {}
        self._listed_of: Any = None

    @property
    def api_key(self) -> str:
        """The part of its key that names it; "" without one."""
        return str(self._ccxt.apiKey or "")

    @property
    def timeframes(self) -> Collection[str]:
        """The lengths of bars that ccxt knows of it."""
        return (self._ccxt.timeframes or {}).keys()

    def has(self, what: str) -> bool:
        """Whether ccxt says that the exchange gives this natively (an emulation asks pair by pair)."""
        return self._ccxt.has.get(what) is True

    async def load(self, *, not_before: int | None) -> Mapping[str, Mapping[str, Any]]:
        """Markets by symbol; loaded again where older than `not_before` (Unix ms; None: always)."""
        if self._lender is not None:
            lent = await self._lender.load(not_before=not_before)
            self._ccxt.set_markets_from_exchange(self._lender._ccxt)
            return lent
        stale = not_before is None or self._loaded_at < not_before
        if stale or not self._ccxt.markets:
            started = clock.now_ms()
            heard = Heard()
            with translated(self.exchange, heard):
                _hearing.set(heard)
                await self._ccxt.load_markets(stale)
            self._loaded_at = started
        markets: Mapping[str, Mapping[str, Any]] = self._ccxt.markets
        return markets

    async def call(self, method: str, *args: Any, time_field: str = "") -> Reply[Any]:
        """One ccxt call; raises core errors only. `time_field`: the body's field with the exchange's clock.

        Its moments are those of the (last) request on the wire, not of the wait for it nor of the parsing after it."""
        check_question(self.exchange, method)
        heard = Heard(_raw(), time_field=time_field)
        with translated(self.exchange, heard):
            _hearing.set(heard)
            value = await getattr(self._ccxt, method)(*args)
        return _reply(value, heard)

    async def typed(self, ask: Ask[R]) -> Reply[list[R]]:
        """The rows that one endpoint answers, decoded by `ask.rows`; raises core errors only.

        What is no success in the expected shape goes to ccxt, so that errors mean what they mean to ccxt; if that
        finds nothing wrong with it, the answer is unreadable."""
        heard = Heard(_raw(), rows=ask.rows)
        with translated(self.exchange, heard):
            _hearing.set(heard)
            await getattr(self._ccxt, ask.endpoint)(dict(ask.params))
            if heard.told is None:
                raise ccxt.BadResponse(f"{heard.raw[-1].text[:80]!r} has another shape than expected")
        return replace(_reply(heard.told.rows, heard), unread=heard.told.unread)

    def listed(self, kind: SnapshotKind) -> Listed:
        """The loaded markets that a feed of this kind covers, by the exchange's ids; built once per load."""
        markets = self._ccxt.markets
        if self._listed_of is not markets:
            self._listed, self._listed_of = {}, markets
        if kind not in self._listed:
            flag = "spot" if kind is SnapshotKind.SPOT else "swap"
            self._listed[kind] = Listed.of(market for market in markets.values() if market[flag])
        return self._listed[kind]

    @contextmanager
    def reading(self, again: Sequence[RawAnswer] | None = None) -> Iterator[None]:
        """Calls inside are one reading: the last reply (or the error) has the raw answers of all. With `again`, these
        answers are read again, by path and in their order, and nobody is asked."""
        if again is None and _reading.get() is not None:
            yield
            return
        token = _reading.set(Reading(again=None if again is None else deque(again)))
        try:
            yield
        finally:
            _reading.reset(token)

    async def close(self) -> None:
        """Close its connections; the client can't be used again."""
        await self._ccxt.close()


def behind_gateway(urls: Any, gateway: str) -> Any:
    """ccxt's `urls['api']` (a string, or dicts of them) with the gateway in front of every address.

    A websocket address goes to the gateway by websocket: `wss://a` becomes `ws://gateway/wss://a`."""
    if isinstance(urls, dict):
        return {key: behind_gateway(value, gateway) for key, value in urls.items()}
    if not isinstance(urls, str):
        return urls
    front = gateway.replace("http", "ws", 1) if urls.startswith("ws") else gateway
    return f"{front}/{urls}"


def _raw() -> list[RawAnswer]:
    reading = _reading.get()
    return [] if reading is None else reading.raw


def _reply(value: T, heard: Heard) -> Reply[T]:
    return Reply(value, heard.sent_at, heard.received_at, heard.exchange_at(), tuple(heard.raw))


def _path(url: str) -> str:
    """The path that is asked, without host, gateway and query."""
    return "/" + url.rpartition("://")[2].partition("?")[0].partition("/")[2]


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (OverflowError, ValueError):
        return None
    return moment if moment.tzinfo else None


def _milliseconds(value: Any) -> int:
    text = str(value)
    return int(text) if text.isdigit() and len(text) == 13 else 0
