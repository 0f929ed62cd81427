"""MEXC, HTX, BingX and Hyperliquid as the world lists them: their adapters read exactly what it shows."""

import time
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from apps.core.exceptions import PermanentError
from apps.markets.enums import MarketType, SnapshotKind
from apps.markets.exchanges import registry
from apps.markets.exchanges.credentials import Credentials
from sandbox.exchanges.hyperliquid import IMPACT_USD, USUAL_IMPACT_USD
from sandbox.exchanges.keys import KEYS
from tests.markets.adapters import adapter_of, unthrottled
from tests.sandbox.conftest import ask, http
from tests.sandbox.played import SPOT, SWAP, WORLD, asked, board_of, within_a_tick
from tests.sandbox_process import Sandbox

pytestmark = pytest.mark.usefixtures("closing")

NAMES = ["mexc", "htx", "bingx", "hyperliquid"]
KINDS = [
    ("mexc", SPOT),
    ("mexc", SWAP),
    ("htx", SPOT),
    ("htx", SWAP),
    ("bingx", SPOT),
    ("bingx", SWAP),
]


@pytest.mark.parametrize("name", NAMES)
def test_markets_are_what_the_world_lists(outside: Sandbox, name: str) -> None:
    specs = {spec.symbol: spec for spec in asked(adapter_of(name, outside.url).markets())}
    listings = {each.symbol: each for each in WORLD.listings() if each.venue == name}
    assert specs.keys() == listings.keys()
    for symbol, listing in listings.items():
        spec = specs[symbol]
        assert (spec.base, spec.quote) == (listing.base, listing.quote)
        assert spec.type is (MarketType.SWAP if listing.is_swap else MarketType.SPOT)
        assert spec.active is listing.place.active
        assert float(spec.contract_size) == pytest.approx(listing.contract_size)
        assert spec.amount_step is not None
        assert float(spec.amount_step) == pytest.approx(listing.step)
        # Hyperliquid has no least amount (its least order is 10 USDC), BingX none on spot.
        if spec.min_amount is not None:
            assert float(spec.min_amount) == pytest.approx(listing.step)
    fees = {(spec.type, spec.taker_fee and float(spec.taker_fee), spec.max_leverage) for spec in specs.values()}
    told = {
        "mexc": {(MarketType.SPOT, 0.0005, None), (MarketType.SWAP, 0.0004, 200)},
        # ccxt knows no leverage of HTX's spot markets but 1.
        "htx": {(MarketType.SPOT, 0.002, 1), (MarketType.SWAP, 0.0005, None)},
        "bingx": {(MarketType.SPOT, 0.001, None), (MarketType.SWAP, 0.0005, 100)},
        "hyperliquid": {(MarketType.SWAP, 0.00045, 40)},
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
        assert (name, kind) == ("mexc", SWAP)
        assert np.isnan(columns.bid_size).all()
        assert np.isnan(columns.ask_size).all()
    times = np.zeros_like(quotes.ts) if (name, kind) == ("htx", SPOT) else quotes.ts
    assert columns.row_ts[order].tolist() == times.tolist()


def test_hyperliquids_quotes_are_what_the_impact_notional_gets(outside: Sandbox) -> None:
    adapter, board = adapter_of("hyperliquid", outside.url), board_of("hyperliquid", SWAP)
    asked(adapter.quotes(SWAP, markets_from=0))
    reply, at = within_a_tick(lambda: asked(adapter.quotes(SWAP, markets_from=0)))
    columns, quotes = reply.value, board.quotes(at)
    assert not columns.has_sizes
    order = [columns.symbols.index(each.symbol) for each in board.listings]
    notional = np.array([IMPACT_USD.get(each.base, USUAL_IMPACT_USD) for each in board.listings])
    covered = (quotes.bid * quotes.bid_size >= notional) & (quotes.ask * quotes.ask_size >= notional)
    assert 0 < covered.sum() < len(covered)
    bid, ask = columns.bid[order], columns.ask[order]
    assert bid[covered] == pytest.approx(quotes.bid[covered])
    assert ask[covered] == pytest.approx(quotes.ask[covered])
    # The book's touch is never worse than what the impact notional gets.
    assert (bid <= quotes.bid * (1 + 1e-9)).all()
    assert (ask >= quotes.ask * (1 - 1e-9)).all()
    assert bid == pytest.approx(quotes.bid, rel=5e-4)


def test_hyperliquids_thousands_keep_their_prefix(outside: Sandbox) -> None:
    specs = {spec.symbol: spec for spec in asked(adapter_of("hyperliquid", outside.url).markets())}
    assert specs["KSHIB/USDC:USDC"].base == "kSHIB"
    quotes = asked(adapter_of("hyperliquid", outside.url).quotes(SWAP, markets_from=0)).value
    assert "KSHIB/USDC:USDC" in quotes.symbols


@pytest.mark.parametrize("name", NAMES)
def test_funding_is_what_the_world_shows(outside: Sandbox, name: str) -> None:
    adapter, board = adapter_of(name, outside.url), board_of(name, SnapshotKind.FUNDING)
    asked(adapter.funding(markets_from=0))
    reply, at = within_a_tick(lambda: asked(adapter.funding(markets_from=0)))
    columns, funding = reply.value, board.funding(at)
    order = [columns.symbols.index(each.symbol) for each in board.listings]
    assert len(columns.symbols) == len(order)
    assert columns.rate[order] == pytest.approx(funding.rate, abs=1e-6)
    assert columns.next_funding_at[order].tolist() == funding.next_ms.tolist()
    if name == "hyperliquid":
        # The interval is documented, not told.
        assert np.isnan(columns.interval_hours).all()
        assert set(funding.interval_h.tolist()) == {adapter.constant_hours} == {1.0}
    else:
        assert columns.interval_hours[order].tolist() == funding.interval_h.tolist()
        assert adapter.constant_hours is None
    if name == "htx":
        assert np.isnan(columns.mark).all()
    else:
        assert columns.mark[order] == pytest.approx(funding.mark, rel=1e-5)
        assert columns.index[order] == pytest.approx(funding.index, rel=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_settled_fundings_are_as_far_apart_as_the_interval_says(outside: Sandbox, name: str) -> None:
    board = board_of(name, SnapshotKind.FUNDING)
    listing = next(each for each in board.listings if each.base == "BTC")
    reply = asked(adapter_of(name, outside.url).settled(listing.symbol, since=None, markets_from=0))
    moments = reply.value.settled_at.tolist()
    assert len(moments) > 20
    spacing = {later - earlier for earlier, later in pairwise(moments)}
    assert spacing == {listing.place.interval_h * 3_600_000}


@pytest.mark.parametrize(("name", "kind"), [*KINDS, ("hyperliquid", SWAP)])
def test_a_book_counts_as_the_quotes_do(outside: Sandbox, name: str, kind: SnapshotKind) -> None:
    adapter, board = adapter_of(name, outside.url), board_of(name, kind)
    number = next(number for number, each in enumerate(board.listings) if each.base == "ETH")
    listing = board.listings[number]
    asked(adapter.book(listing.symbol, markets_from=0))
    reply, at = within_a_tick(lambda: asked(adapter.book(listing.symbol, markets_from=0)))
    book, quotes = reply.value, board.quotes(at)
    price, size = book.bids[0]
    assert float(price) == pytest.approx(quotes.bid[number])
    assert float(size) * listing.contract_size == pytest.approx(quotes.bid_size[number])
    assert len(book.bids) == (20 if name == "hyperliquid" else 50)
    assert book.row_ts == quotes.ts[number]


@pytest.mark.parametrize(
    ("name", "key", "words"),
    [
        ("mexc", {"apiKey": "nobody's"}, "Api key info invalid"),
        ("mexc", {"secret": "wrong"}, "Signature for this request is not valid."),
        ("bingx", {"apiKey": "nobody's"}, "Incorrect apiKey"),
        ("bingx", {"secret": "wrong"}, "Signature verification failed due to signature mismatch"),
    ],
)
def test_a_wrong_key_is_refused_in_the_exchanges_words(
    outside: Sandbox, name: str, key: dict[str, str], words: str
) -> None:
    async def question(client: Any) -> str:
        for field, value in (KEYS[name] | key).items():
            setattr(client, field, value)
        with pytest.raises(Exception, match=words) as caught:
            await client.fetch_currencies()
        return type(caught.value).__name__

    # ccxt takes MEXC's word on an unknown key for a bad request.
    is_mistaken = (name, *key) == ("mexc", "apiKey")
    assert ask(outside.url, name, question) == ("BadRequest" if is_mistaken else "AuthenticationError")


@pytest.mark.parametrize("name", ["mexc", "bingx"])
@pytest.mark.parametrize("wrong", [{"apiKey": "nobody's"}, {"secret": "wrong"}])
def test_a_wrong_key_is_known_as_one(outside: Sandbox, name: str, wrong: dict[str, str]) -> None:
    good, bad = (
        unthrottled(registry.signed_adapter(name, gateway=outside.url, key=Credentials(KEYS[name] | changed)))
        for changed in ({}, wrong)
    )
    assert len(asked(good.networks()).value) > 20
    with pytest.raises(PermanentError) as caught:
        asked(bad.networks())
    assert caught.value.code == "key_refused"


@pytest.mark.parametrize("name", NAMES)
def test_the_clock(outside: Sandbox, name: str) -> None:
    async def question(client: Any) -> int:
        return int(await client.fetch_time())

    assert abs(ask(outside.url, name, question) - time.time() * 1000) < 60_000


@pytest.mark.parametrize("body", [b"", b"nonsense", b'{"type": "nope"}', b'["meta"]'])
def test_hyperliquid_does_not_take_what_it_does_not_know(outside: Sandbox, body: bytes) -> None:
    reply = http(f"{outside.url}/https://api.hyperliquid.xyz/info", method="POST", body=body)
    assert reply.status == 422
    assert reply.body.startswith(b"Failed to deserialize")


@pytest.mark.parametrize("name", ["mexc", "htx", "bingx"])
def test_one_market_can_be_asked_for(outside: Sandbox, name: str) -> None:
    async def question(client: Any) -> dict[str, Any]:
        await client.load_markets()
        return dict(await client.fetch_funding_rate("ETH/USDT:USDT"))

    if name == "htx":
        # ccxt's own class goes to the other host, and its class needs inverse contracts to be listed.
        address = f"{outside.url}/https://api.hbdm.vn/v5/market/funding_rate?contract_code=ETH-USDT,BTC-USDT"
        assert [row["contract_code"] for row in http(address).json["data"]] == ["ETH-USDT", "BTC-USDT"]
        return
    rate = ask(outside.url, name, question)
    assert rate["symbol"] == "ETH/USDT:USDT"
    assert rate["interval"] == "8h"
