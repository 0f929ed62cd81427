"""Answers about the whole system, remembered for a moment so that asking often costs little."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from django.db import Error as DatabaseError

from apps.core import health, redis
from apps.core.health import Health, HealthState
from apps.markets.selectors import feeds_status
from apps.markets.types import FeedStatus
from apps.monitoring import probes

logger = logging.getLogger(__name__)
T = TypeVar("T")

# Seconds that an answer is given again. Anybody may ask, so the rate of probing must not be theirs to choose.
BRIEF_S = 1.0
DETAILED_S = 3.0
_SEVERITY: Mapping[HealthState, int] = {"healthy": 0, "degraded": 1, "unhealthy": 2}


class Remembered(Generic[T]):
    """The answer of `ask`, asked at most once in `seconds` per process, by one thread at a time."""

    def __init__(self, ask: Callable[[], T], seconds: float) -> None:
        self._ask, self._seconds = ask, seconds
        self._lock = threading.Lock()
        self._until = 0.0
        self._answer: T

    def __call__(self) -> T:
        """The answer, at most `seconds` old."""
        with self._lock:
            if time.monotonic() >= self._until:
                self._answer = self._ask()
                self._until = time.monotonic() + self._seconds
            return self._answer

    def forget(self) -> None:
        """Ask again next time."""
        with self._lock:
            self._until = 0.0


def health_worst(parts: Mapping[str, Health]) -> HealthState:
    """The state of the worst part; healthy where there are none."""
    return max((part.state for part in parts.values()), key=_SEVERITY.__getitem__, default="healthy")


def _serving() -> HealthState:
    try:
        probes.database()
        probes.redis_state()
    except (DatabaseError, redis.Error) as error:
        logger.warning("Unhealthy: %s", type(error).__name__)
        return "unhealthy"
    return "healthy"


def _feeds() -> list[FeedStatus]:
    try:
        return feeds_status()
    except DatabaseError as error:
        logger.warning("No word on the feeds: %s", type(error).__name__)
        return []


health_brief = Remembered(_serving, BRIEF_S)
"""Whether this process can serve: database and Redis state store answer."""

health_parts = Remembered(health.check_all, DETAILED_S)
"""Every registered probe's answer, by name."""

health_feeds = Remembered(_feeds, DETAILED_S)
"""What each exchange's data is like; empty where the database is away, which the parts tell."""
