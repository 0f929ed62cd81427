"""What the tests of the markets room share."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from apps.core import loop
from apps.markets import selectors
from apps.markets.exchanges import registry
from tests.markets import wire as wires


@pytest.fixture(autouse=True)
def fresh_process() -> Iterator[None]:
    """No cached tables and no warm adapters of an earlier test."""
    selectors.caches_forget()
    yield
    selectors.caches_forget()
    for adapter in registry.adapters_forget():
        # ccxt waits a quarter of a second for TLS to end; there is none here.
        adapter.client._ccxt.timeout_on_exit = 0  # type: ignore[attr-defined]
        loop.run(adapter.close(), timeout=5)


@pytest.fixture
def wire(settings: Settings) -> Iterator[wires.Wire]:
    """An exchange's side of the wire that says what the test tells it to; the settings point at it."""
    server = wires.Wire()
    settings.SANDBOX_URL = server.url
    yield server
    server.close()


@pytest.fixture
def binance(wire: wires.Wire, settings: Settings) -> wires.Wire:
    """Binance spot with BTC, ETH and SOL, all well."""
    settings.EXCHANGES = ["binance"]
    symbols = [wires.binance_symbol(base) for base in ("BTC", "ETH", "SOL")]
    wire.say(f"{wires.BINANCE}/exchangeInfo", wires.binance_info(*symbols))
    tickers = [wires.binance_ticker(base, 99, 101) for base in ("BTC", "ETH", "SOL")]
    wire.say(f"{wires.BINANCE}/ticker/24hr", tickers)
    return wire
