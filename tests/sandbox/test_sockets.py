"""Websocket hosts in their exchanges' own protocols, and hosts that count request weights."""

import json
import urllib.error
import urllib.request
from typing import Any

import pytest

from sandbox.market.world import World
from sandbox.sockets import socket_hosts
from sandbox.sockets.base import SideDeltas, Talk
from tests.sandbox_process import Sandbox

NOW = 1_795_000_000.0
HOSTS = socket_hosts(World(7))


def talk(host: str, path: str) -> Talk:
    found = HOSTS[host].talk(path)
    assert found is not None
    return found


def say(conversation: Talk, request: Any) -> list[Any]:
    text = request if isinstance(request, str) else json.dumps(request)
    return [json.loads(frame) for frame in conversation.hear(text, NOW)]


def pushed(conversation: Talk, at: float = NOW) -> list[Any]:
    return [json.loads(frame) for frame in conversation.push(at)]


def test_binance_pushes_what_was_subscribed_until_it_is_not() -> None:
    binance = talk("stream.binance.com:9443", "/ws/0")
    assert pushed(binance) == []
    names = ["btcusdt@ticker", "nosuch@ticker", "ethusdt@depth@100ms"]
    assert say(binance, {"method": "SUBSCRIBE", "params": names, "id": 3}) == [{"result": None, "id": 3}]
    ticker, depth = pushed(binance)
    assert (ticker["e"], ticker["s"]) == ("24hrTicker", "BTCUSDT")
    assert float(ticker["b"]) < float(ticker["a"])
    (following,) = [event for event in pushed(binance, NOW + 0.5) if event["e"] == "depthUpdate"]
    assert following["U"] == depth["u"] + 1
    assert say(binance, {"method": "LIST_SUBSCRIPTIONS", "id": 4})[0]["result"] == names
    say(binance, {"method": "UNSUBSCRIBE", "params": names, "id": 5})
    assert pushed(binance, NOW + 1) == []
    assert say(binance, "nonsense")[0]["error"]["code"] == 3


def test_bybit_tells_all_and_then_what_changed() -> None:
    linear = talk("stream.bybit.com", "/v5/public/linear")
    assert say(linear, {"op": "ping", "req_id": "7"})[0] | {"conn_id": ""} == {
        "success": True, "ret_msg": "pong", "conn_id": "", "op": "ping", "req_id": "7",
    }  # fmt: skip
    assert say(linear, {"op": "subscribe", "args": ["tickers.BTCUSDT", "orderbook.50.BTCUSDT"]})[0]["success"]
    whole, book = pushed(linear)
    assert (whole["type"], book["type"]) == ("snapshot", "snapshot")
    assert "fundingRate" in whole["data"]
    delta = pushed(linear, NOW + 0.5)[0]
    assert delta["type"] == "delta"
    assert "bid1Price" in delta["data"]
    assert "turnover24h" not in delta["data"] or len(delta["data"]) < len(whole["data"])
    assert pushed(linear, NOW + 0.5) == []
    refused = say(linear, {"op": "subscribe", "args": ["tickers.NOSUCH"]})[0]
    assert (refused["success"], refused["ret_msg"]) == (False, "error:handler not found,topic:tickers.NOSUCH")


def test_bybit_spot_takes_ten_topics_at_a_time_and_has_no_quotes_in_tickers() -> None:
    spot = talk("stream.bybit.com", "/v5/public/spot")
    refused = say(spot, {"op": "subscribe", "args": ["tickers.BTCUSDT"] * 11})[0]
    assert (refused["success"], refused["ret_msg"]) == (False, "args size >10")
    say(spot, {"op": "subscribe", "args": ["tickers.BTCUSDT", "orderbook.1.BTCUSDT"]})
    ticker, book = pushed(spot)
    assert "bid1Price" not in ticker["data"]
    assert len(book["data"]["b"]) == len(book["data"]["a"]) == 1


def test_okx_answers_each_channel_by_itself() -> None:
    okx = talk("ws.okx.com", "/ws/v5/public")
    assert okx.hear("ping", NOW) == ["pong"]
    good, bad = ({"channel": "tickers", "instId": name} for name in ("BTC-USDT-SWAP", "NOSUCH-USDT"))
    told = say(okx, {"op": "subscribe", "args": [good, bad, {"channel": "books", "instId": "BTC-USDT"}]})
    assert [each.get("event") for each in told] == ["subscribe", "error", "subscribe"]
    assert told[1]["code"] == "60018"
    ticker, book = pushed(okx)
    assert ticker["arg"] == good
    assert (book["action"], book["data"][0]["prevSeqId"]) == ("snapshot", -1)
    update = next(each for each in pushed(okx, NOW + 0.5) if each["arg"]["channel"] == "books")
    assert (update["action"], update["data"][0]["prevSeqId"]) == ("update", book["data"][0]["seqId"])
    assert HOSTS["ws.okx.com"].talk("/ws/v5/private") is None


def test_deltas_tell_new_changed_and_gone_levels() -> None:
    side = SideDeltas()
    assert side.changes([["10", "1"], ["9", "2"]]) == [["10", "1"], ["9", "2"]]
    assert side.changes([["10", "3"], ["8", "4"]]) == [["10", "3"], ["8", "4"], ["9", "0"]]
    assert side.changes([["10", "3"], ["8", "4"]]) == []


def ask(sandbox: Sandbox, address: str) -> tuple[int, dict[str, str], Any]:
    try:
        with urllib.request.urlopen(f"{sandbox.url}/{address}", timeout=5) as answer:
            return answer.status, dict(answer.headers), json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), json.loads(error.read())


def test_an_unknown_websocket_is_not_found(sandbox: Sandbox) -> None:
    status, _, body = ask(sandbox, "wss://stream.nosuch.example/ws")
    assert status == 404
    assert "no stand-in for the websocket wss://stream.nosuch.example/ws" in body["sandbox"]


def test_a_host_with_a_limit_counts_weights_and_refuses_in_its_words(sandbox: Sandbox) -> None:
    limit = {"host": "api.binance.com", "weight": 90, "seconds": 60.0}
    sandbox._call("PUT", "weights", [limit])
    assert ask(sandbox, "https://api.binance.com/api/v3/ticker/24hr")[0] == 200
    assert ask(sandbox, "https://api.binance.com/api/v3/depth?symbol=BTCUSDT&limit=50")[0] == 200
    status, headers, body = ask(sandbox, "https://api.binance.com/api/v3/exchangeInfo")
    assert (status, body["code"]) == (429, -1003)
    assert 0 < int(headers["Retry-After"]) <= 60
    assert ask(sandbox, "https://api.binance.com/api/v3/time")[0] == 200
    for _ in range(10):
        status = ask(sandbox, "https://api.binance.com/api/v3/ticker/24hr")[0]
        assert status == 429
    assert ask(sandbox, "https://api.binance.com/api/v3/ticker/24hr")[0] == 418
    assert ask(sandbox, "https://www.okx.com/api/v5/public/time")[0] == 200
    assert sandbox._call("GET", "weights") == [limit | {"peak": 86, "calls": 15, "refused": 12}]
    with pytest.raises(urllib.error.HTTPError, match="400"):
        sandbox._call("PUT", "weights", [{"host": "x", "weight": 0, "seconds": 1}])
