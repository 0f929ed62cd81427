"""Reads of market data through the one front: how many need no exchange, and how many calls that saves. And what it
would cost to compress snapshots, which is why they are not."""

import random
import time
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from django.conf import settings
from django.core.management import call_command

from apps.core import loop, redis
from apps.core.exceptions import ArbEdgeError
from apps.markets import access, services, store
from apps.markets.access.base import AnyQuery
from apps.markets.enums import SnapshotKind
from apps.markets.exchanges import registry
from apps.markets.models import Market
from apps.markets.snapshot import snapshot_encode
from apps.markets.types import Quotes
from tests.sandbox_process import Sandbox, sandbox_run

EXCHANGES = ["binance", "binanceusdm", "bybit", "okx"]
READS = 2000
# Readers come evenly over this many seconds: lifetimes are real, so the time has to be.
SECONDS = 12.0
BOOKS = 40
HISTORIES = 20
# Every call to the sandbox is counted by a fault that does nothing but wait a microsecond.
COUNTING = [{"host": "*", "latency_s": 1e-6}]


def figures() -> Iterator[dict[str, Any]]:
    """Two figures; the controls are measured in the same run."""
    call_command("migrate", verbosity=0)
    for client in (redis.state(), redis.cache()):
        client.flushdb()
    settings.EXCHANGES = EXCHANGES
    with sandbox_run() as sandbox:
        settings.SANDBOX_URL = sandbox.url
        settings.ORIGIN = "sandbox"
        services.exchanges_setup()
        for exchange in EXCHANGES:
            services.exchange_sync_markets(exchange=exchange)
        yield _hit_rate(sandbox)
        yield _compression()
        for adapter in registry.adapters_forget():
            loop.run(adapter.close(), timeout=5)


def _hit_rate(sandbox: Sandbox) -> dict[str, Any]:
    mix = _mix(random.Random(7))
    costs = _costs(sandbox, {query.key + query.name: query for query in mix}.values())
    without = sum(costs[query.name] for query in mix)
    redis.cache().flushdb()
    redis.state().flushdb()
    store.mirror.forget()
    calls = _calls(sandbox, lambda: _read_all(mix))
    counts = access.access_counts()
    hits, reads = sum(one.hits for one in counts), sum(one.hits + one.misses for one in counts)
    rate, saved = hits / reads, 1 - calls / without
    return {
        "bench": "access_hit_rate",
        "value": round(rate, 3),
        "unit": f"of {reads} reads in {SECONDS:g} s; upstream requests {calls} against {without:.0f} without",
        "control": round(without),
        "ratio": round(calls / without, 3),
        "saved": round(saved, 3),
        "ok": rate >= 0.85 and saved >= 0.6,
    }


def _mix(dice: random.Random) -> list[AnyQuery]:
    """Bounded, and as people look: a few exchanges and markets much, the others seldom."""
    kinds = {exchange: registry.adapter_class(exchange).capabilities.kinds for exchange in EXCHANGES}
    quotes = [(name, kind) for name, able in kinds.items() for kind in able if kind is not SnapshotKind.FUNDING]
    rates = [name for name, able in kinds.items() if SnapshotKind.FUNDING in able]
    active = Market.objects.filter(active=True, monitored=True)
    books = list(active.order_by("id").values_list("id", flat=True)[:BOOKS])
    swaps = list(active.filter(type="swap").order_by("id").values_list("id", flat=True)[:HISTORIES])

    def often_the_first(values: list[Any]) -> Any:
        return dice.choices(values, [1 / place for place in range(1, len(values) + 1)])[0]

    makers: dict[Callable[[], AnyQuery], int] = {
        lambda: access.query_of("tickers", dict(zip(("exchange", "market"), often_the_first(quotes), strict=True))): 45,
        lambda: access.query_of("book", {"market_id": often_the_first(books)}): 25,
        lambda: access.query_of("funding", {"exchange": often_the_first(rates)}): 15,
        lambda: access.query_of("markets", {"exchange": often_the_first(EXCHANGES)}): 8,
        lambda: access.query_of("history", {"market_id": often_the_first(swaps)}): 7,
    }
    return [make() for make in dice.choices(list(makers), list(makers.values()), k=READS)]


def _costs(sandbox: Sandbox, queries: Any) -> dict[str, float]:
    """Requests per question of a kind when the exchange is asked each time; three of each kind are tried."""
    by_kind: dict[str, list[AnyQuery]] = {}
    for query in queries:
        by_kind.setdefault(query.name, []).append(query)

    def ask(some: list[AnyQuery]) -> None:
        for query in some:
            query.fetch()

    costs = {}
    for name, some in by_kind.items():
        tried = some[:3]
        costs[name] = _calls(sandbox, partial(ask, tried)) / len(tried)
    return costs


def _read_all(mix: list[AnyQuery]) -> None:
    begun = time.monotonic()
    for number, query in enumerate(mix):
        time.sleep(max(0.0, begun + number * SECONDS / len(mix) - time.monotonic()))
        try:
            access.obtain(query)
        except ArbEdgeError as error:
            raise AssertionError(f"{query}: {error.message}") from error


def _calls(sandbox: Sandbox, work: Callable[[], None]) -> int:
    sandbox.faults(COUNTING)
    work()
    (rule,) = sandbox._call("GET", "faults")
    sandbox.faults([])
    return int(rule["hits"])


def _compression() -> dict[str, Any]:
    """Twelve snapshots of 2,000 markets: compressed and back, against into Redis and back as they are."""
    dice = np.random.default_rng(7)
    raw = [snapshot_encode(_snapshot(dice)) for _ in range(12)]
    begun = time.perf_counter()
    packed = [zlib.compress(data, 1) for data in raw]
    for data in packed:
        zlib.decompress(data)
    value = (time.perf_counter() - begun) * 1000
    keys = [f"bench:{number}" for number in range(len(raw))]
    begun = time.perf_counter()
    for key, data in zip(keys, raw, strict=True):
        redis.cache().set(key, data, ex=60)
    redis.cache().mget(keys)
    control = (time.perf_counter() - begun) * 1000
    share = sum(map(len, packed)) / sum(map(len, raw))
    return {
        "bench": "snapshot_compression",
        "value": round(value, 1),
        "unit": f"ms for 12 x 2,000 markets to {share:.0%} of their bytes and back",
        "control": round(control, 1),
        "ratio": round(value / control, 1),
    }


def _snapshot(dice: np.random.Generator) -> Quotes:
    price = np.round(10 ** dice.uniform(-2, 4, 2000), 4)
    size = np.round(dice.lognormal(2, 2, (2, 2000)), 3)
    return Quotes(
        exchange="binance",
        kind=SnapshotKind.SPOT,
        received_at=1_763_000_000_000,
        market_version=1,
        market_id=np.arange(2000, dtype=np.int32),
        bid=price,
        bid_size=size[0],
        ask=np.round(price * 1.0003, 4),
        ask_size=size[1],
        last=price,
        quote_volume=np.round(dice.lognormal(12, 2, 2000), 2),
        exchange_ts=1_763_000_000_000 - dice.integers(0, 3000, 2000),
    )
