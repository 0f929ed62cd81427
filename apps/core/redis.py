"""The two Redis stores: `state` must not lose keys (locks, limits, breakers), `cache` may (snapshots, books)."""

from functools import cache as memoized

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

SOCKET_TIMEOUT_S = 2.0
CONNECT_TIMEOUT_S = 1.0


def state() -> redis.Redis:
    """The client of the non-evicting store; one pool per process, safe across threads and forks."""
    return _client(settings.REDIS_URL)


def cache() -> redis.Redis:
    """The client of the evicting store; one pool per process, safe across threads and forks."""
    return _client(settings.CACHE_URL)


@memoized
def _client(url: str) -> redis.Redis:
    return redis.Redis.from_url(
        url,
        decode_responses=False,
        socket_timeout=SOCKET_TIMEOUT_S,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        socket_keepalive=True,
        health_check_interval=25,
        # One more try heals a connection that a restart of Redis cut; a time-out is not repeated, it would only add up.
        retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
    )
