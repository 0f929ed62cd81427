"""Adapters without a network: ccxt's client whole, only its HTTP session is answered in the process.

For looking at what an adapter makes of a body: its values, and what that costs."""

import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings
from yarl import URL

from apps.markets.exchanges import registry
from apps.markets.exchanges.base import ExchangeAdapter
from apps.markets.exchanges.client import CcxtClient
from sandbox.calls import Answer, Call, problem
from sandbox.exchanges import exchange_hosts
from sandbox.market.world import World
from tests.markets.adapters import adapters_close

Outside = Callable[[Call], Awaitable[Answer]]


def world_answers(*, symbols: int = 60) -> Outside:
    """The sandbox's exchanges, as of the moment they are asked."""
    hosts = exchange_hosts(World(7, symbols=symbols))

    async def answer(call: Call) -> Answer:
        host = hosts.get(call.host)
        return host.answer(call) if host else problem(404, f"no stand-in for the host {call.host}")

    return answer


def offline(exchange: str, outside: Outside, *, generic: bool = False) -> ExchangeAdapter:
    """A new adapter of the exchange (or the generic one for it) whose requests `outside` answers."""
    cls = registry.GENERIC.get("generic") if generic else registry.adapter_class(exchange)
    able = cls.capabilities
    client = CcxtClient(exchange, options=able.options, gateway="", endpoints=able.endpoints, urls=able.urls)
    client._ccxt.enableRateLimit = False
    client._ccxt.session = _Session(outside)
    return cls(client)


def by_ccxt(adapter: ExchangeAdapter) -> None:
    """From now on ccxt parses this adapter's answers."""
    able = adapter.able
    quotes = {kind: replace(call, typed=None) for kind, call in able.quotes.items()}
    funding = able.funding
    if funding and adapter.client.has("fetchFundingRates"):
        funding = replace(funding, typed=None)
    adapter.able = replace(able, quotes=quotes, funding=funding)


@contextmanager
def offline_adapters(adapters: Mapping[str, ExchangeAdapter]) -> Iterator[None]:
    """These are the process's warm adapters, by exchange; they are closed in the end."""
    adapters_close()
    registry._warm.update({(os.getpid(), name, settings.SANDBOX_URL, ""): each for name, each in adapters.items()})
    try:
        yield
    finally:
        adapters_close()


@dataclass(frozen=True)
class _Response:
    status: int
    reason: str
    headers: dict[str, str]
    body: bytes

    async def text(self, errors: str = "strict") -> str:
        """The body as aiohttp gives it."""
        return self.body.decode(errors=errors)


class _Session:
    """What ccxt uses of aiohttp's session."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside
        self.headers: dict[str, str] = {}

    async def close(self) -> None:
        """There is nothing to close."""

    def get(self, url: URL, **how: Any) -> Any:
        """A GET."""
        return self._ask("GET", url, **how)

    def post(self, url: URL, **how: Any) -> Any:
        """A POST."""
        return self._ask("POST", url, **how)

    @asynccontextmanager
    async def _ask(
        self, method: str, url: URL, *, headers: Any, data: Any = None, **_: Any
    ) -> AsyncIterator[_Response]:
        call = Call(
            method=method,
            scheme=url.scheme,
            host=url.host or "",
            path=url.path,
            query=dict(url.query),
            headers={name.lower(): value for name, value in headers.items()},
            body=data or b"",
            now=time.time(),
            raw_query=url.raw_query_string,
        )
        answer = await self._outside(call)
        yield _Response(answer.status, "", dict(answer.headers), answer.body)
