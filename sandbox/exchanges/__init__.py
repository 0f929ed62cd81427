"""Exchanges over the synthetic market, each in its own wire format."""

from collections.abc import Mapping

from sandbox.calls import Host
from sandbox.exchanges.binance import BinanceSpot
from sandbox.exchanges.binance_delivery import BinanceDelivery, BinanceOptions
from sandbox.exchanges.binance_usdm import BinanceUsdm
from sandbox.exchanges.bingx import Bingx
from sandbox.exchanges.bitget import Bitget
from sandbox.exchanges.bybit import Bybit
from sandbox.exchanges.coinbase import Coinbase
from sandbox.exchanges.gate import Gate
from sandbox.exchanges.htx import HtxContracts, HtxSpot
from sandbox.exchanges.hyperliquid import Hyperliquid
from sandbox.exchanges.kraken import Kraken
from sandbox.exchanges.kraken_futures import KrakenFutures
from sandbox.exchanges.kucoin import Kucoin, KucoinFutures
from sandbox.exchanges.mexc import Mexc
from sandbox.exchanges.okx import Okx
from sandbox.market.world import World


def exchange_hosts(world: World) -> Mapping[str, Host]:
    """The hosts that ccxt's classes of these exchanges call."""
    okx, htx_contracts = Okx(world), HtxContracts(world)
    return {
        "api.binance.com": BinanceSpot(world),
        "fapi.binance.com": BinanceUsdm(world),
        "dapi.binance.com": BinanceDelivery(world),
        "eapi.binance.com": BinanceOptions(),
        "open-api.bingx.com": Bingx(world),
        "api.bitget.com": Bitget(world),
        "api.bybit.com": Bybit(world),
        "api.gateio.ws": Gate(world),
        "api.kucoin.com": Kucoin(world),
        "api-futures.kucoin.com": KucoinFutures(world),
        "api.coinbase.com": Coinbase(world),
        "api.kraken.com": Kraken(world),
        "futures.kraken.com": KrakenFutures(world),
        "api.huobi.pro": HtxSpot(world),
        "api.hbdm.com": htx_contracts,
        "api.hbdm.vn": htx_contracts,
        "api.hyperliquid.xyz": Hyperliquid(world),
        "api.mexc.com": Mexc(world),
        "www.okx.com": okx,
        "okx.com": okx,
    }
