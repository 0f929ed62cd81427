"""Bars in the exchanges' wire formats, read by the real client: the market's own past, the same to whoever asks."""

import time
from typing import Any

import numpy as np
import pytest

from sandbox.market.world import World
from tests.sandbox.conftest import ask
from tests.sandbox_process import Sandbox

SPOT = ("binance", "bingx", "bitget", "bybit", "gate", "htx", "kucoin", "mexc", "okx")
SWAP = ("binanceusdm", "bingx", "bitget", "bybit", "gate", "htx", "kucoinfutures", "mexc", "okx")
# Perpetuals' volumes are in contracts here.
COUNTED = ("gate", "kucoinfutures", "mexc")
STEPS = {"1m": 60, "5m": 300, "15m": 900, "1h": 3_600, "2h": 7_200, "4h": 14_400}


def read(outside: Sandbox, name: str, symbol: str, timeframe: str, count: int = 50) -> list[list[float]]:
    async def question(client: Any) -> list[list[float]]:
        if name == "htx":
            # As our adapter sets it: no coin-margined contracts, and the others at their documented host.
            client.options["fetchMarkets"]["types"] = {"spot": True, "linear": True, "inverse": False}
            client.urls["hostnames"]["contract"] = "api.hbdm.com"
        await client.load_markets()
        rows = await client.fetch_ohlcv(symbol, timeframe, None, count)
        assert isinstance(rows, list)
        return rows

    found = ask(outside.url, name, question)
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        *((name, "ETH/USDT") for name in SPOT),
        *((name, "ETH/USDT:USDT") for name in SWAP),
        ("binancecoinm", "ETH/USD:ETH"),
        ("coinbase", "ETH/USD"),
        ("hyperliquid", "ETH/USDC:USDC"),
        ("kraken", "ETH/USD"),
        ("krakenfutures", "ETH/USD:USD"),
    ],
)
@pytest.mark.parametrize("timeframe", ["1m", "1h", "4h"])
def test_bars_are_those_of_the_world(outside: Sandbox, name: str, symbol: str, timeframe: str) -> None:
    if (name, timeframe) == ("coinbase", "4h"):
        timeframe = "2h"
    board = World(7).board(name, is_swap=":" in symbol)
    number = next(n for n, each in enumerate(board.listings) if each.symbol == symbol)
    rows = np.array(read(outside, name, symbol, timeframe))
    step_ms = STEPS[timeframe] * 1000
    assert len(rows) == 50
    assert set(np.diff(rows[:, 0])) == {step_ms}
    assert 0 <= time.time() * 1000 - rows[-1, 0] < step_ms + 60_000
    # The last one goes on while we look.
    bars = board.klines(number, step_s=STEPS[timeframe], count=50, now=rows[-1, 0] / 1000 + STEPS[timeframe] - 1)
    told = [bars.open_ms, bars.open, bars.high, bars.low, bars.close]
    np.testing.assert_allclose(rows[:-1, :5], np.array(told).T[:-1], rtol=1e-12)
    # In base units on most exchanges, in whole contracts on some.
    unit = 1 if name not in COUNTED or ":" not in symbol else board.listings[number].contract_size
    np.testing.assert_allclose(rows[:-1, 5] * unit, bars.volume[:-1], rtol=0.02)


def test_bars_of_any_length_are_made_of_the_same_trades() -> None:
    board = World(7).board("binance", is_swap=False)
    now = 1_800_000_000.0 + 14_400
    minutes = board.klines(3, step_s=60, count=60, now=now - 0.5)
    hour = board.klines(3, step_s=3_600, count=1, now=now - 0.5)
    assert hour.open_ms[0] == minutes.open_ms[0]
    assert hour.open[0] == minutes.open[0]
    assert hour.close[0] == minutes.close[-1]
    assert hour.high[0] == minutes.high.max()
    assert hour.low[0] == minutes.low.min()
    assert hour.turnover[0] == pytest.approx(minutes.turnover.sum())


def test_bars_follow_the_quotes() -> None:
    world = World(7)
    board = world.board("okx", is_swap=True)
    for at in (1_800_000_000.0, 1_800_000_120.0, 1_801_000_020.0):
        quotes = board.quotes(at)
        for number in range(len(board.listings)):
            assert board.klines(number, step_s=60, count=1, now=at).open[0] == pytest.approx(quotes.last[number])


def test_an_open_bar_knows_nothing_of_what_comes() -> None:
    board = World(7).board("bybit", is_swap=False)
    begin = 1_800_000_000.0
    early = board.klines(1, step_s=300, count=1, now=begin + 20)
    late = board.klines(1, step_s=300, count=1, now=begin + 299)
    trades = [board.klines(1, step_s=60, count=1, now=begin + second).close[0] for second in (0, 15)]
    assert early.open_ms[0] == late.open_ms[0]
    assert early.close[0] == trades[1]
    assert early.high[0] == max(trades)
    assert early.volume[0] < late.volume[0]


@pytest.mark.parametrize("name", ["binance", "bybit", "okx"])
def test_what_is_not_listed_is_refused(outside: Sandbox, name: str) -> None:
    async def question(client: Any) -> str:
        await client.load_markets()
        client.markets["BTC/USDT"]["id"] = "NOBODY-KNOWS"
        try:
            await client.fetch_ohlcv("BTC/USDT", "1m")
        except Exception as error:  # noqa: BLE001  (which one is the question)
            return type(error).__name__
        return ""

    assert ask(outside.url, name, question) in ("BadSymbol", "BadRequest")
