"""What is counted, and how it adds up."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

from apps.notifications.statistics.spread import Spread

# Numbers of a cell that add up by themselves; columns of the stored row have the same names.
COUNTS: Final = ("delivered", "failed", "dead", "expired", "retried", "attempts")


class Place(NamedTuple):
    """What a cell is about: the hour in which the message ended, and where it was to go. `provider` is a host, "" where
    no try came so far; `template` is the name of the words."""

    hour: datetime
    channel: str
    provider: str
    template: str


@dataclass(slots=True)
class Cell:
    """What became of deliveries. `failed` ones were taken over by another endpoint, `dead` ones by nobody; `retried`
    took more than one try. `reasons` (of deliveries that were not delivered) and `errors` (of tries) are counted by
    "trouble/code". `latency` is from the moment a message was due to its delivery, `calls` how long tries took."""

    delivered: int = 0
    failed: int = 0
    dead: int = 0
    expired: int = 0
    retried: int = 0
    attempts: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    latency: Spread = field(default_factory=Spread)
    calls: Spread = field(default_factory=Spread)

    def add(self, other: "Cell") -> None:
        """Add what another one counted."""
        for name in COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.reasons.update(other.reasons)
        self.errors.update(other.errors)
        self.latency.add(other.latency)
        self.calls.add(other.calls)

    @property
    def deliveries(self) -> int:
        """All that ended."""
        return self.delivered + self.failed + self.dead + self.expired

    @property
    def success_rate(self) -> float | None:
        """Delivered of those that ended, 0 to 1; None of nothing."""
        return self.delivered / self.deliveries if self.deliveries else None

    @property
    def attempts_mean(self) -> float | None:
        """Tries per delivery that ended; None of nothing."""
        return self.attempts / self.deliveries if self.deliveries else None
