"""How many requests a caller may send in a window: one atomic call for many callers, and what the answers say of it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from apps.core import redis
from apps.core.exceptions import TemporaryError
from apps.core.scripts import Script

WINDOW_S: Final = 60
NAME: Final = "requests"
_TAKE = Script.beside(__file__, "quota.lua")


@dataclass(frozen=True, slots=True)
class Ask:
    """`wanted` requests of `key`'s `limit` in a window; `back` of those that were taken from window `of` weren't
    used."""

    key: str
    limit: int
    wanted: int = 1
    back: int = 0
    of: int = 0


@dataclass(frozen=True, slots=True)
class Share:
    """What was granted, what is left for others to take, when the window ends (seconds from now), and which it is."""

    limit: int
    granted: int
    left: int
    ends_s: float
    window: int

    def headers(self) -> dict[str, str]:
        """As the IETF's draft names them: https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/"""
        return {"RateLimit-Policy": policy(self.limit), "RateLimit": state(self.left, self.ends_s)}


def policy(limit: int) -> str:
    """An item of `RateLimit-Policy`."""
    return f'"{NAME}";q={limit};w={WINDOW_S}'


def state(left: int, ends_s: float) -> str:
    """An item of `RateLimit`: how many are left, and whole seconds until there are more."""
    return f'"{NAME}";r={left};t={max(1, math.ceil(ends_s))}'


def take(asks: Sequence[Ask]) -> list[Share]:
    """Take requests off the callers' windows, in one call for all. Raises TemporaryError (`limits_away`) without Redis.

    Never more than the limit is granted in a window, whoever asks; what isn't granted isn't counted."""
    if not asks:
        return []
    rows = [(ask.limit, WINDOW_S * 1000, ask.wanted, ask.back, ask.of) for ask in asks]
    try:
        answers = _TAKE.run([f"arbedge:quota:{ask.key}" for ask in asks], msgspec.msgpack.encode(rows))
    except redis.Error as error:
        raise TemporaryError("Rate limits are not available.", code="limits_away") from error
    return [
        Share(ask.limit, granted, left, ends_ms / 1000, window)
        for ask, (granted, left, ends_ms, window) in zip(asks, answers, strict=True)
    ]
