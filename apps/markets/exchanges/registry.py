"""The table of exchanges, and the warm adapters of this process."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Final

from django.utils.module_loading import import_string

from apps.core import loop
from apps.core.registry import Registry
from apps.markets.exchanges.credentials import Credentials

if TYPE_CHECKING:
    from apps.markets.exchanges.base import ExchangeAdapter
    from apps.markets.exchanges.client import CcxtClient

_BASE: Final = "apps.markets.exchanges.base.ExchangeAdapter"

EXCHANGES: Final[Registry[ExchangeAdapter]] = Registry(
    "exchange",
    _BASE,
    {
        "binance": "apps.markets.exchanges.binance.Binance",
        "binancecoinm": "apps.markets.exchanges.binancecoinm.BinanceCoinm",
        "binanceusdm": "apps.markets.exchanges.binanceusdm.BinanceUsdm",
        "bingx": "apps.markets.exchanges.bingx.Bingx",
        "bitget": "apps.markets.exchanges.bitget.Bitget",
        "bybit": "apps.markets.exchanges.bybit.Bybit",
        "coinbase": "apps.markets.exchanges.coinbase.Coinbase",
        "gate": "apps.markets.exchanges.gate.Gate",
        "htx": "apps.markets.exchanges.htx.Htx",
        "hyperliquid": "apps.markets.exchanges.hyperliquid.Hyperliquid",
        "kraken": "apps.markets.exchanges.kraken.Kraken",
        "krakenfutures": "apps.markets.exchanges.krakenfutures.KrakenFutures",
        "kucoin": "apps.markets.exchanges.kucoin.Kucoin",
        "kucoinfutures": "apps.markets.exchanges.kucoinfutures.KucoinFutures",
        "mexc": "apps.markets.exchanges.mexc.Mexc",
        "okx": "apps.markets.exchanges.okx.Okx",
    },
)
GENERIC: Final[Registry[ExchangeAdapter]] = Registry(
    "exchange", _BASE, {"generic": "apps.markets.exchanges.generic.Generic"}
)

# By path, so that importing this table does not import ccxt.
_CLIENT: Final = "apps.markets.exchanges.client.CcxtClient"

_lock = threading.Lock()
# By process, exchange, gateway and fingerprint of the key ("": without one).
_warm: dict[tuple[int, str, str, str], ExchangeAdapter] = {}


def adapter_class(exchange: str) -> type[ExchangeAdapter]:
    """The adapter's class: listed, else the generic one. Never imports ccxt."""
    return EXCHANGES.get(exchange) if exchange in EXCHANGES.names() else GENERIC.get("generic")


def adapter(exchange: str, *, gateway: str) -> ExchangeAdapter:
    """This process's one warm adapter of the exchange (behind that gateway, "" for none); imports ccxt.

    Raises OperatorError(code="unknown_exchange") for an id that ccxt does not know."""
    with _lock:
        return _warm_one(exchange, gateway, None)


def signed_adapter(exchange: str, *, gateway: str, key: Credentials) -> ExchangeAdapter:
    """The same for calls that need a key. It has connections of its own and the other one's markets, so that trouble
    with the key stays with those calls."""
    with _lock:
        return _warm_one(exchange, gateway, key)


def single_use_client(exchange: str, *, gateway: str, key: Credentials) -> CcxtClient:
    """A client of its own for one errand with somebody's key; the caller closes it. It is never among the warm ones,
    lends nothing and borrows nothing; imports ccxt."""
    able = adapter_class(exchange).capabilities
    made: CcxtClient = import_string(_CLIENT)(
        exchange, options=able.options, gateway=gateway, limit=able.limit, urls=able.urls, key=key.fields
    )
    return made


def _warm_one(exchange: str, gateway: str, key: Credentials | None) -> ExchangeAdapter:
    place = (os.getpid(), exchange, gateway, key.fingerprint if key else "")
    if place not in _warm:
        cls = adapter_class(exchange)
        able = cls.capabilities
        client = import_string(_CLIENT)(
            exchange,
            options=able.options,
            gateway=gateway,
            limit=able.limit,
            endpoints=able.endpoints,
            urls=able.urls,
            currencies_first=able.currencies_first,
            key=key.fields if key else None,
            lender=_warm_one(exchange, gateway, None).client if key else None,
        )
        _warm[place] = cls(client)
        loop.at_exit(client.close)
    return _warm[place]


def adapters_forget() -> list[ExchangeAdapter]:
    """Take all warm adapters out, to be closed by the caller (tests, a worker's end)."""
    with _lock:
        gone = list(_warm.values())
        _warm.clear()
        return gone
