"""Limits that operators write, one line per channel: `provider 25/s 50000/d endpoint 500/d`."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from apps.core.limits import Limit

SCOPES = ("provider", "endpoint")
SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_TIER = re.compile(r"(?P<count>[1-9][0-9]{0,8})/(?P<unit>[smhd])")
_NO_TIERS: Mapping[str, tuple[Limit, ...]] = {}


@lru_cache(maxsize=64)
def tiers_read(text: str) -> Mapping[str, tuple[Limit, ...]]:
    """The tiers by scope; ValueError says what can't be read."""
    if not text.strip():
        return _NO_TIERS
    found: dict[str, dict[float, Limit]] = {}
    scope = ""
    for word in text.split():
        if word in SCOPES:
            scope = word
            continue
        tier = _TIER.fullmatch(word)
        if not scope or tier is None:
            raise ValueError(f"{word!r} is no limit: write for example provider 25/s 50000/d endpoint 500/d")
        seconds = SECONDS[tier["unit"]]
        if seconds in found.setdefault(scope, {}):
            raise ValueError(f"{scope} has two limits per {tier['unit']}")
        found[scope][seconds] = Limit(int(tier["count"]), seconds)
    return {name: tuple(tiers.values()) for name, tiers in found.items()}


def tiers_merged(published: Iterable[Limit], own: Iterable[Limit]) -> tuple[Limit, ...]:
    """The channel's limits; what operators say of the same span of time counts before them."""
    by_window = {limit.window_us: limit for limit in (*published, *own)}
    return tuple(by_window.values())
