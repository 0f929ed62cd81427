"""Sightings of the same legs, one soon after the other, are one opportunity."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from apps.opportunities.replay.execution import Execution
from apps.opportunities.replay.sightings import Sighting
from apps.opportunities.strategies.base import Strategy

# The kind, and (market, side) of each leg.
Key: TypeAlias = tuple[str, tuple[tuple[int, int], ...]]


@dataclass(slots=True)
class Episode:
    """From `first` until `last_seen` (Unix µs), best at `best`; `execution` is what taking it came to, if tried."""

    first: Sighting
    best: Sighting
    last_seen: int
    sightings: int = 1
    execution: Execution | None = None

    @property
    def lifetime_s(self) -> float:
        """Seconds from the first sighting to the last."""
        return (self.last_seen - self.first.at) / 1e6


@dataclass(slots=True)
class Episodes:
    """All of them in the order of their first sightings' scans. One goes on as long as it is seen again within the
    `unseen_s` of its kind, for which it is believed live as well; then the next sighting opens another."""

    all: list[Episode] = field(default_factory=list)
    _newest: dict[Key, Episode] = field(default_factory=dict)

    def see(self, key: Key, strategy: Strategy, at: int, net: float, seen: Callable[[], Sighting]) -> Episode | None:
        """Note a sighting at `at` (Unix µs), made by `seen` if it is needed. The new episode, if this opens one."""
        episode = self._newest.get(key)
        if episode is None or at - episode.last_seen > strategy.unseen_s * 1_000_000:
            sighting = seen()
            episode = self._newest[key] = Episode(sighting, sighting, at)
            self.all.append(episode)
            return episode
        episode.sightings += 1
        episode.last_seen = max(episode.last_seen, at)
        if net > episode.best.net:
            episode.best = seen()
        return None
