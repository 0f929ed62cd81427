"""Twelve snapshots of 2,000 rows into Redis and back, against the bare bytes."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from apps.core import redis
from apps.markets import store
from apps.markets.enums import SnapshotKind
from apps.markets.snapshot import snapshot_encode
from apps.markets.types import Quotes

EXCHANGES = 12
ROWS = 2000
ROUNDS = 30
MOST_MS = 10.0


def figures() -> Iterator[dict[str, Any]]:
    """Milliseconds for all twelve, encode and put, then get and decode."""
    snapshots = [_snapshot(f"x{number}") for number in range(EXCHANGES)]
    feeds = [(snapshot.exchange, SnapshotKind.SPOT) for snapshot in snapshots]
    bodies = [snapshot_encode(snapshot) for snapshot in snapshots]
    cache = redis.cache()

    def put() -> None:
        for snapshot in snapshots:
            store.snapshot_put(snapshot)

    def bare_put() -> None:
        for number, body in enumerate(bodies):
            cache.set(f"bench:{number}", body, ex=600)

    def get() -> None:
        found = store.snapshots_all(feeds)
        if [len(each.market_id) for each in found] != [ROWS] * EXCHANGES:
            raise AssertionError("not everything came back")

    def bare_get() -> None:
        cache.mget([f"bench:{number}" for number in range(EXCHANGES)])

    for way, ours, bare in (("in", put, bare_put), ("out", get, bare_get)):
        value, control = _least_ms(ours, bare)
        yield {
            "bench": "snapshot_roundtrip",
            "way": way,
            "value": round(value, 2),
            "unit": "ms",
            "control": round(control, 2),
            "ratio": round(value / control, 2),
            "ok": value <= MOST_MS,
        }


def _least_ms(*works: Callable[[], None]) -> tuple[float, ...]:
    """The least wall time of each, in turns: whatever else runs on the machine only adds."""
    taken: list[list[float]] = [[] for _ in works]
    for _ in range(ROUNDS):
        for each, work in zip(taken, works, strict=True):
            begun = time.perf_counter()
            work()
            each.append((time.perf_counter() - begun) * 1000)
    return tuple(min(each) for each in taken)


def _snapshot(exchange: str) -> Quotes:
    random = np.random.default_rng(7)
    columns: dict[str, Any] = {
        name: random.uniform(1, 100, ROWS) for name in ("bid", "bid_size", "ask", "ask_size", "last")
    }
    return Quotes(
        exchange=exchange,
        kind=SnapshotKind.SPOT,
        received_at=1_700_000_000_000,
        market_version=1,
        market_id=np.arange(ROWS, dtype=np.int32),
        quote_volume=random.uniform(1, 1e9, ROWS),
        exchange_ts=np.full(ROWS, 1_700_000_000_000, dtype=np.int64),
        **columns,
    )
