"""The table of readers, by exchange."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from apps.core.registry import Registry

if TYPE_CHECKING:
    from apps.portfolio.key_rights.base import RightsReader

READERS: Final[Registry[RightsReader]] = Registry(
    "reader of key rights",
    "apps.portfolio.key_rights.base.RightsReader",
    {
        "binance": "apps.portfolio.key_rights.binance.Binance",
        "bingx": "apps.portfolio.key_rights.bingx.Bingx",
        "bitget": "apps.portfolio.key_rights.balance.Bitget",
        "bybit": "apps.portfolio.key_rights.bybit.Bybit",
        "coinbase": "apps.portfolio.key_rights.coinbase.Coinbase",
        "gate": "apps.portfolio.key_rights.balance.Gate",
        "htx": "apps.portfolio.key_rights.htx.Htx",
        "kraken": "apps.portfolio.key_rights.kraken.Kraken",
        "krakenfutures": "apps.portfolio.key_rights.balance.KrakenFutures",
        "kucoin": "apps.portfolio.key_rights.kucoin.Kucoin",
        "mexc": "apps.portfolio.key_rights.balance.Mexc",
        "okx": "apps.portfolio.key_rights.okx.Okx",
    },
)
