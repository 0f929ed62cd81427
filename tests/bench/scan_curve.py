"""What a scan of all two-leg kinds costs as the market grows: linear in instruments, at most quadratic in exchanges."""

from collections.abc import Iterator
from typing import Any

from tests.opportunities.bench import scan_cost

# Above the exponent that is promised: the smallest markets cost what every call costs, the largest leave the caches.
SLACK = 0.3


def figures() -> Iterator[dict[str, Any]]:
    """One figure per size, twice the one before, whose cost is the control."""
    yield from _grown("exchanges", 2.0, [(count, 2000) for count in (3, 6, 12, 24)])
    yield from _grown("instruments", 1.0, [(12, count) for count in (500, 1000, 2000, 4000)])


def _grown(what: str, promised: float, sizes: list[tuple[int, int]]) -> Iterator[dict[str, Any]]:
    before: float | None = None
    for exchanges, instruments in sizes:
        value = scan_cost(exchanges, instruments)
        figure = {
            "bench": "scan_curve",
            "over": what,
            "exchanges": exchanges,
            "instruments": instruments,
            "value": round(value, 3),
            "unit": "ms",
            "control": None if before is None else round(before, 3),
            "ratio": None if before is None else round(value / before, 2),
        }
        # Each size is twice the one before.
        yield figure if before is None else figure | {"ok": value <= before * 2 ** (promised + SLACK)}
        before = value
