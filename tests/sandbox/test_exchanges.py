"""The exchanges' wire formats, read by the real client."""

import asyncio
import time
from itertools import pairwise
from typing import Any

import orjson
import pytest

from sandbox.market.world import TICK_S, World
from tests.sandbox.conftest import ask, gated, http
from tests.sandbox_process import Sandbox, sandbox_run

EXCHANGES = ("binance", "binanceusdm", "bybit", "okx")
SPOT = {"binance": {}, "bybit": {"type": "spot"}, "okx": {"type": "spot"}}
SWAP = {"binanceusdm": {}, "bybit": {"type": "swap"}, "okx": {"type": "swap"}}


@pytest.mark.parametrize("name", EXCHANGES)
def test_time_and_status(outside: Sandbox, name: str) -> None:
    async def question(client: Any) -> tuple[int, str]:
        return await client.fetch_time(), (await client.fetch_status())["status"]

    moment, status = ask(outside.url, name, question)
    assert abs(moment - time.time() * 1000) < 60_000
    assert status == "ok"


def test_markets_carry_what_the_world_lists(markets: dict[str, dict[str, Any]]) -> None:
    world = World(7)
    for name, found in markets.items():
        listed = {each.symbol: each for each in world.listings() if each.venue in (name, f"{name}usdm", f"{name}coinm")}
        assert found.keys() == listed.keys()
        for symbol, market in found.items():
            listing = listed[symbol]
            assert market["type"] == ("swap" if listing.is_swap else "spot")
            assert market["active"] is listing.place.active
            assert market["taker"] is not None
            assert market["precision"]["price"] == pytest.approx(10**-listing.price_dp)
            assert market["precision"]["amount"] == pytest.approx(10**-listing.step_dp)
            if listing.is_swap:
                assert market["inverse" if listing.is_inverse else "linear"]
                assert market["contractSize"] == pytest.approx(listing.contract_size)


def test_one_asset_goes_by_different_names_and_sizes(markets: dict[str, dict[str, Any]]) -> None:
    assert "1000PEPE/USDT:USDT" in markets["binanceusdm"]
    assert "1000PEPE/USDT:USDT" in markets["bybit"]
    assert markets["okx"]["PEPE/USDT:USDT"]["contractSize"] == 10_000_000
    assert "SHIB1000/USDT:USDT" in markets["bybit"]
    assert "1000SHIB/USDT:USDT" in markets["binanceusdm"]
    assert markets["okx"]["BTC/USDT:USDT"]["contractSize"] == 0.01


@pytest.mark.parametrize(("name", "parameters"), [*SPOT.items(), *SWAP.items()])
def test_tickers_of_everything_agree_with_the_books(outside: Sandbox, name: str, parameters: dict[str, str]) -> None:
    world = World(7)
    is_swap = parameters.get("type") == "swap" or name == "binanceusdm"
    board = world.board(name, is_swap=is_swap)

    async def question(client: Any) -> tuple[dict[str, Any], dict[str, Any], float, float]:
        await client.load_markets()
        symbol = "ETH/USDT:USDT" if is_swap else "ETH/USDT"
        while True:
            before = World.tick(time.time())
            read = client.fetch_bids_asks if client.id.startswith("binance") else client.fetch_tickers
            tickers, book = await asyncio.gather(read(None, parameters), client.fetch_order_book(symbol))
            if World.tick(time.time()) == before:
                return tickers, book, before, client.markets[symbol]["contractSize"] or 1

    tickers, book, at, contract_size = ask(outside.url, name, question)
    assert tickers.keys() == {each.symbol for each in board.listings}
    quotes = board.quotes(at)
    number = next(n for n, each in enumerate(board.listings) if each.symbol == book["symbol"])
    ticker = tickers[book["symbol"]]
    assert [ticker["bid"], ticker["bidVolume"]] == book["bids"][0][:2]
    assert [ticker["ask"], ticker["askVolume"]] == book["asks"][0][:2]
    assert ticker["bid"] == pytest.approx(quotes.bid[number])
    assert ticker["askVolume"] * contract_size == pytest.approx(quotes.ask_size[number])
    bids, asks = [level[0] for level in book["bids"]], [level[0] for level in book["asks"]]
    assert bids == sorted(bids, reverse=True)
    assert asks == sorted(asks)
    assert bids[0] < asks[0]


@pytest.mark.parametrize(("name", "parameters"), [*SPOT.items(), *SWAP.items()])
def test_tickers_carry_the_day(outside: Sandbox, name: str, parameters: dict[str, str]) -> None:
    board = World(7).board(name, is_swap=parameters.get("type") == "swap" or name == "binanceusdm")
    symbol = next(each.symbol for each in board.listings if each.asset.name == "SOL")

    async def question(client: Any) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        await client.load_markets()
        everything = await client.fetch_tickers(None, parameters)
        some = await client.fetch_tickers([symbol])
        return everything, some, await client.fetch_ticker(symbol)

    everything, some, one = ask(outside.url, name, question)
    assert len(everything) == len(board.listings)
    assert list(some) == [symbol]
    for ticker in (everything[symbol], some[symbol], one):
        assert ticker["low"] < ticker["last"] < ticker["high"]
        assert ticker["baseVolume"] > 0
        # Only fapi's day ticker is without a bid; bybit's tickers are without a time of their own.
        assert (ticker["bid"] is None) is (name == "binanceusdm")
        assert (ticker["timestamp"] is None) is (name == "bybit")


def test_last_and_mark_prices(outside: Sandbox) -> None:
    async def last(client: Any) -> dict[str, Any]:
        await client.load_markets()
        return dict(await client.fetch_last_prices())

    async def marks(client: Any) -> dict[str, Any]:
        await client.load_markets()
        return dict(await client.fetch_mark_prices())

    assert ask(outside.url, "binance", last)["BTC/USDT"]["price"] > 0
    assert ask(outside.url, "binanceusdm", last)["BTC/USDT:USDT"]["price"] > 0
    for name in ("binanceusdm", "okx"):
        assert ask(outside.url, name, marks)["BTC/USDT:USDT"]["markPrice"] > 0


@pytest.mark.parametrize(("name", "parameters"), SWAP.items())
def test_funding_rates_with_their_intervals(outside: Sandbox, name: str, parameters: dict[str, str]) -> None:
    board = World(7).board(name, is_swap=True)

    async def question(client: Any) -> tuple[dict[str, Any], dict[str, Any], float]:
        await client.load_markets()
        at = World.tick(time.time())
        rates = await client.fetch_funding_rates(
            None, {key: value for key, value in parameters.items() if key != "type"}
        )
        adjusted = await client.fetch_funding_intervals() if client.has["fetchFundingIntervals"] is True else {}
        return rates, adjusted, at

    rates, adjusted, at = ask(outside.url, name, question)
    funding = board.funding(at)
    assert rates.keys() == {each.symbol for each in board.listings}
    for number, listing in enumerate(board.listings):
        rate = rates[listing.symbol]
        assert rate["fundingRate"] == pytest.approx(funding.rate[number], abs=1e-6)
        assert rate["fundingTimestamp"] % (listing.place.interval_h * 3_600_000) == 0
        told = (
            (adjusted.get(listing.symbol) or {"interval": "8h"})["interval"]
            if name == "binanceusdm"
            else rate["interval"]
        )
        assert told == (f"{listing.place.interval_h}h" if listing.interval_known else None)


@pytest.mark.parametrize(("name", "parameters"), SWAP.items())
def test_settled_fundings_tell_the_interval_by_their_spacing(
    outside: Sandbox, name: str, parameters: dict[str, str]
) -> None:
    board = World(7).board(name, is_swap=True)
    known = next(each for each in board.listings if each.place.interval_h != 8 or each.asset.name == "BTC")

    async def question(client: Any) -> list[dict[str, Any]]:
        await client.load_markets()
        return list(await client.fetch_funding_rate_history(known.symbol, limit=4))

    moments = [row["timestamp"] for row in ask(outside.url, name, question)]
    assert [later - earlier for earlier, later in pairwise(moments)] == [known.place.interval_h * 3_600_000] * 3


def test_markets_of_unknown_interval_have_too_short_a_history_to_tell_it() -> None:
    for name in ("bybit", "okx"):
        board = World(7).board(name, is_swap=True)
        unknown = [number for number, each in enumerate(board.listings) if not each.interval_known]
        assert unknown
        assert [len(board.settled(number, time.time(), 100)) for number in unknown] == [1] * len(unknown)


def test_binances_plain_class_loads_with_its_default_types(outside: Sandbox) -> None:
    async def question(client: Any) -> set[str]:
        return {market["type"] for market in (await client.load_markets()).values()}

    assert ask(outside.url, "binance", question) == {"spot", "swap"}


def test_one_instrument_can_be_asked_for(outside: Sandbox) -> None:
    bybit = http(f"{outside.url}/https://api.bybit.com/v5/market/instruments-info?category=linear&symbol=BTCUSDT").json
    okx = http(f"{outside.url}/https://www.okx.com/api/v5/public/funding-rate?instId=BTC-USDT-SWAP").json
    full = http(f"{outside.url}/https://www.okx.com/api/v5/market/books-full?instId=BTC-USDT-SWAP&sz=300").json
    assert [each["symbol"] for each in bybit["result"]["list"]] == ["BTCUSDT"]
    assert [each["instId"] for each in okx["data"]] == ["BTC-USDT-SWAP"]
    assert len(full["data"][0]["bids"]) == 300


@pytest.mark.parametrize("path", ["https://api.binance.com/nope", "https://api.bybit.com/v5/nope"])
def test_unknown_paths_are_bare_404s(outside: Sandbox, path: str) -> None:
    assert http(f"{outside.url}/{path}").status == 404


def test_a_host_outside_this_world_is_a_404_that_says_so(outside: Sandbox) -> None:
    reply = http(f"{outside.url}/https://api.bitfinex.com/v2/tickers")
    assert reply.status == 404
    assert "api.bitfinex.com" in reply.json["sandbox"]


def test_two_processes_and_any_seed_alone_decide_the_market(outside: Sandbox) -> None:
    address = "https://api.bybit.com/v5/market/orderbook?category=linear&symbol=BTCUSDT&limit=5"
    with sandbox_run() as other, sandbox_run("--seed", "8") as different:
        while True:
            before = World.tick(time.time())
            books = [http(f"{each.url}/{address}").json["result"] for each in (outside, other, different)]
            if World.tick(time.time()) == before:
                break
    assert books[0] == books[1]
    assert books[0]["b"] != books[2]["b"]


def test_prices_move_and_stand_still_within_a_tick() -> None:
    board = World(7).board("okx", is_swap=False)
    now = 1_795_348_800.0
    assert World.tick(now + TICK_S * 0.9) == now
    assert (board.quotes(now).last != board.quotes(now + 60).last).sum() > 40
    ratio = board.quotes(now + 5).mid / board.quotes(now).mid
    # Within the skew that two feeds may have, far less than the least edge.
    assert abs(ratio - 1).max() < 2e-4


def test_a_world_for_load_has_the_size_asked_for() -> None:
    world = World(7, symbols=2_000)
    assert all(
        len(world.board(name, is_swap=is_swap).listings) > 1_950
        for name, is_swap in (("binance", False), ("okx", False), ("binanceusdm", True), ("bybit", True))
    )


def test_more_than_a_page_of_perpetuals_is_paged(outside: Sandbox) -> None:
    with sandbox_run("--symbols", "1500") as large:
        first = http(f"{large.url}/https://api.bybit.com/v5/market/instruments-info?category=linear&limit=1000").json
        cursor = first["result"]["nextPageCursor"]
        assert cursor

        async def question(client: Any) -> int:
            return len([each for each in (await client.load_markets()).values() if each["swap"]])

        assert ask(large.url, "bybit", question) == len(
            [each for each in World(7, 1500).board("bybit", is_swap=True).listings if each.place.active]
        )


def test_gating_leaves_no_address_out() -> None:
    assert gated("http://g", {"a": "https://x", "b": {"c": "https://y"}}) == {
        "a": "http://g/https://x",
        "b": {"c": "http://g/https://y"},
    }


def test_answers_of_bulk_endpoints_are_built_once_a_tick(outside: Sandbox) -> None:
    address = f"{outside.url}/https://api.bybit.com/v5/market/tickers?category=spot"
    while True:
        before = World.tick(time.time())
        # The body carries the millisecond at which it was built.
        bodies = [http(address).body for _ in range(3)]
        if World.tick(time.time()) == before:
            break
    assert len(set(bodies)) == 1
    assert orjson.loads(bodies[0])["retCode"] == 0
