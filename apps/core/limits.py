"""Rate limits across all processes: several tiers and scopes per item, a whole batch in one atomic call."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from apps.core import redis
from apps.core.exceptions import TemporaryError
from apps.core.scripts import Script

logger = logging.getLogger(__name__)

_ACQUIRE = Script.beside(__file__, "limits.lua")
_CLOSE = Script.beside(__file__, "limits_tap.lua")


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `count` grants in any window of `seconds`."""

    count: int
    seconds: float

    def __post_init__(self) -> None:
        if self.count < 1 or not 0.001 <= self.seconds <= 31_536_000:
            raise ValueError(f"no usable limit: {self.count} per {self.seconds} s")

    @property
    def window_us(self) -> int:
        """The window in whole microseconds."""
        return round(self.seconds * 1_000_000)


@dataclass(frozen=True, slots=True)
class Demand:
    """`cost` grants of a scope ("telegram:bot", "telegram:chat:42") under all its tiers at once."""

    key: str
    limits: tuple[Limit, ...]
    cost: int = 1

    def __post_init__(self) -> None:
        if self.cost < 1 or any(self.cost > limit.count for limit in self.limits):
            raise ValueError(f"{self.key}: a cost of {self.cost} can never be granted")
        if len({limit.window_us for limit in self.limits}) < len(self.limits):
            raise ValueError(f"{self.key}: two tiers have the same window")


def acquire(batch: Sequence[Sequence[Demand]]) -> list[float]:
    """Per item, in order: 0.0 where every demand is granted and consumed, else the seconds to wait, nothing consumed.

    One Lua call for the batch, by the server's clock; an item sees what the items before it consumed. An item's keys
    differ from each other (ValueError). Raises TemporaryError(code="limits_away") when Redis is: nothing may be sent
    then, and nothing is lost, because what waits is a row."""
    numbers: dict[str, int] = {}
    items = [[_encoded(demand, numbers) for demand in item] for item in batch]
    for item, demands in zip(batch, items, strict=True):
        if len({number for number, _, _ in demands}) < len(item):
            raise ValueError("an item demands the same key twice")
    if not numbers:
        return [0.0] * len(items)
    keys = [_key(name) for name in numbers]
    try:
        waits: list[int] = _ACQUIRE.run(keys, msgspec.msgpack.encode(items))
    except redis.Error as error:
        raise TemporaryError("Rate limits are not available.", code="limits_away") from error
    return [wait / 1_000_000 for wait in waits]


@dataclass(frozen=True, slots=True)
class Usage:
    """What of a key's budget is used now: grants per tier (by its window in seconds), and for how many seconds its tap
    stays closed."""

    granted: Mapping[float, int]
    closed_s: float


def usage(key: str) -> Usage:
    """What is used of `key` at this moment; reading changes nothing. Raises TemporaryError(code="limits_away")."""
    try:
        pipe = redis.state().pipeline(transaction=False)
        pipe.time()
        pipe.get(_key(key))
        (seconds, microseconds), data = pipe.execute()
    except redis.Error as error:
        raise TemporaryError("Rate limits are not available.", code="limits_away") from error
    now = seconds * 1_000_000 + microseconds
    # The script's state: "tap" until when, and per window (µs) a flat list of first, last, count.
    state = msgspec.msgpack.decode(data) if data else {}
    closed_s = max(0, state.pop("tap", now) - now) / 1_000_000
    granted = {}
    for window, log in state.items():
        entries = zip(log[1::3], log[2::3], strict=True)
        granted[int(window) / 1_000_000] = sum(count for last, count in entries if last + int(window) > now)
    return Usage(granted, closed_s)


def close_tap(key: str, seconds: float) -> None:
    """Nobody gets a grant on `key` for `seconds` (a provider's 429); the longest closure asked for holds.

    With Redis away it is only logged: without Redis nobody gets a grant anyway."""
    try:
        _CLOSE.run([_key(key)], max(1, round(seconds * 1_000_000)))
    except redis.Error as error:
        logger.warning("Tap of %s not closed for %.1f s, Redis is away: %s", key, seconds, error)


def forget(key: str) -> None:
    """What was granted on `key` counts no longer. Raises TemporaryError(code="limits_away") when Redis is away."""
    try:
        redis.state().delete(_key(key))
    except redis.Error as error:
        raise TemporaryError("Rate limits are not available.", code="limits_away") from error


def _key(name: str) -> str:
    return f"arbedge:limit:{name}"


def _encoded(demand: Demand, numbers: dict[str, int]) -> tuple[int, int, list[tuple[int, int]]]:
    # Lua counts from 1.
    number = numbers.setdefault(demand.key, len(numbers) + 1)
    return number, demand.cost, [(limit.count, limit.window_us) for limit in demand.limits]
