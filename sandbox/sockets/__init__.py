"""Websocket feeds of exchanges over the synthetic market, each in its exchange's own protocol."""

from collections.abc import Mapping

from sandbox.market.world import World
from sandbox.sockets.base import SocketHost
from sandbox.sockets.binance import BinanceSpotSocket, BinanceUsdmSocket
from sandbox.sockets.bybit import BybitSocket
from sandbox.sockets.okx import OkxSocket


def socket_hosts(world: World) -> Mapping[str, SocketHost]:
    """The websocket hosts that ccxt's binance, binanceusdm, bybit and okx classes call."""
    return {
        "stream.binance.com:9443": BinanceSpotSocket(world),
        "fstream.binance.com": BinanceUsdmSocket(world),
        "stream.bybit.com": BybitSocket(world),
        "ws.okx.com": OkxSocket(world),
    }
