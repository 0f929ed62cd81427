"""Exchanges over the synthetic market, each in its own wire format."""

from collections.abc import Mapping

from sandbox.calls import Host
from sandbox.exchanges.binance import BinanceSpot
from sandbox.exchanges.binance_delivery import BinanceDelivery, BinanceOptions
from sandbox.exchanges.binance_usdm import BinanceUsdm
from sandbox.exchanges.bybit import Bybit
from sandbox.exchanges.okx import Okx
from sandbox.market.world import World


def exchange_hosts(world: World) -> Mapping[str, Host]:
    """The hosts that ccxt's binance, binanceusdm, bybit and okx classes call."""
    okx = Okx(world)
    return {
        "api.binance.com": BinanceSpot(world),
        "fapi.binance.com": BinanceUsdm(world),
        "dapi.binance.com": BinanceDelivery(),
        "eapi.binance.com": BinanceOptions(),
        "api.bybit.com": Bybit(world),
        "www.okx.com": okx,
        "okx.com": okx,
    }
