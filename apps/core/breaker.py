"""Circuit breakers shared by all processes: a target that keeps failing is left alone, then tried by a few probes."""

import logging
from collections.abc import Collection
from enum import StrEnum

from apps.core import redis
from apps.core.scripts import Script

logger = logging.getLogger(__name__)

# KEYS of breakers. For each 1 where anything is known of it: a failure, an opening.
_KNOWN = Script("""
local known = {}
for i, key in ipairs(KEYS) do known[i] = redis.call('EXISTS', key) end
return known
""")
_SCRIPT = Script.beside(__file__, "breaker.lua")


class BreakerState(StrEnum):
    """Closed lets everything through, open nothing, half-open a few probes."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


_STATES = (BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN)


class Breaker:
    """Opens after `failures` in a row for `open_seconds`; then `probes` calls all have to work, one failure reopens.

    Every `allow()` that said True is followed by `success()`, `failure()` or `unused()`. With Redis away it lets
    everything through (a guard that fails must not stop what it guards) and says so in the log."""

    def __init__(self, name: str, *, failures: int = 5, open_seconds: float = 60.0, probes: int = 1) -> None:
        if failures < 1 or probes < 1 or open_seconds <= 0:
            raise ValueError(f"breaker {name}: failures, probes and open_seconds must be positive")
        self.name = name
        self._settings = (failures, _microseconds(open_seconds), probes)

    def allow(self) -> bool:
        """Whether a call may be made now; a True in half-open takes one of the probes."""
        return self._run("allow")[0] == 0

    def success(self) -> None:
        """A call worked."""
        self._run("success")

    def failure(self) -> None:
        """A call failed in a way that speaks against the target (not a throttle, not the caller's own mistake)."""
        self._run("failure")

    def unused(self) -> None:
        """A call that was allowed was not made after all, so it says nothing of the target."""
        self._run("unused")

    def trip(self, seconds: float) -> None:
        """Open at once for `seconds` (the target announced maintenance, or asks to be left alone)."""
        self._run("trip", _microseconds(seconds))

    def state(self) -> BreakerState:
        """The state now; reading changes nothing."""
        return self.standing()[0]

    def retry_in(self) -> float:
        """Seconds until an open breaker lets a probe through; 0.0 where it is not open."""
        return self.standing()[1]

    def standing(self) -> tuple[BreakerState, float]:
        """Both at once."""
        state, wait_us = self._run("state")
        return _STATES[state], wait_us / 1_000_000

    def _run(self, action: str, trip_us: int = 0) -> tuple[int, int]:
        try:
            answer = _SCRIPT.run([_key(self.name)], action, *self._settings, trip_us)
        except redis.Error as error:
            logger.warning("Breaker %s does not guard (%s), Redis is away: %s", self.name, action, error)
            return 0, 0
        return int(answer[0]), int(answer[1])


def troubled(names: Collection[str]) -> set[str]:
    """Those of the breakers that are not closed, or have failures to forget; one call for all of them.

    The others let everything through, and a success tells them nothing."""
    if not names:
        return set()
    try:
        known = _KNOWN.run([_key(name) for name in names])
    except redis.Error as error:
        logger.warning("%d breakers do not guard, Redis is away: %s", len(names), error)
        return set()
    return {name for name, is_known in zip(names, known, strict=True) if is_known}


def _key(name: str) -> str:
    return f"arbedge:breaker:{name}"


def _microseconds(seconds: float) -> int:
    return max(1, round(seconds * 1_000_000))
