"""Answers that no exchange should give: bombs, brackets without end, moments that no calendar has, rows of nonsense."""

import gzip
import json
import zlib
from typing import Any

import pytest

from apps.core import loop
from apps.core.exceptions import ArbEdgeError, TemporaryError, ThrottledError
from apps.markets import services
from apps.markets.enums import FeedState, SnapshotKind
from apps.markets.exceptions import UnreadableAnswer
from apps.markets.exchanges import client, registry
from apps.markets.exchanges.errors import BAN_S
from apps.markets.models import Market
from tests.markets.test_client import TICKERS, ask, error_of
from tests.markets.wire import BINANCE, Wire, binance_info, binance_symbol, binance_ticker

GOOD = [binance_ticker(base, 99, 101) for base in ("BTC", "ETH", "SOL")]


def bomb(megabytes: int) -> bytes:
    """A JSON list of nothing but spaces, packed a thousandfold."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    parts = [packer.compress(b"["), *(packer.compress(b" " * 1_000_000) for _ in range(megabytes))]
    return b"".join([*parts, packer.compress(b"]"), packer.flush()])


def test_a_packed_answer_is_unpacked(binance: Wire) -> None:
    binance.say(TICKERS, gzip.compress(json.dumps(GOOD).encode()), headers={"Content-Encoding": "gzip"})
    assert len(ask(binance).value.symbols) == 3


def test_an_answer_that_unpacks_to_too_much_is_not_read_to_its_end(
    binance: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "BODY_MAX", 3_000_000)
    binance.say(TICKERS, bomb(2), headers={"Content-Encoding": "gzip"})
    assert ask(binance).value.symbols == []
    binance.say(TICKERS, bomb(4), headers={"Content-Encoding": "gzip"})
    error = error_of(binance)
    assert (type(error), error.code) == (TemporaryError, "unavailable")
    assert "the answer is longer than 3 MB" in error.message
    binance.say(TICKERS, GOOD)
    assert len(ask(binance).value.symbols) == 3


def test_an_answer_that_is_not_packed_as_it_says_is_refused_in_words(binance: Wire) -> None:
    binance.say(TICKERS, GOOD, headers={"Content-Encoding": "gzip"})
    error = error_of(binance)
    assert (type(error), error.code) == (TemporaryError, "unavailable")
    assert "Can not decode content-encodi" in error.message


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000 + b"]" * 100_000,
        b'[{"symbol":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}]",
        json.dumps(GOOD).encode()[:-1] + b',{"symbol":"X","z":' + b"[" * 5000 + b"]" * 5000 + b"}]",
    ],
)
def test_brackets_without_end_are_unreadable(binance: Wire, body: bytes) -> None:
    binance.say(TICKERS, body)
    error = error_of(binance)
    assert isinstance(error, UnreadableAnswer)
    assert len(error.raw[-1].text) == len(body)


@pytest.mark.parametrize(
    "told", ["Fri, 31 Dec 9999 23:59:59 -2300", "Wed, 21 Oct 99999 07:28:00 GMT", "²", "-5", "1.5"]
)
def test_a_pause_until_a_moment_that_is_none_is_the_usual_one(binance: Wire, told: str) -> None:
    binance.say(TICKERS, {}, status=429, headers={"Retry-After": told})
    error = error_of(binance)
    assert isinstance(error, ThrottledError)
    assert error.retry_after == BAN_S


@pytest.mark.parametrize("told", ["Fri, 31 Dec 9999 23:59:59 -2300", "Fri, 31 Dec 9999 23:59:59 GMT", "Date"])
def test_a_date_that_is_none_is_no_clock(told: str) -> None:
    assert client.Heard(headers={"date": told}).exchange_at() is None


@pytest.mark.parametrize(
    ("status", "body"), [(500, b"\0\0oops\0"), (400, b'{"code":-1100,"msg":"a\0b"}'), (200, b"\0\0oops")]
)
def test_what_cant_be_seen_is_not_in_the_words(binance: Wire, status: int, body: bytes) -> None:
    binance.say(TICKERS, body, status=status)
    assert error_of(binance).message.isprintable()


@pytest.mark.parametrize(("status", "code"), [(429, "throttled"), (503, "unavailable"), (451, "restricted")])
def test_the_status_counts_where_ccxt_trips_over_the_body(wire: Wire, status: int, code: str) -> None:
    pairs = "https://api.kraken.com/0/public/AssetPairs"
    wire.say(pairs, {"error": {"a": 1}}, status=status)
    with pytest.raises(ArbEdgeError) as caught:
        loop.run(registry.adapter("kraken", gateway=wire.url).client.call("publicGetAssetPairs"), timeout=10)
    assert caught.value.code == code


def spoiled(**more: Any) -> dict[str, Any]:
    return binance_symbol("BAD") | more


@pytest.mark.django_db
@pytest.mark.usefixtures("redis_state")
@pytest.mark.parametrize(
    "row",
    [
        None,
        17,
        {"unexpected": True},
        spoiled(symbol=None),
        spoiled(baseAssetPrecision="garbage"),
        spoiled(baseAsset="x" * 300),
        spoiled(baseAsset="a\0b"),
        spoiled(filters=[{"filterType": "LOT_SIZE", "minQty": "NaN", "stepSize": "Infinity"}]),
    ],
)
def test_a_broken_market_costs_only_itself(binance: Wire, row: Any) -> None:
    good = [binance_symbol(base) for base in ("BTC", "ETH", "SOL")]
    binance.say(f"{BINANCE}/exchangeInfo", binance_info(*good[:2], row, good[2]))
    services.exchanges_setup()
    services.exchange_sync_markets(exchange="binance")
    assert set(Market.objects.filter(active=True).values_list("symbol", flat=True)) == {
        "BTC/USDT",
        "ETH/USDT",
        "SOL/USDT",
    }
    report = services.ingest(exchange="binance", kind=SnapshotKind.SPOT)
    assert report is not None
    assert (report.state, report.rows) == (FeedState.OK, 3)
