"""Rows that would be believed if nobody looked: an answer to another question, intervals that nobody told, moments
without a zone."""

import json
from typing import Any

import numpy as np
import pytest

from apps.core import loop
from apps.markets.enums import SnapshotKind
from apps.markets.exceptions import UnreadableAnswer
from apps.markets.exchanges import parse, registry
from apps.markets.exchanges.base import ExchangeAdapter
from apps.markets.exchanges.binanceusdm import BinanceUsdm
from apps.markets.exchanges.krakenfutures import KrakenFutures
from apps.markets.exchanges.typed import LATEST_MS, Listed, milliseconds
from tests.markets.wire import BYBIT, Wire, bybit, bybit_perpetual, bybit_ticker

TICKERS = f"{BYBIT}/market/tickers"


@pytest.fixture
def bybit_perpetuals(wire: Wire) -> tuple[Wire, ExchangeAdapter]:
    """Bybit with three perpetuals, one of which says nonsense where its interval should be."""
    wire.say(f"{BYBIT}/market/instruments-info?category=spot", bybit())
    rows = [bybit_perpetual("BTC"), bybit_perpetual("ETH", fundingInterval="garbage"), bybit_perpetual("SOL")]
    wire.say(f"{BYBIT}/market/instruments-info", bybit(*rows))
    wire.say(TICKERS, bybit(*(bybit_ticker(base) for base in ("BTC", "ETH", "SOL"))))
    return wire, registry.adapter("bybit", gateway=wire.url)


def test_a_market_without_a_readable_interval_costs_no_other_its_rate(
    bybit_perpetuals: tuple[Wire, ExchangeAdapter],
) -> None:
    columns = loop.run(bybit_perpetuals[1].funding(markets_from=0), timeout=10).value
    hours = dict(zip(columns.symbols, columns.interval_hours.tolist(), strict=True))
    assert np.isnan(hours.pop("ETH/USDT:USDT"))
    assert hours == {"BTC/USDT:USDT": 8.0, "SOL/USDT:USDT": 8.0}


def test_prices_of_spot_markets_are_none_of_perpetuals(bybit_perpetuals: tuple[Wire, ExchangeAdapter]) -> None:
    wire, adapter = bybit_perpetuals
    assert len(loop.run(adapter.quotes(SnapshotKind.SWAP, markets_from=0), timeout=10).value.symbols) == 3
    spot = bybit(*(bybit_ticker(base) for base in ("BTC", "ETH", "SOL")))
    spot["result"]["category"] = "spot"
    wire.say(TICKERS, spot)
    for question in (adapter.quotes(SnapshotKind.SWAP, markets_from=0), adapter.funding(markets_from=0)):
        with pytest.raises(UnreadableAnswer):
            loop.run(question, timeout=10)


def usdm_columns(infos: list[dict[str, Any]]) -> Any:
    funding = BinanceUsdm.capabilities.funding
    assert funding is not None
    assert funding.typed is not None
    told, premiums = (ask.rows for ask in funding.typed.asks)
    rates = [{"symbol": f"{base}USDT", "lastFundingRate": "0.0001"} for base in ("BTC", "ETH", "SOL")]
    listed = Listed({f"{base}USDT": f"{base}/USDT:USDT" for base in ("BTC", "ETH", "SOL")}, {})
    return funding.typed.columns(listed, told.read(json.dumps(infos)).rows, premiums.read(json.dumps(rates)).rows)


def test_an_interval_of_its_own_that_cant_be_read_is_not_the_usual_one() -> None:
    infos: list[dict[str, Any]] = [
        {"symbol": "BTCUSDT", "fundingIntervalHours": 4},
        {"symbol": "ETHUSDT", "fundingIntervalHours": "garbage"},
        {"symbol": "XRPUSDT", "fundingIntervalHours": -4},
    ]
    np.testing.assert_array_equal(usdm_columns(infos).interval_hours, [4.0, np.inf, np.nan])


def test_no_interval_at_all_is_not_the_usual_one_for_all() -> None:
    with pytest.raises(ValueError, match="no symbol has a funding interval"):
        usdm_columns([])


@pytest.mark.parametrize("told", ["2023-11-14T22:13:20", "0001-01-01T00:00:00", "garbage", 17, None])
def test_a_moment_that_is_none_costs_no_row(told: Any) -> None:
    typed = KrakenFutures.capabilities.quotes[SnapshotKind.SWAP].typed
    assert typed is not None
    rows = [
        {"symbol": "PF_XBTUSD", "bid": 99, "ask": 101, "lastTime": "2023-11-14T22:13:20Z"},
        {"symbol": "PF_ETHUSD", "bid": 9, "ask": 11, "lastTime": told},
    ]
    listed = Listed({"PF_XBTUSD": "BTC/USD:USD", "PF_ETHUSD": "ETH/USD:USD"}, {})
    read = typed.asks[0].rows.read(json.dumps({"result": "success", "tickers": rows})).rows
    call = KrakenFutures.capabilities.quotes[SnapshotKind.SWAP]
    columns = typed.columns(listed, read, row_time=call.row_time, has_sizes=True)
    assert columns.bid.tolist() == [99, 9]
    assert columns.row_ts.tolist()[0] == 1_700_000_000_000
    assert columns.row_ts.tolist()[1] in (0, 17_000)


def test_a_moment_beyond_all_times_is_no_missing_one() -> None:
    told = np.array([-1.0, 0.0, np.nan, 1_700_000_000_000.0, 253_402_300_799_000.0, np.inf])
    assert milliseconds(told).tolist() == [0, 0, 0, 1_700_000_000_000, LATEST_MS, LATEST_MS]
    rows = [{"timestamp": moment, "fundingRate": 0.1} for moment in (253_402_300_799_000, 1_700_000_000_000, None)]
    assert parse.settled_columns(rows).settled_at.tolist() == [1_700_000_000_000]
