"""How often senders called a provider against what it publishes. Calls that a fault answered count too: a real provider
counts those as well."""

from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from sandbox.calls import Call
from sandbox.providers.buckets import Buckets, Rate

Scopes = list[tuple[str, Rate]]


@runtime_checkable
class Limited(Protocol):
    """A host with published limits."""

    def scopes(self, call: Call) -> Scopes:
        """What this call counts for, the kind first: `all`, `chat 42`; nothing for a call that no limit binds."""


def scopes_of(host: object, call: Call) -> Scopes:
    """What a call to this host counts for; nothing where it publishes no limits."""
    return host.scopes(call) if isinstance(host, Limited) else []


@dataclass(slots=True)
class _Count:
    rate: Rate
    calls: int = 0
    exceeded: int = 0
    worst: dict[str, int] = field(default_factory=dict)


class Tally:
    """Calls by host and kind of scope; one is over the limit where the published rate and burst would not grant it."""

    def __init__(self) -> None:
        self._buckets = Buckets()
        self._counts: dict[tuple[str, str], _Count] = {}

    def seen(self, host: str, scopes: Scopes, now: float) -> None:
        """Count one call; `now` is Unix seconds."""
        for key, rate in scopes:
            count = self._counts.setdefault((host, key.partition(" ")[0]), _Count(rate))
            count.calls += 1
            if self._buckets.take([(f"{host} {key}", rate)], now) > 0.0:
                count.exceeded += 1
                count.worst[key] = count.worst.get(key, 0) + 1

    def describe(self) -> list[dict[str, Any]]:
        """Each kind of scope: its limit, calls, how many were too many, and the three that suffered most."""
        return [
            {
                "host": host,
                "scope": kind,
                "limit": f"{count.rate.count:g} per {count.rate.seconds:g} s, {count.rate.burst:g} at once",
                "calls": count.calls,
                "exceeded": count.exceeded,
                "worst": sorted(count.worst, key=count.worst.__getitem__, reverse=True)[:3],
            }
            for (host, kind), count in sorted(self._counts.items())
        ]

    def reset(self) -> None:
        """Count anew."""
        self._buckets.clear()
        self._counts.clear()
