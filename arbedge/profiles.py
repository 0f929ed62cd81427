"""What `PROFILE` sets: the defaults that trade speed against certainty, for every room at once."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Profile:
    """Defaults; each can be overridden by its own environment variable of the same name in capitals."""

    delivery_batch: int
    delivery_concurrency: int
    delivery_timeout_s: int
    delivery_attempts: int


PROFILES = {
    "balanced": Profile(50, 100, 20, 4),
    "high_performance": Profile(100, 200, 15, 3),
    "high_reliability": Profile(25, 50, 60, 5),
}
