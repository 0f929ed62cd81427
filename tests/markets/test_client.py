"""The client on the wire: errors translated once, the gateway in front, each call hears its own headers."""

import asyncio
import time
from email.utils import formatdate
from typing import Any

import pytest

from apps.core import clock, limits, loop
from apps.core.exceptions import ArbEdgeError, OperatorError, PermanentError, TemporaryError, ThrottledError
from apps.markets.enums import SnapshotKind
from apps.markets.exceptions import UnreadableAnswer
from apps.markets.exchanges import registry
from apps.markets.exchanges.client import behind_gateway
from apps.markets.exchanges.throttle import limit_key
from tests.markets.wire import BINANCE, Wire, binance_info, binance_symbol, binance_ticker

TICKERS = f"{BINANCE}/ticker/24hr"


def ask(wire: Wire) -> Any:
    adapter = registry.adapter("binance", gateway=wire.url)
    return loop.run(adapter.quotes(SnapshotKind.SPOT, markets_from=0), timeout=20)


def error_of(wire: Wire) -> ArbEdgeError:
    with pytest.raises(ArbEdgeError) as caught:
        ask(wire)
    return caught.value


def test_an_answer_comes_with_the_moments_and_the_exchanges_clock(binance: Wire) -> None:
    binance.say(TICKERS, [binance_ticker("BTC", 99, 101)], date=1_600_000_000)
    before = clock.now_ms()
    reply = ask(binance)
    assert before <= reply.sent_at <= reply.received_at <= clock.now_ms()
    assert reply.exchange_at == 1_600_000_000_500
    assert reply.value.symbols == ["BTC/USDT"]


def test_a_throttle_says_how_long_to_wait(binance: Wire) -> None:
    binance.say(TICKERS, {"code": -1003, "msg": "Too many requests"}, status=429, headers={"Retry-After": "17"})
    error = error_of(binance)
    assert isinstance(error, ThrottledError)
    assert error.retry_after == 17.0


def test_a_ban_says_until_when(binance: Wire) -> None:
    until = clock.now_ms() + 90_000
    binance.say(TICKERS, {"code": -1003, "msg": f"Way too much; IP banned until {until}."}, status=418)
    error = error_of(binance)
    assert isinstance(error, ThrottledError)
    assert 80 < error.retry_after <= 90


@pytest.mark.parametrize(
    ("value", "low", "high"),
    [
        ("0", 1, 1),
        ("999999999", 259_200, 259_200),
        ("soon", 30, 120),
        ("in ten minutes", 500, 601),
    ],
    ids=["zero", "huge", "words", "date"],
)
def test_a_retry_after_is_read_in_both_forms_and_bounded(binance: Wire, value: str, low: float, high: float) -> None:
    if value == "in ten minutes":
        value = formatdate(time.time() + 600, usegmt=True)
    binance.say(TICKERS, {"msg": "slow down"}, status=429, headers={"Retry-After": value})
    error = error_of(binance)
    assert isinstance(error, ThrottledError)
    assert low <= error.retry_after <= high


def test_an_outage_that_names_a_time_is_a_pause(binance: Wire) -> None:
    binance.say(TICKERS, b"come back", status=503, headers={"Retry-After": "33"})
    error = error_of(binance)
    assert isinstance(error, ThrottledError)
    assert error.retry_after == 33.0


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (503, b"<html><b>503</b> Service Unavailable</html>", TemporaryError, "unavailable"),
        (500, {"code": -1000, "msg": "An unknown error"}, TemporaryError, "unavailable"),
        (200, b"<html>garbage</html>", UnreadableAnswer, "bad_response"),
        (200, b'[{"symbol": "BTCUSDT", "bid', UnreadableAnswer, "bad_response"),
        (200, [1, 2, 3], UnreadableAnswer, "bad_response"),
        (451, {"code": 0, "msg": "Service unavailable from a restricted location"}, PermanentError, "restricted"),
        (403, b"The distribution is configured to block access from your country", PermanentError, "restricted"),
        (403, b"Forbidden", ThrottledError, "throttled"),
    ],
)
def test_each_failure_says_what_to_do(
    binance: Wire, status: int, body: Any, kind: type[ArbEdgeError], code: str
) -> None:
    binance.say(TICKERS, body, status=status)
    error = error_of(binance)
    assert type(error) is kind
    assert error.code == code
    assert error.message.startswith("binance ")
    assert "<" not in error.message


def test_a_cut_connection_and_silence_are_temporary(binance: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    binance.say(TICKERS, [binance_ticker("BTC", 99, 101)] * 50, cut=True)
    error = error_of(binance)
    assert type(error) is TemporaryError
    adapter = registry.adapter("binance", gateway=binance.url)
    monkeypatch.setattr(adapter.client._ccxt, "timeout", 300)  # type: ignore[attr-defined]
    binance.say(TICKERS, [], delay=1.0)
    error = error_of(binance)
    assert type(error) is TemporaryError
    assert error.code == "timeout"


def test_nobody_listening_is_temporary() -> None:
    adapter = registry.adapter("binance", gateway="http://127.0.0.1:9")
    with pytest.raises(TemporaryError) as caught:
        loop.run(adapter.markets(), timeout=10)
    assert caught.value.code == "unavailable"


def test_side_by_side_calls_hear_their_own_answers(binance: Wire) -> None:
    ask(binance)
    adapter = registry.adapter("binance", gateway=binance.url)
    binance.say(TICKERS, [binance_ticker("BTC", 99, 101)], date=1_600_000_000, delay=0.3)
    binance.say(f"{BINANCE}/depth", {"lastUpdateId": 1, "bids": [["1", "1"]], "asks": [["2", "1"]]}, date=1_700_000_000)

    async def both() -> list[int | None]:
        quotes = adapter.quotes(SnapshotKind.SPOT, markets_from=0)
        replies = await asyncio.gather(quotes, adapter.book("BTC/USDT", markets_from=0))
        return [reply.exchange_at for reply in replies]

    assert loop.run(both(), timeout=10) == [1_600_000_000_500, 1_700_000_000_500]


def test_waiting_for_the_rate_limiter_is_no_time_on_the_wire(binance: Wire) -> None:
    ask(binance)
    adapter = registry.adapter("binance", gateway=binance.url)
    binance.say(f"{BINANCE}/depth", {"lastUpdateId": 1, "bids": [["1", "1"]], "asks": [["2", "1"]]})

    limits.close_tap(limit_key("binance"), 0.5)
    begun = clock.now_ms()
    reply = loop.run(adapter.book("BTC/USDT", markets_from=0), timeout=20)
    # Redis counts in its own milliseconds.
    assert reply.sent_at - begun >= 490


def test_markets_are_loaded_once_and_again_when_they_are_too_old(binance: Wire) -> None:
    ask(binance)
    ask(binance)
    assert binance.count(f"{BINANCE}/exchangeInfo") == 1
    binance.say(f"{BINANCE}/exchangeInfo", binance_info(binance_symbol("NEW")))
    adapter = registry.adapter("binance", gateway=binance.url)
    loop.run(adapter.quotes(SnapshotKind.SPOT, markets_from=clock.now_ms() + 1), timeout=10)
    assert binance.count(f"{BINANCE}/exchangeInfo") == 2


def test_only_what_is_needed_is_asked_for(binance: Wire) -> None:
    ask(binance)
    assert {asked.split("?")[0] for asked in binance.asked} == {f"{BINANCE}/exchangeInfo", TICKERS}


def test_an_unknown_id_is_told_with_a_guess() -> None:
    with pytest.raises(OperatorError, match='did you mean "binance"') as caught:
        registry.adapter("binanc", gateway="")
    assert caught.value.code == "unknown_exchange"


def test_the_gateway_is_in_front_of_every_address() -> None:
    urls = {"rest": "https://a.test", "ws": {"public": "wss://b.test"}, "none": None}
    assert behind_gateway(urls, "http://127.0.0.1:9100") == {
        "rest": "http://127.0.0.1:9100/https://a.test",
        "ws": {"public": "ws://127.0.0.1:9100/wss://b.test"},
        "none": None,
    }


def test_one_warm_adapter_per_exchange_and_gateway() -> None:
    assert registry.adapter("okx", gateway="") is registry.adapter("okx", gateway="")
    assert registry.adapter("okx", gateway="") is not registry.adapter("okx", gateway="http://127.0.0.1:9")
