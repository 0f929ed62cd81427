"""ccxt's clients. Importing ccxt costs 3-6 s and 100 MB: `registry` loads this in workers of the market queue only."""

import logging
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import ccxt.async_support as ccxt

from apps.core import clock
from apps.core.exceptions import OperatorError
from apps.markets.exchanges import names
from apps.markets.exchanges.columns import Reply
from apps.markets.exchanges.errors import translated

logger = logging.getLogger(__name__)

TIMEOUT_MS = 10_000
# A `Date` header is cut to the second: on average the moment was half a second later.
_HALF_SECOND_MS = 500


@dataclass(slots=True)
class Heard:
    """What one call of ours heard on the wire: when the last request was sent and its answer read (our clock, ms), its
    status and headers, and the exchange's clock in the body (ms)."""

    sent_at: int = 0
    received_at: int = 0
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    time_field: str = ""
    body_time: int = 0

    def exchange_at(self) -> int | None:
        """The exchange's clock in Unix ms: from the body, else from the `Date` header, else None."""
        if self.body_time:
            return self.body_time
        moment = _http_date(self.headers.get("date", ""))
        return None if moment is None else clock.to_ms(moment) + _HALF_SECOND_MS


# ccxt keeps the last headers on the shared client, where concurrent calls overwrite them: each call listens for itself.
_hearing: ContextVar[Heard | None] = ContextVar("hearing", default=None)


class _Listening:
    """Mixed into ccxt's class of an exchange: tells the running call what came over the wire."""

    def on_rest_response(self, code: int, reason: str, url: str, method: str, headers: Any, *rest: Any) -> Any:
        """ccxt's hook for each HTTP answer, before it is parsed or judged."""
        heard = _hearing.get()
        if heard is not None:
            heard.status, heard.headers = code, {name.lower(): value for name, value in headers.items()}
        return super().on_rest_response(code, reason, url, method, headers, *rest)  # type: ignore[misc]

    async def fetch(self, *args: Any, **kwargs: Any) -> Any:
        """One HTTP exchange, after ccxt's rate limiter let it through: waiting there is no time on the wire. Keeps the
        exchange's own clock where the answer carries it."""
        heard = _hearing.get()
        if heard is not None:
            heard.sent_at = clock.now_ms()
        body = await super().fetch(*args, **kwargs)  # type: ignore[misc]
        if heard is not None:
            heard.received_at = clock.now_ms()
        if not isinstance(body, dict | list):
            # ccxt hands other text on to its parsers, and some of them make an empty market of it.
            raise ccxt.BadResponse(f"{str(body)[:80]!r} is no JSON")
        if heard is not None and heard.time_field and isinstance(body, dict):
            heard.body_time = _milliseconds(body.get(heard.time_field))
        return body


class CcxtClient:
    """One warm ccxt client, without keys, all of its addresses behind the gateway where one is given."""

    def __init__(self, exchange: str, *, options: Mapping[str, Any], gateway: str) -> None:
        """`gateway` is the sandbox's URL or "". Raises OperatorError(code="unknown_exchange") for an id ccxt lacks."""
        if exchange not in ccxt.exchanges:
            raise OperatorError(names.problem(exchange), code="unknown_exchange")
        cls = type(exchange, (_Listening, getattr(ccxt, exchange)), {})
        self.exchange = exchange
        self._ccxt = cls({"enableRateLimit": True, "timeout": TIMEOUT_MS, "options": dict(options)})
        if gateway:
            self._ccxt.urls["api"] = behind_gateway(self._ccxt.urls["api"], gateway)
        self.tick_precision = self._ccxt.precisionMode == ccxt.TICK_SIZE
        self._loaded_at = 0

    def has(self, what: str) -> bool:
        """Whether ccxt says that the exchange gives this natively (an emulation asks pair by pair)."""
        return self._ccxt.has.get(what) is True

    async def load(self, *, not_before: int | None) -> Mapping[str, Mapping[str, Any]]:
        """Markets by symbol; loaded again where older than `not_before` (Unix ms; None: always)."""
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
        heard = Heard(time_field=time_field)
        with translated(self.exchange, heard):
            _hearing.set(heard)
            value = await getattr(self._ccxt, method)(*args)
        return Reply(value, heard.sent_at, heard.received_at, heard.exchange_at())

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


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def _milliseconds(value: Any) -> int:
    text = str(value)
    return int(text) if text.isdigit() and len(text) == 13 else 0
