"""The two Redis stores: `state` must not lose keys (locks, limits, breakers), `cache` may (snapshots, books).

This is the house's only door to the Redis library, which loads with the first use of a store: a command that asks
nothing of Redis doesn't wait for it. What stores raise is `Error` here."""

from __future__ import annotations

import importlib
from functools import cache as memoized
from typing import TYPE_CHECKING, Any

from django.conf import settings

if TYPE_CHECKING:
    import redis

    Client = redis.Redis
    Error = redis.RedisError
    NoScriptError = redis.exceptions.NoScriptError

# Seconds until a store that does not answer is given up.
SOCKET_TIMEOUT_S = 2.0

_OF_THE_LIBRARY = {"Client": "Redis", "Error": "RedisError", "NoScriptError": "exceptions.NoScriptError"}


def state() -> Client:
    """The client of the non-evicting store; one pool per process, safe across threads and forks."""
    return _client(settings.REDIS_URL)


def cache() -> Client:
    """The client of the evicting store; one pool per process, safe across threads and forks."""
    return _client(settings.CACHE_URL)


@memoized
def _client(url: str) -> Client:
    from apps.core import redis_client

    return redis_client.connect(url, timeout_s=SOCKET_TIMEOUT_S)


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """`Client`, `Error` and `NoScriptError`: the library's own, when they are first asked for."""
        path = _OF_THE_LIBRARY.get(name)
        if path is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value: Any = importlib.import_module("redis")
        for part in path.split("."):
            value = getattr(value, part)
        globals()[name] = value
        return value
