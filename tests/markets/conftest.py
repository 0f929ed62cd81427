"""What the tests of the markets room share."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from apps.markets import selectors
from tests.markets import wire as wires
from tests.markets.adapters import adapters_close, budgets_forget


@pytest.fixture(autouse=True)
def fresh_process() -> Iterator[None]:
    """No cached tables, no warm adapters and no used-up budgets of an earlier test."""
    selectors.caches_forget()
    budgets_forget()
    yield
    selectors.caches_forget()
    adapters_close()


@pytest.fixture
def wire(settings: Settings, ample: None) -> Iterator[wires.Wire]:
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
