"""Kraken, Kraken Futures, Coinbase and Binance COIN-M as the world lists them: their adapters read what it shows."""

import time
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from apps.core.exceptions import PermanentError
from apps.markets.enums import MarketType, SnapshotKind
from apps.markets.exchanges import registry
from apps.markets.exchanges.columns import RowTime
from apps.markets.exchanges.credentials import Credentials
from sandbox.calls import Call
from sandbox.exchanges.binance import key_refusal
from sandbox.exchanges.keys import KEYS
from sandbox.market.networks import networks_of
from tests.markets.adapters import adapter_of, unthrottled
from tests.sandbox.conftest import ask
from tests.sandbox.played import SPOT, SWAP, asked, board_of, within_a_tick
from tests.sandbox_process import Sandbox

pytestmark = pytest.mark.usefixtures("closing")

KINDS = [("kraken", SPOT), ("coinbase", SPOT), ("krakenfutures", SWAP), ("binancecoinm", SWAP)]
NAMES = [name for name, _ in KINDS]
HOUR_MS = 3_600_000


@pytest.mark.parametrize(("name", "kind"), KINDS)
def test_markets_are_what_the_world_lists(outside: Sandbox, name: str, kind: SnapshotKind) -> None:
    specs = {spec.symbol: spec for spec in asked(adapter_of(name, outside.url).markets())}
    listings = {each.symbol: each for each in board_of(name, kind).listings}
    # Kraken Futures lists two of its perpetuals a second time, as inverse ones.
    more = {"BTC/USD:BTC", "ETH/USD:ETH"} if name == "krakenfutures" else set()
    assert specs.keys() == listings.keys() | more
    for symbol, listing in listings.items():
        spec = specs[symbol]
        inverse = MarketType.INVERSE if listing.is_inverse else MarketType.SWAP
        assert spec.type is (inverse if listing.is_swap else MarketType.SPOT)
        assert spec.active is listing.place.active
        assert float(spec.contract_size) == pytest.approx(listing.contract_size)
        assert spec.amount_step is not None
        assert float(spec.amount_step) == pytest.approx(listing.contract_size * 10**-listing.step_dp)
        assert spec.price_step is not None
        assert float(spec.price_step) == pytest.approx(10**-listing.price_dp)
    fees = {spec.taker_fee and float(spec.taker_fee) for spec in specs.values()}
    told = {
        # One dollar for another is cheaper.
        "kraken": {0.004, 0.002},
        "coinbase": {0.012, 0.00001},
        "krakenfutures": {0.0005},
        "binancecoinm": {0.0005},
    }
    assert fees == told[name]
    if name == "krakenfutures":
        assert {spec.max_leverage for spec in specs.values()} == {50}


@pytest.mark.parametrize(("name", "kind"), KINDS)
def test_quotes_are_what_the_world_shows(outside: Sandbox, name: str, kind: SnapshotKind) -> None:
    adapter, board = adapter_of(name, outside.url), board_of(name, kind)
    asked(adapter.quotes(kind, markets_from=0))
    reply, at = within_a_tick(lambda: asked(adapter.quotes(kind, markets_from=0)))
    columns, quotes = reply.value, board.quotes(at)
    order = [columns.symbols.index(each.symbol) for each in board.listings]
    assert columns.bid[order] == pytest.approx(quotes.bid)
    assert columns.ask[order] == pytest.approx(quotes.ask)
    if name == "binancecoinm":
        contract = np.array([each.contract_size for each in board.listings])
        assert columns.bid_size[order] == pytest.approx(
            np.maximum(1, np.round(quotes.bid_size * quotes.bid / contract))
        )
        assert columns.ask_size[order] == pytest.approx(
            np.maximum(1, np.round(quotes.ask_size * quotes.ask / contract))
        )
    else:
        assert columns.bid_size[order] == pytest.approx(quotes.bid_size, rel=2e-3)
        assert columns.ask_size[order] == pytest.approx(quotes.ask_size, rel=2e-3)
    # Best bid and ask alone come without the day's figures.
    touch_only = name in ("coinbase", "binancecoinm")
    assert np.isnan(columns.quote_volume[order]).all() == touch_only
    if not touch_only:
        assert columns.quote_volume[order] == pytest.approx(quotes.turnover, rel=2e-3)
    if name == "kraken":
        assert not columns.row_ts.any()
    else:
        assert (columns.row_ts[order] == quotes.ts).all()
    assert columns.row_time is (RowTime.TRADE if name == "krakenfutures" else RowTime.QUOTE)


def test_kraken_futures_rates_are_fractions_of_notional_whatever_the_contract(outside: Sandbox) -> None:
    adapter, board = adapter_of("krakenfutures", outside.url), board_of("krakenfutures", SWAP)
    asked(adapter.funding(markets_from=0))
    reply, at = within_a_tick(lambda: asked(adapter.funding(markets_from=0)))
    columns, funding = reply.value, board.funding(at)
    rates = dict(zip(columns.symbols, columns.rate.tolist(), strict=True))
    for number, listing in enumerate(board.listings):
        assert rates[listing.symbol] == pytest.approx(funding.rate[number])
        if listing.base in ("BTC", "ETH"):
            # In coins per dollar and not dollars per coin: divided by the price it would be nothing.
            assert rates[f"{listing.base}/USD:{listing.base}"] == pytest.approx(funding.rate[number])
    # The exchange tells no interval and no time of payment; both are documented: every full hour.
    assert np.isnan(columns.interval_hours).all()
    assert adapter.constant_hours == 1.0
    assert set(columns.next_funding_at.tolist()) == {(int(at * 1000) // HOUR_MS + 1) * HOUR_MS}


def test_coin_margined_funding_is_what_the_world_shows(outside: Sandbox) -> None:
    adapter, board = adapter_of("binancecoinm", outside.url), board_of("binancecoinm", SWAP)
    asked(adapter.funding(markets_from=0))
    reply, at = within_a_tick(lambda: asked(adapter.funding(markets_from=0)))
    columns, funding = reply.value, board.funding(at)
    order = [columns.symbols.index(each.symbol) for each in board.listings]
    assert columns.rate[order] == pytest.approx(funding.rate, abs=1e-8)
    assert columns.next_funding_at[order].tolist() == funding.next_ms.tolist()
    assert adapter.constant_hours == 8.0


@pytest.mark.parametrize(
    ("name", "symbol", "hours"),
    [("krakenfutures", "BTC/USD:USD", 1), ("krakenfutures", "BTC/USD:BTC", 1), ("binancecoinm", "BTC/USD:BTC", 8)],
)
def test_settled_fundings_are_relative_and_as_far_apart_as_documented(
    outside: Sandbox, name: str, symbol: str, hours: int
) -> None:
    since = int(time.time() * 1000) - 5 * hours * HOUR_MS
    settled = asked(adapter_of(name, outside.url).settled(symbol, since=since, markets_from=0)).value
    moments = settled.settled_at.tolist()
    assert len(moments) >= 4
    assert {later - earlier for earlier, later in pairwise(moments)} == {hours * HOUR_MS}
    assert ((np.abs(settled.rate) > 1e-7) & (np.abs(settled.rate) < 0.01)).all()


@pytest.mark.parametrize(("name", "kind"), KINDS)
def test_a_book_begins_with_the_quote(outside: Sandbox, name: str, kind: SnapshotKind) -> None:
    adapter = adapter_of(name, outside.url)
    symbol = next(each.symbol for each in board_of(name, kind).listings if each.base == "ETH")
    asked(adapter.quotes(kind, markets_from=0))

    def question() -> Any:
        quotes = asked(adapter.quotes(kind, markets_from=0)).value
        return quotes, asked(adapter.book(symbol, markets_from=0)).value

    (columns, book), _ = within_a_tick(question)
    row = columns.symbols.index(symbol)
    for best, price, size in (
        (book.bids[0], columns.bid, columns.bid_size),
        (book.asks[0], columns.ask, columns.ask_size),
    ):
        assert [float(value) for value in best] == pytest.approx([price[row], size[row]], rel=1e-3)


def test_kraken_tells_one_state_for_all_networks_of_an_asset(outside: Sandbox) -> None:
    specs = {spec.currency: spec for spec in asked(adapter_of("kraken", outside.url).networks()).value}
    assets = {each.asset.name: each.asset for each in board_of("kraken", SPOT).listings}
    assert specs.keys() >= assets.keys()
    for name, asset in assets.items():
        networks = networks_of("kraken", asset)
        assert specs[name].deposit is (None if any(each.deposit for each in networks) else False)
        assert specs[name].withdraw is (None if any(each.withdraw for each in networks) else False)


@pytest.mark.parametrize("name", ["kraken", "coinbase", "binancecoinm"])
def test_the_clock(outside: Sandbox, name: str) -> None:
    moment = ask(outside.url, name, lambda client: client.fetch_time())
    assert abs(moment - time.time() * 1000) < 60_000


def test_coinbases_public_list_has_neither_bid_nor_ask(outside: Sandbox) -> None:
    async def question(client: Any) -> dict[str, Any]:
        await client.load_markets()
        return dict(await client.fetch_tickers())

    tickers = ask(outside.url, "coinbase", question)
    assert len(tickers) == len(board_of("coinbase", SPOT).listings)
    assert all(ticker["bid"] is None and ticker["last"] > 0 for ticker in tickers.values())


@pytest.mark.parametrize("wrong", [{"apiKey": "somebody-elses"}, {"secret": f"{'A' * 86}=="}])
def test_coinbase_answers_holders_of_its_key_only(outside: Sandbox, wrong: dict[str, str]) -> None:
    adapter = registry.signed_adapter("coinbase", gateway=outside.url, key=Credentials({**KEYS["coinbase"], **wrong}))
    with pytest.raises(PermanentError) as caught:
        asked(unthrottled(adapter).quotes(SPOT, markets_from=0))
    assert caught.value.code == "key_refused"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"apiKey": "somebody-elses"}, "Invalid API-key, IP, or permissions for action"),
        ({"secret": "no"}, "Signature for this request is not valid"),
    ],
)
def test_binance_refuses_a_wrong_key_in_its_words(outside: Sandbox, wrong: dict[str, str], words: str) -> None:
    adapter = registry.signed_adapter("binance", gateway=outside.url, key=Credentials({**KEYS["binance"], **wrong}))
    with pytest.raises(PermanentError, match=words) as caught:
        asked(unthrottled(adapter).networks())
    assert caught.value.code == "key_refused"
    assert "signature" not in caught.value.message.lower().replace("signature for this", "")


def test_binance_asks_for_key_and_time() -> None:
    def refusal(query: dict[str, str], **headers: str) -> bytes:
        raw = "&".join(f"{name}={value}" for name, value in query.items())
        answer = key_refusal(Call("GET", "https", "api.binance.com", "/sapi", query, headers, b"", time.time(), raw))
        return answer.body if answer else b""

    assert b"-2014" in refusal({})
    assert b"-1022" in refusal({"timestamp": "1", "signature": "00"}, **{"X-MBX-APIKEY": KEYS["binance"]["apiKey"]})


@pytest.mark.parametrize("name", ["coinbase", "binance"])
def test_what_is_for_holders_of_a_key_is_not_even_asked_without_one(outside: Sandbox, name: str) -> None:
    adapter = registry.adapter(name, gateway=outside.url)
    outside.faults([{"host": "*", "status": 500}])
    with pytest.raises(PermanentError) as caught:
        asked(adapter.quotes(SPOT, markets_from=0) if name == "coinbase" else adapter.networks())
    assert caught.value.code == "key_needed"
