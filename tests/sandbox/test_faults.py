"""Faults on demand."""

import http.client
import json
import time
import urllib.error
from email.utils import parsedate_to_datetime
from typing import Any

import ccxt.async_support as ccxt
import pytest

from sandbox.faults import Fault, FaultTable
from tests.sandbox.conftest import Reply, ask
from tests.sandbox.conftest import http as fetch
from tests.sandbox.test_telegram import send
from tests.sandbox_process import Sandbox

TICKERS = "https://api.bybit.com/v5/market/tickers?category=spot"


def tickers(sandbox: Sandbox) -> Reply:
    return fetch(f"{sandbox.url}/{TICKERS}")


def test_a_status_hits_its_host_and_path_alone(outside: Sandbox) -> None:
    outside.faults([{"host": "api.bybit.com", "path": "/v5/market/tick*", "status": 503}])
    assert tickers(outside).status == 503
    assert tickers(outside).json["retCode"] == 10016
    assert fetch(f"{outside.url}/https://api.bybit.com/v5/market/time").status == 200
    assert fetch(f"{outside.url}/https://api.binance.com/api/v3/time").status == 200
    (fault,) = fetch(f"{outside.url}/_sandbox/faults").json
    assert fault["hits"] == 2


def test_retry_after_is_a_429_in_the_hosts_own_words(outside: Sandbox) -> None:
    outside.faults([{"host": "*", "retry_after": 7}])
    reply = tickers(outside)
    assert (reply.status, reply.headers["retry-after"], reply.json["retCode"]) == (429, "7", 10006)
    reply = send(outside, chat_id=1, text="x")
    assert reply.json["parameters"] == {"retry_after": 7}
    assert outside.received() == []
    with pytest.raises(ccxt.DDoSProtection):
        ask(outside.url, "binance", lambda client: client.fetch_time())
    with pytest.raises(ccxt.RateLimitExceeded):
        ask(outside.url, "okx", lambda client: client.fetch_time())
    outside.faults([])
    assert tickers(outside).status == 200


@pytest.mark.parametrize(
    "host", ["api.binance.com", "dapi.binance.com", "api.bybit.com", "www.okx.com", "nowhere.test"]
)
def test_every_host_has_a_body_for_any_status(outside: Sandbox, host: str) -> None:
    outside.faults([{"host": host, "status": 500}])
    reply = fetch(f"{outside.url}/https://{host}/api/v3/time")
    assert reply.status == 500
    assert isinstance(reply.json, dict)


def test_garbage_is_no_json(outside: Sandbox) -> None:
    outside.faults([{"host": "*.bybit.com", "garbage": True}])
    reply = tickers(outside)
    assert reply.status == 200
    with pytest.raises(ValueError, match=r"codec|Expecting"):
        json.loads(reply.body)
    # ccxt's class takes it for an exchange without markets: whoever reads it has to refuse emptiness.
    assert ask(outside.url, "bybit", lambda client: client.load_markets()) == {}


@pytest.mark.parametrize(("cut", "arrived"), [(True, 0), ("before", 0), ("middle", 1), ("after", 1)])
def test_a_cut_connection_before_within_and_after(outside: Sandbox, cut: bool | str, arrived: int) -> None:
    outside.faults([{"host": "api.telegram.org", "cut": cut, "count": 1}])
    with pytest.raises((http.client.HTTPException, urllib.error.URLError, ConnectionError)):
        send(outside, chat_id=1, text="x")
    assert len(outside.received("telegram")) == arrived
    assert send(outside, chat_id=1, text="x").status == 200


def test_latency_holds_up_its_own_calls_only(outside: Sandbox) -> None:
    outside.faults([{"host": "api.bybit.com", "latency_s": 0.6}])
    begun = time.monotonic()
    assert tickers(outside).status == 200
    assert time.monotonic() - begun >= 0.6


def test_a_clock_is_off_in_the_body_and_in_the_date(outside: Sandbox) -> None:
    outside.faults([{"host": "api.bybit.com", "clock_s": -300}])
    reply = tickers(outside)
    now = time.time()
    assert reply.json["time"] / 1000 == pytest.approx(now - 300, abs=30)
    assert parsedate_to_datetime(reply.headers["date"]).timestamp() == pytest.approx(now - 300, abs=30)
    untouched = fetch(f"{outside.url}/https://api.binance.com/api/v3/time")
    assert untouched.json["serverTime"] / 1000 == pytest.approx(now, abs=30)


def test_a_body_of_ones_own(outside: Sandbox) -> None:
    outside.faults(
        [{"host": "api.bybit.com", "body": {"retCode": 0, "result": {"list": []}}}, {"status": 500, "body": "no"}]
    )
    assert tickers(outside).json == {"retCode": 0, "result": {"list": []}}
    reply = fetch(f"{outside.url}/https://www.okx.com/api/v5/public/time")
    assert (reply.status, reply.body) == (500, b"no")


def test_webhooks_are_faulted_at_the_hooks_host(outside: Sandbox) -> None:
    outside.faults([{"host": "hooks.sandbox.test", "path": "/trader", "status": 410}])
    assert fetch(f"{outside.url}/_sandbox/hooks/trader", method="POST", body=b"{}").status == 410
    assert outside.received() == []
    assert fetch(f"{outside.url}/_sandbox/hooks/other", method="POST", body=b"{}").status == 200


@pytest.mark.parametrize(
    "faults",
    [
        [{"host": "x"}],
        [{"hots": "x", "status": 500}],
        [{"status": 99}],
        [{"status": 500, "probability": 2}],
        [{"cut": "sometimes"}],
        {"status": 500},
        [{"status": 500, "until": "tomorrow"}],
    ],
)
def test_faults_that_cannot_be_meant_are_refused(outside: Sandbox, faults: Any) -> None:
    reply = fetch(f"{outside.url}/_sandbox/faults", method="PUT", body=json.dumps(faults).encode())
    assert reply.status == 400
    assert reply.json["sandbox"]
    assert tickers(outside).status == 200


def table(*faults: Fault, now: float = 1_000.0) -> tuple[FaultTable, list[float]]:
    moment = [now]
    built = FaultTable(7, lambda: moment[0])
    built.replace(list(faults))
    return built, moment


def hits(built: FaultTable, times: int) -> int:
    return sum(built.hit(host="h", path="/p", method="GET") is not None for _ in range(times))


def test_a_count_is_used_up() -> None:
    built, _ = table(Fault(status=500, count=2))
    assert hits(built, 5) == 2


@pytest.mark.parametrize(
    "fault",
    [Fault(status=500, seconds=10), Fault(status=500, until=1_010.0), Fault(status=500, until="1970-01-01T00:16:50Z")],
)
def test_a_fault_is_over_at_its_end(fault: Fault) -> None:
    built, moment = table(fault)
    assert hits(built, 1) == 1
    moment[0] = 1_010.0
    assert hits(built, 1) == 0


def test_probability_is_met_and_the_same_in_every_run() -> None:
    fault = Fault(status=500, probability=0.3)
    first = [hits(built, 1) for built in [table(fault)[0]] for _ in range(200)]
    again = [hits(built, 1) for built in [table(fault)[0]] for _ in range(200)]
    assert first == again
    assert 30 < sum(first) < 90


def test_method_selects() -> None:
    built, _ = table(Fault(status=500, method="POST"))
    assert built.hit(host="h", path="/p", method="GET") is None
    assert built.hit(host="h", path="/p", method="POST") is not None
