"""Request weights: how much a host has been asked, and its refusals where a test or an operator gives it a limit.

Weights: https://developers.binance.com/docs/binance-spot-api-docs/rest-api/market-data-endpoints; other hosts count
every request as one. Refusals: https://developers.binance.com/docs/binance-spot-api-docs/rest-api/limits (429, and for
who goes on asking 418)."""

import math
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from sandbox.calls import Call

# Who is refused this often in a window without stopping is banned for longer.
_PATIENCE = 10
_BAN_S = 120


class WeightLimit(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """At most `weight` in any `seconds` on `host` (an exact name)."""

    host: str
    weight: int
    seconds: float

    def __post_init__(self) -> None:
        """Refuse what can't be meant."""
        if self.weight < 1 or self.seconds <= 0:
            raise ValueError("weight and seconds must be positive")


@dataclass(slots=True)
class _Count:
    limit: WeightLimit
    log: deque[tuple[float, int]] = field(default_factory=deque)
    used: int = 0
    peak: int = 0
    calls: int = 0
    refused: int = 0
    in_a_row: int = 0


class Weights:
    """The hosts with a limit; the others may be asked as much as one likes."""

    def __init__(self) -> None:
        self._counts: dict[str, _Count] = {}

    def replace(self, limits: list[WeightLimit]) -> None:
        """These limits and no others, counted from now on."""
        self._counts = {limit.host: _Count(limit) for limit in limits}

    def refusal(self, call: Call) -> tuple[int, int] | None:
        """Status and Retry-After in seconds where this call is too much; else it is counted."""
        count = self._counts.get(call.host)
        if count is None:
            return None
        while count.log and count.log[0][0] <= call.now - count.limit.seconds:
            count.used -= count.log.popleft()[1]
        weight = weight_of(call)
        count.calls += 1
        if count.used + weight > count.limit.weight:
            count.refused += 1
            count.in_a_row += 1
            if count.in_a_row > _PATIENCE:
                return 418, _BAN_S
            return 429, max(1, math.ceil(count.log[0][0] + count.limit.seconds - call.now)) if count.log else 1
        count.in_a_row = 0
        count.log.append((call.now, weight))
        count.used += weight
        count.peak = max(count.peak, count.used)
        return None

    def describe(self) -> list[dict[str, Any]]:
        """Each limit with the most that lay in any window of it, calls and refusals."""
        return [
            {**msgspec.to_builtins(count.limit), "peak": count.peak, "calls": count.calls, "refused": count.refused}
            for count in self._counts.values()
        ]


def weight_of(call: Call) -> int:
    """The weight of a call, in its host's own counting."""
    weigh = _WEIGHTS.get(call.host, {}).get(call.path)
    return 1 if weigh is None else weigh(call)


def _depth(call: Call) -> int:
    levels = int(call.query.get("limit", "100"))
    return next(weight for most, weight in ((100, 5), (500, 25), (1000, 50), (math.inf, 250)) if levels <= most)


_WEIGHTS: Mapping[str, Mapping[str, Callable[[Call], int]]] = {
    "api.binance.com": {
        "/api/v3/exchangeInfo": lambda call: 20,
        "/api/v3/ticker/24hr": lambda call: 2 if "symbol" in call.query else 80,
        "/api/v3/ticker/bookTicker": lambda call: 2 if "symbol" in call.query else 4,
        "/api/v3/depth": _depth,
    },
}
