"""The two Redis stores: `state` must not lose keys (locks, limits, breakers), `cache` may (snapshots, books)."""

import time
from functools import cache as memoized
from typing import Any

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

SOCKET_TIMEOUT_S = 2.0
CONNECT_TIMEOUT_S = 1.0
# So long after a time-out nobody in this process asks again: a loop over a hanging server would wait for every step.
AWAY_S = 1.0


class _Store(redis.Redis):
    """A client that fails at once for a moment after its server did not answer in time."""

    _away_until = 0.0

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """One command; redis.TimeoutError at once where the last time-out was less than AWAY_S ago."""
        if time.monotonic() < self._away_until:
            raise redis.TimeoutError("Redis has just not answered in time.")
        try:
            return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
        except redis.TimeoutError:
            self._away_until = time.monotonic() + AWAY_S
            raise


def state() -> redis.Redis:
    """The client of the non-evicting store; one pool per process, safe across threads and forks."""
    return _client(settings.REDIS_URL)


def cache() -> redis.Redis:
    """The client of the evicting store; one pool per process, safe across threads and forks."""
    return _client(settings.CACHE_URL)


@memoized
def _client(url: str) -> redis.Redis:
    return _Store.from_url(
        url,
        decode_responses=False,
        socket_timeout=SOCKET_TIMEOUT_S,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        socket_keepalive=True,
        health_check_interval=25,
        # One more try heals a connection that a restart of Redis cut; a time-out is not repeated, it would only add up.
        retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
    )
