"""Memory of the process over many polls: 20,000 decoded by us and 2,000 by ccxt."""

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command

from apps.markets import services
from apps.markets.enums import FeedState, SnapshotKind
from tests.markets.offline import offline, offline_adapters, world_answers

COUNTS = {"typed": 20_000, "generic": 2_000}
# The allocator's arenas are full and SQLite's cache is warm by then.
WARM = 0.1
MOST = 1.02
_KB = 1024


def figures() -> Iterator[dict[str, Any]]:
    """MB of resident memory after all polls; the control is that after a tenth of them."""
    call_command("migrate", verbosity=0)
    settings.EXCHANGES = ["bybit"]
    outside = world_answers()
    for path, count in COUNTS.items():
        with offline_adapters({"bybit": offline("bybit", outside, generic=path == "generic")}):
            services.exchanges_setup()
            services.exchange_sync_markets(exchange="bybit")
            _polls(round(count * WARM))
            control = _resident_mb()
            _polls(count - round(count * WARM))
            value = _resident_mb()
        yield {
            "bench": "memory",
            "path": path,
            "polls": count,
            "value": round(value, 1),
            "unit": "MB",
            "control": round(control, 1),
            "ratio": round(value / control, 3),
            "ok": value / control <= MOST,
        }


def _polls(count: int) -> None:
    kinds = list(SnapshotKind)
    for number in range(count):
        report = services.ingest(exchange="bybit", kind=kinds[number % len(kinds)])
        if report is None or report.state is not FeedState.OK:
            raise AssertionError(f"poll {number} did not come: {report}")


def _resident_mb() -> float:
    gc.collect()
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / _KB
