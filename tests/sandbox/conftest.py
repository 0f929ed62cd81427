"""A sandbox of this folder's own, and the ways in which its tests talk to it."""

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import ccxt.async_support as ccxt
import pytest

from tests.markets.adapters import adapters_close
from tests.sandbox_process import Sandbox, sandbox_run


@dataclass(frozen=True)
class Reply:
    """An HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def http(url: str, *, method: str = "GET", body: bytes | None = None, headers: dict[str, str] | None = None) -> Reply:
    """One request; an error status is an answer like any other."""
    request = urllib.request.Request(url, method=method, data=body, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return Reply(answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read())
    except urllib.error.HTTPError as error:
        return Reply(error.code, {k.lower(): v for k, v in error.headers.items()}, error.read())


def gated(gateway: str, urls: Any) -> Any:
    """Every address of a ccxt `urls['api']` with the gateway in front."""
    if isinstance(urls, str):
        return f"{gateway}/{urls}"
    return {name: gated(gateway, url) for name, url in urls.items()}


def ask(gateway: str, name: str, question: Callable[[Any], Awaitable[Any]]) -> Any:
    """What ccxt's class `name` answers to `question(client)` through the gateway."""

    async def run() -> Any:
        client = getattr(ccxt, name)({"enableRateLimit": False, "timeout": 20_000})
        client.urls["api"] = gated(gateway, client.urls["api"])
        # Currencies aren't recorded and need keys where they aren't public.
        client.has["fetchCurrencies"] = False
        try:
            return await question(client)
        finally:
            await client.close()

    return asyncio.run(run())


@pytest.fixture(scope="module")
def closing() -> Iterator[None]:
    """Close the warm adapters at the end of the module."""
    yield
    adapters_close()


@pytest.fixture(scope="session")
def outside_process() -> Iterator[Sandbox]:
    """One sandbox for this folder."""
    with sandbox_run() as sandbox:
        yield sandbox


@pytest.fixture
def outside(outside_process: Sandbox) -> Sandbox:
    """The sandbox, reset."""
    outside_process.reset()
    return outside_process


@pytest.fixture(scope="session")
def markets(outside_process: Sandbox) -> dict[str, dict[str, Any]]:
    """What ccxt's `load_markets` gives for each exchange."""
    # It is made once, after whatever test came before: that one's faults may still be in force.
    outside_process.reset()
    return {
        name: ask(outside_process.url, name, lambda client: client.load_markets())
        for name in ("binance", "binanceusdm", "bybit", "okx")
    }
