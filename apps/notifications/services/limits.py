"""How often a provider, an address and a person are written to: what channels publish and what operators say."""

from collections.abc import Mapping
from functools import lru_cache

from apps.core import config
from apps.core.limits import Limit
from apps.notifications.channels.base import Channel
from apps.notifications.tiers import SECONDS, tiers_merged, tiers_read

_HALVED_FROM = 10
USER_TIERS = {"second": "s", "minute": "m", "hour": "h", "day": "d"}


def provider_limits(channel: Channel) -> tuple[Limit, ...]:
    """Of the channel's provider, for all of its addresses together.

    A provider counts when messages arrive, not when they leave: so many of one second and so many of the next, sent at
    the end and at the beginning, could meet on their way. A second's messages leave in halves, which leaves room."""
    limits = _effective(channel, "provider", channel.provider_limits)
    return limits if channel.shared_host else _in_halves(limits)


def endpoint_limits(channel: Channel, address: str) -> tuple[Limit, ...]:
    """Of one address."""
    return _effective(channel, "endpoint", channel.limits_of(address))


def user_limits() -> tuple[Limit, ...]:
    """Of one person, over all their addresses."""
    return tuple(
        Limit(config.get(f"notifications.user_per_{name}"), SECONDS[unit]) for name, unit in USER_TIERS.items()
    )


@lru_cache(maxsize=64)
def _in_halves(limits: tuple[Limit, ...]) -> tuple[Limit, ...]:
    halves = [
        Limit(limit.count // 2, limit.seconds * (limit.count // 2) / limit.count)
        for limit in limits
        if limit.seconds <= 1 and limit.count >= _HALVED_FROM
    ]
    return tiers_merged(limits, halves)


def _effective(channel: Channel, scope: str, published: tuple[Limit, ...]) -> tuple[Limit, ...]:
    own: Mapping[str, tuple[Limit, ...]] = tiers_read(config.get(f"notifications.limits.{channel.name}"))
    return tiers_merged(published, own[scope]) if scope in own else published
