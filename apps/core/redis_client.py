"""The client of the Redis library; loaded with the first use of a store."""

import time
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

CONNECT_TIMEOUT_S = 1.0
# So long after a time-out nobody in this process asks again: a loop over a hanging server would wait for every step.
AWAY_S = 1.0


class Store(redis.Redis):
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


def connect(url: str, *, timeout_s: float) -> redis.Redis:
    """A client with a pool of its own, which gives an answer up after `timeout_s`; nothing is connected yet."""
    return Store.from_url(
        url,
        decode_responses=False,
        socket_timeout=timeout_s,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        socket_keepalive=True,
        health_check_interval=25,
        # One more try heals a connection that a restart of Redis cut; a time-out is not repeated, it would only add up.
        retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
    )
