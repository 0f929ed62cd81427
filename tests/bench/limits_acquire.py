"""Grants for a batch of deliveries in one call, against one call per scope and tier."""

import time
from collections.abc import Callable, Iterator
from typing import Any

from apps.core import redis
from apps.core.limits import Demand, Limit, acquire

ITEMS = 100
TIERS = tuple(Limit(10_000, seconds) for seconds in (1.0, 60.0, 3600.0, 86_400.0))
SCOPES = ("provider", "endpoint", "user")


def figures() -> Iterator[dict[str, Any]]:
    """Milliseconds of wall time for 100 items × 3 scopes × 4 tiers."""
    batch = [[Demand(f"{scope}:{number % 50}", TIERS) for scope in SCOPES] for number in range(ITEMS)]

    def at_once() -> None:
        acquire(batch)

    def one_by_one() -> None:
        for item in batch:
            for demand in item:
                for tier in demand.limits:
                    acquire([[Demand(demand.key, (tier,))]])

    value, control = _median_ms(at_once, 15), _median_ms(one_by_one, 3)
    yield {
        "bench": "limits_acquire",
        "value": round(value, 2),
        "unit": "ms",
        "control": round(control, 1),
        "ratio": round(control / value, 1),
    }


def _median_ms(work: Callable[[], None], times: int) -> float:
    taken = []
    for _ in range(times):
        redis.state().flushdb()
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return sorted(taken)[len(taken) // 2] * 1000
