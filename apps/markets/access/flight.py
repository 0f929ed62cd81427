"""One fetch per question at a time: threads of this process wait for each other, other processes don't."""

import logging
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from apps.core import redis
from apps.core.scripts import Script
from apps.markets.access.base import Query

logger = logging.getLogger(__name__)

# Longer than any fetch (loading markets takes at most 45 s); a killed process holds others up for so long.
FLIGHT_S: Final = 60.0
_WAIT_S: Final = 50.0
_LEAVE = Script("if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0")


class _Flights:
    """A lock per question that is being asked in this process, with how many hold or wait for it."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._locks: dict[str, tuple[threading.Lock, int]] = {}

    @contextmanager
    def turn(self, key: str) -> Iterator[bool]:
        with self._guard:
            lock, users = self._locks.get(key, (threading.Lock(), 0))
            self._locks[key] = (lock, users + 1)
        mine = lock.acquire(timeout=_WAIT_S)
        try:
            yield mine
        finally:
            if mine:
                lock.release()
            with self._guard:
                lock, users = self._locks[key]
                if users == 1:
                    del self._locks[key]
                else:
                    self._locks[key] = (lock, users - 1)


_flights = _Flights()


@contextmanager
def single_flight(query: Query[Any]) -> Iterator[bool]:
    """True for the one that may fetch; False where another process is at it. With Redis away every process may."""
    name = f"markets:access:flight:{query.name}:{query.key}"
    with _flights.turn(name) as first:
        token = uuid.uuid4().hex
        mine = first and _enter(name, token)
        try:
            yield mine
        finally:
            if mine:
                _leave(name, token)


def _enter(name: str, token: str) -> bool:
    try:
        return bool(redis.state().set(name, token, nx=True, px=round(FLIGHT_S * 1000)))
    except redis.Error as error:
        logger.warning("Fetching without a lock, Redis is away: %s", error)
        return True


def _leave(name: str, token: str) -> None:
    try:
        _LEAVE.run([name], token)
    except redis.Error as error:
        logger.warning("%s stays until it expires: %s", name, error)
