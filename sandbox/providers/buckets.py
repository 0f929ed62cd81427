"""Rate limits of providers as token buckets."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Rate:
    """`count` per `seconds` on average and at most `burst` at once."""

    count: float
    seconds: float
    burst: float


@dataclass(slots=True)
class Buckets:
    """The state of many buckets, by key."""

    _levels: dict[str, tuple[float, float]] = field(default_factory=dict)

    def take(self, wanted: list[tuple[str, Rate]], now: float) -> float:
        """Take one token of each bucket, or of none: 0.0 when granted, else the seconds until all would grant it."""
        levels = {key: self._level(key, rate, now) for key, rate in wanted}
        wait = max((1.0 - levels[key]) * rate.seconds / rate.count for key, rate in wanted)
        if wait > 0.0:
            return wait
        for key, level in levels.items():
            self._levels[key] = (level - 1.0, now)
        return 0.0

    def left(self, key: str, rate: Rate, now: float) -> tuple[int, float]:
        """How many tokens a bucket has, and the seconds until it has one (0.0 where it has)."""
        level = self._level(key, rate, now)
        return int(level), max(0.0, (1.0 - level) * rate.seconds / rate.count)

    def clear(self) -> None:
        """Fill every bucket."""
        self._levels.clear()

    def _level(self, key: str, rate: Rate, now: float) -> float:
        level, at = self._levels.get(key, (rate.burst, now))
        return min(rate.burst, level + (now - at) * rate.count / rate.seconds)
