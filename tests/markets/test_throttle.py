"""Request limits of an exchange, shared by all processes through Redis."""

import asyncio
import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from apps.core import limits, loop, redis
from apps.core.exceptions import TemporaryError
from apps.core.limits import Demand
from apps.markets.enums import SnapshotKind
from apps.markets.exchanges import registry, throttle
from apps.markets.exchanges.throttle import HEADROOM, RequestLimit, Urgency, demand_build, limit_key, urgent
from tests.core.away import redis_away
from tests.markets.wire import BINANCE, Wire
from tests.sandbox_process import Sandbox

__all__ = ["redis_away"]

pytestmark = pytest.mark.usefixtures("redis_state")

MINUTE = RequestLimit(60.0)


def demanded(urgency: Urgency, milliseconds: float, limit: RequestLimit = MINUTE) -> Demand:
    """What a request of this urgency demands."""

    async def build() -> Demand:
        urgent(urgency)
        return demand_build("binance", limit, milliseconds)

    return asyncio.run(build())


def test_a_request_takes_its_part_of_the_window_and_of_two_seconds() -> None:
    demand = demanded(Urgency.BOOKS, 800.2)
    assert demand.cost == 801
    assert {limit.seconds: limit.count for limit in demand.limits} == {60.0: round(60_000 * HEADROOM), 2.0: 2000}


def test_an_exchange_that_counts_by_two_seconds_has_one_tier() -> None:
    (limit,) = demanded(Urgency.BOOKS, 110, RequestLimit(2.0)).limits
    assert (limit.count, limit.seconds) == (1800, 2.0)


def test_what_takes_longer_than_a_tier_is_counted_in_the_longer_one() -> None:
    demand = demanded(Urgency.SLOW, 1500)
    assert [limit.seconds for limit in demand.limits] == [60.0]
    assert demanded(Urgency.SLOW, 1e9).cost == demanded(Urgency.SLOW, 1e9).limits[0].count


def test_where_it_is_short_the_urgent_goes_on() -> None:
    def granted(urgency: Urgency) -> bool:
        # 60 s have room for 54 s of requests; each of these is one tenth of them.
        return limits.acquire([[demanded(urgency, 5400)]]) == [0.0]

    order = [Urgency.SLOW, Urgency.FUNDING, Urgency.QUOTES, Urgency.BOOKS]
    counts = []
    for urgency in order:
        count = 0
        while granted(urgency):
            count += 1
        counts.append(count)
        assert not any(granted(less) for less in order[: len(counts)])
    assert counts == [5, 3, 1, 1]


def test_two_processes_together_stay_under_the_limit(sandbox: Sandbox) -> None:
    # Binance's 6,000 a minute are 500 in five seconds. Either process would take all of that by ccxt's own limiter.
    sandbox._call("PUT", "weights", [{"host": "api.binance.com", "weight": 500, "seconds": 5.0}])
    command = (sys.executable, "-m", "tests.markets.asker", sandbox.url, "6")
    processes = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    try:
        for process in processes:
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            process.stdin.write("go\n")
            process.stdin.flush()
        # They end by themselves: who is killed while it writes its coverage leaves a broken file of it.
        told = [json.loads(process.communicate(timeout=60)[0]) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait(timeout=10)
    (seen,) = sandbox._call("GET", "weights")
    assert seen["refused"] == 0, told
    assert all(each["refused"] == 0 for each in told)
    # It was the limit that held them, less its headroom of a tenth, and not that they were slow.
    assert 400 <= seen["peak"] <= 500
    assert all(each["answered"] > 0 for each in told)


@pytest.fixture
def asked(binance: Wire) -> Iterator[Wire]:
    """Binance, its markets loaded by this process's adapter."""
    adapter = registry.adapter("binance", gateway=binance.url)
    loop.run(adapter.markets(), timeout=20)
    yield binance


def quotes(wire: Wire) -> int:
    adapter = registry.adapter("binance", gateway=wire.url)
    return len(loop.run(adapter.quotes(SnapshotKind.SPOT, markets_from=0), timeout=20).value.symbols)


def test_what_would_wait_too_long_is_told_and_not_asked(asked: Wire) -> None:
    limits.close_tap(limit_key("binance"), 30.0)
    before = len(asked.asked)
    with pytest.raises(TemporaryError) as caught:
        quotes(asked)
    assert caught.value.code == "limit_reached"
    assert caught.value.details["retry_after"] > throttle.WAIT_S
    assert len(asked.asked) == before
    redis.state().delete(f"arbedge:limit:{limit_key('binance')}")
    assert quotes(asked) == 3


def test_with_redis_away_ccxts_own_limiter_holds(
    asked: Wire, redis_away: None, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = registry.adapter("binance", gateway=asked.url)
    costs = []
    own = adapter.client._ccxt.throttler  # type: ignore[attr-defined]

    def spy(cost: float) -> object:
        costs.append(cost)
        return own(cost)

    monkeypatch.setattr(adapter.client._ccxt, "throttler", spy)  # type: ignore[attr-defined]
    with caplog.at_level(logging.WARNING):
        assert quotes(asked) == 3
    assert "Limits of binance are kept by this process alone" in caplog.text
    assert costs == [16]


def test_a_redis_that_hangs_does_not_hold_the_loop(asked: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other exchanges' answers are read on the same loop."""
    released = threading.Event()
    monkeypatch.setattr(limits, "acquire", lambda batch: [0.0 for _ in batch] if released.wait(10) else [])
    adapter = registry.adapter("binance", gateway=asked.url)
    waiting = asyncio.run_coroutine_threadsafe(adapter.quotes(SnapshotKind.SPOT, markets_from=0), loop.get())
    loop.run(asyncio.sleep(0.05), timeout=5)
    assert not waiting.done()
    assert asked.count(f"{BINANCE}/ticker/24hr") == 0
    released.set()
    assert len(waiting.result(10).value.symbols) == 3
