"""The table of exchanges, and the warm adapters of this process."""

import os
import threading
from typing import Final

from django.utils.module_loading import import_string

from apps.core import loop
from apps.core.registry import Registry
from apps.markets.exchanges.base import ExchangeAdapter

EXCHANGES: Final = Registry(
    "exchange",
    ExchangeAdapter,
    {
        "binance": "apps.markets.exchanges.binance.Binance",
        "binanceusdm": "apps.markets.exchanges.binanceusdm.BinanceUsdm",
        "bybit": "apps.markets.exchanges.bybit.Bybit",
        "okx": "apps.markets.exchanges.okx.Okx",
    },
)
GENERIC: Final = Registry("exchange", ExchangeAdapter, {"generic": "apps.markets.exchanges.generic.Generic"})

# By path, so that importing this table does not import ccxt.
_CLIENT: Final = "apps.markets.exchanges.client.CcxtClient"

_lock = threading.Lock()
_warm: dict[tuple[int, str, str], ExchangeAdapter] = {}


def adapter_class(exchange: str) -> type[ExchangeAdapter]:
    """The adapter's class: listed, else the generic one. Never imports ccxt."""
    return EXCHANGES.get(exchange) if exchange in EXCHANGES.names() else GENERIC.get("generic")


def adapter(exchange: str, *, gateway: str) -> ExchangeAdapter:
    """This process's one warm adapter of the exchange (behind that gateway, "" for none); imports ccxt.

    Raises OperatorError(code="unknown_exchange") for an id that ccxt does not know."""
    key = (os.getpid(), exchange, gateway)
    with _lock:
        if key not in _warm:
            cls = adapter_class(exchange)
            client = import_string(_CLIENT)(exchange, options=cls.capabilities.options, gateway=gateway)
            _warm[key] = cls(client)
            loop.at_exit(client.close)
        return _warm[key]


def adapters_forget() -> list[ExchangeAdapter]:
    """Take all warm adapters out, to be closed by the caller (tests, a worker's end)."""
    with _lock:
        gone = list(_warm.values())
        _warm.clear()
        return gone
