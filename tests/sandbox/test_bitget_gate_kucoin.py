"""Bitget, Gate and KuCoin as the world lists them: their adapters read exactly what it shows."""

import time
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from apps.markets.enums import MarketType, SnapshotKind
from sandbox.market.world import World
from tests.markets.adapters import adapter_of
from tests.sandbox.conftest import ask, http
from tests.sandbox.played import SPOT, SWAP, WORLD, asked, board_of, within_a_tick
from tests.sandbox_process import Sandbox

pytestmark = pytest.mark.usefixtures("closing")

KINDS = [
    ("bitget", SPOT),
    ("bitget", SWAP),
    ("gate", SPOT),
    ("gate", SWAP),
    ("kucoin", SPOT),
    ("kucoinfutures", SWAP),
]
SWAPS = [name for name, kind in KINDS if kind is SWAP]


@pytest.mark.parametrize("name", ["bitget", "gate", "kucoin", "kucoinfutures"])
def test_markets_are_what_the_world_lists(outside: Sandbox, name: str) -> None:
    specs = {spec.symbol: spec for spec in asked(adapter_of(name, outside.url).markets())}
    listings = {each.symbol: each for each in WORLD.listings() if each.venue == name}
    assert specs.keys() == listings.keys()
    for symbol, listing in listings.items():
        spec = specs[symbol]
        assert spec.type is (MarketType.SWAP if listing.is_swap else MarketType.SPOT)
        assert spec.active is listing.place.active
        assert float(spec.contract_size) == pytest.approx(listing.contract_size)
        assert spec.amount_step is not None
        assert float(spec.amount_step) == pytest.approx(listing.step)
        assert spec.price_step is not None
        assert float(spec.price_step) == pytest.approx(10**-listing.price_dp)
        assert (spec.max_leverage is not None) is (listing.is_swap or name == "gate")
    fees = {(spec.type, spec.taker_fee and float(spec.taker_fee)) for spec in specs.values()}
    told = {
        "bitget": {(MarketType.SPOT, 0.002), (MarketType.SWAP, 0.0006)},
        "gate": {(MarketType.SPOT, 0.002), (MarketType.SWAP, 0.0005)},
        "kucoin": {(MarketType.SPOT, 0.001)},
        "kucoinfutures": {(MarketType.SWAP, 0.0006)},
    }
    assert fees == told[name]


@pytest.mark.parametrize(("name", "kind"), KINDS)
def test_quotes_are_what_the_world_shows(outside: Sandbox, name: str, kind: SnapshotKind) -> None:
    adapter, board = adapter_of(name, outside.url), board_of(name, kind)
    asked(adapter.quotes(kind, markets_from=0))
    reply, at = within_a_tick(lambda: asked(adapter.quotes(kind, markets_from=0)))
    columns, quotes = reply.value, board.quotes(at)
    order = [columns.symbols.index(each.symbol) for each in board.listings]
    assert len(columns.symbols) == len(order)
    contract = np.array([each.contract_size for each in board.listings])
    assert columns.bid[order] == pytest.approx(quotes.bid)
    assert columns.ask[order] == pytest.approx(quotes.ask)
    assert columns.last[order] == pytest.approx(quotes.last)
    assert columns.quote_volume[order] == pytest.approx(quotes.turnover, rel=1e-6)
    if adapter.able.quotes[kind].has_sizes:
        assert columns.bid_size[order] * contract == pytest.approx(quotes.bid_size)
        assert columns.ask_size[order] * contract == pytest.approx(quotes.ask_size)
    else:
        assert (name, kind) == ("gate", SPOT)
        assert np.isnan(columns.bid_size).all()
    if name == "bitget":
        assert (columns.row_ts[order] == quotes.ts).all()
    else:
        # Gate tells no time, KuCoin one for all rows.
        assert set(columns.row_ts.tolist()) == {0 if name == "gate" else int(at * 1000)}


@pytest.mark.parametrize("name", SWAPS)
def test_funding_is_what_the_world_shows(outside: Sandbox, name: str) -> None:
    adapter, board = adapter_of(name, outside.url), board_of(name, SWAP)
    asked(adapter.funding(markets_from=0))
    reply, at = within_a_tick(lambda: asked(adapter.funding(markets_from=0)))
    columns, funding = reply.value, board.funding(at)
    order = [columns.symbols.index(each.symbol) for each in board.listings]
    assert len(columns.symbols) == len(order)
    assert columns.rate[order] == pytest.approx(funding.rate, abs=1e-6)
    assert columns.interval_hours[order].tolist() == funding.interval_h.tolist()
    assert columns.next_funding_at[order].tolist() == funding.next_ms.tolist()


@pytest.mark.parametrize("name", SWAPS)
def test_settled_fundings_are_as_far_apart_as_the_interval_says(outside: Sandbox, name: str) -> None:
    async def question(client: Any) -> list[dict[str, Any]]:
        await client.load_markets()
        return list(await client.fetch_funding_rate_history("BTC/USDT:USDT", limit=4))

    rows = ask(outside.url, name, question)
    moments = [row["timestamp"] for row in rows]
    interval = next(each for each in board_of(name, SWAP).listings if each.base == "BTC").place.interval_h
    assert [later - earlier for earlier, later in pairwise(moments)] == [interval * 3_600_000] * 3
    assert all(0 < abs(row["fundingRate"]) < 0.01 for row in rows)


@pytest.mark.parametrize("name", ["bitget", "gate", "kucoin", "kucoinfutures"])
def test_the_clock(outside: Sandbox, name: str) -> None:
    async def question(client: Any) -> tuple[int, str]:
        status = (await client.fetch_status())["status"] if client.has["fetchStatus"] is True else "ok"
        return await client.fetch_time(), status

    moment, status = ask(outside.url, name, question)
    assert abs(moment - time.time() * 1000) < 60_000
    assert status == "ok"


def test_gate_tells_sizes_of_one_spot_market_only(outside: Sandbox) -> None:
    address = f"{outside.url}/https://api.gateio.ws/api/v4/spot/tickers"
    (one,) = http(f"{address}?currency_pair=BTC_USDT").json
    assert float(one["lowest_size"]) > 0
    assert all("lowest_size" not in each for each in http(address).json)


def test_kucoins_other_calls_agree_with_the_ones_that_are_read(outside: Sandbox) -> None:
    async def question(client: Any) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        await client.load_markets()
        while True:
            at = World.tick(time.time())
            touch = await client.fetch_bids_asks()
            day = await client.fetch_tickers()
            unified = await client.fetch_tickers(None, {"tradeType": "FUTURES"})
            if World.tick(time.time()) == at:
                return touch, day, unified

    touch, day, unified = ask(outside.url, "kucoinfutures", question)
    assert touch.keys() == day.keys() == unified.keys()
    for symbol, ticker in unified.items():
        assert [ticker[field] for field in ("bid", "ask", "bidVolume", "askVolume")] == [
            touch[symbol][field] for field in ("bid", "ask", "bidVolume", "askVolume")
        ]
        assert ticker["quoteVolume"] == pytest.approx(day[symbol]["quoteVolume"])
        assert ticker["markPrice"] == pytest.approx(day[symbol]["markPrice"])


def test_kucoins_unified_tickers_have_spot_too(outside: Sandbox) -> None:
    async def question(client: Any) -> dict[str, Any]:
        await client.load_markets()
        return dict(await client.fetch_tickers(None, {"tradeType": "SPOT"}))

    tickers = ask(outside.url, "kucoin", question)
    assert tickers.keys() == {each.symbol for each in board_of("kucoin", SPOT).listings}
    assert tickers["BTC/USDT"]["bid"] < tickers["BTC/USDT"]["ask"]


@pytest.mark.parametrize("name", ["bitget", "gate"])
def test_one_perpetual_can_be_asked_for(outside: Sandbox, name: str) -> None:
    async def question(client: Any) -> dict[str, Any]:
        await client.load_markets()
        return dict(await client.fetch_ticker("ETH/USDT:USDT"))

    ticker = ask(outside.url, name, question)
    assert ticker["symbol"] == "ETH/USDT:USDT"
    assert ticker["low"] < ticker["last"] < ticker["high"]
