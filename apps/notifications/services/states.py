"""The state machine of a delivery, as a pure function: what has happened, and what follows from it."""

import random as _random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from apps.core.retry import backoff
from apps.notifications.enums import DeliveryState, Outcome


class Happened(StrEnum):
    """Everything that can come of a lease. Those that are also an `Outcome` were a try and leave an attempt row."""

    DELIVERED = "delivered"
    TEMPORARY = "temporary"
    THROTTLED = "throttled"
    PERMANENT = "permanent"
    LOST = "lost"
    EXPIRED = "expired"  # too late to be worth sending
    UNUSABLE = "unusable"  # nothing can be sent here: endpoint disabled, channel off, no words
    BLOCKED = "blocked"  # the target's breaker is open
    LIMITED = "limited"  # our own rate limit says wait
    HELD = "held"  # its reader does not want to be disturbed now

    @property
    def outcome(self) -> Outcome | None:
        """The outcome of the try, None where none was made."""
        return Outcome(self.value) if self.value in Outcome else None


# A throttle is the provider's wish and no failure; the others below were never tried.
_COUNTED = frozenset({Happened.DELIVERED, Happened.TEMPORARY, Happened.PERMANENT, Happened.LOST})


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one leased delivery. `wait_s` is for THROTTLED, BLOCKED, LIMITED and HELD, and for DELIVERED where
    the next message to this address has to wait; `all_addresses` where a throttle is for the whole provider."""

    happened: Happened
    code: str = ""
    reason: str = ""
    wait_s: float = 0.0
    provider_message_id: str = ""
    new_address: str = ""
    endpoint_gone: bool = False
    all_addresses: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the delivery stood: tries counted and allowed, whether another could take over, until when it matters."""

    attempts: int
    budget: int
    has_next: bool
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Verdict:
    """The delivery's new state. `wait_s` (until the next try) only for pending; a FAILED one is taken over by the next
    endpoint."""

    state: DeliveryState
    attempts: int
    wait_s: float | None = None


def decide(
    result: Result, standing: Standing, *, now: datetime, random: Callable[[], float] = _random.random
) -> Verdict:
    """What follows from `result` for a delivery that stood at `standing`; `now` and `expires_at` are app time."""
    attempts = standing.attempts + (result.happened in _COUNTED)
    match result.happened:
        case Happened.DELIVERED:
            return Verdict(DeliveryState.DELIVERED, attempts)
        case Happened.EXPIRED:
            return Verdict(DeliveryState.EXPIRED, attempts)
        case Happened.PERMANENT | Happened.UNUSABLE:
            return _given_up(standing, attempts)
        case Happened.TEMPORARY | Happened.LOST if attempts >= standing.budget:
            return _given_up(standing, attempts)
        case Happened.HELD if now + timedelta(seconds=result.wait_s) >= standing.expires_at:
            # The reader's wish, on whichever channel: no other one takes over.
            return Verdict(DeliveryState.EXPIRED, attempts)
        case Happened.BLOCKED if standing.has_next:
            return _given_up(standing, attempts)
        case Happened.TEMPORARY:
            # 2, 8, 32 … s at most: soon at first, and in the end longer than a receiver's restart takes.
            wait_s = backoff(2 * attempts - 1, base=2.0, random=random)
        case Happened.LOST:
            # The lease has been wait enough.
            wait_s = 0.0
        case _:
            wait_s = result.wait_s
    if now + timedelta(seconds=wait_s) >= standing.expires_at:
        return _given_up(standing, attempts, otherwise=DeliveryState.EXPIRED)
    return Verdict(DeliveryState.PENDING, attempts, wait_s)


def _given_up(standing: Standing, attempts: int, *, otherwise: DeliveryState = DeliveryState.DEAD) -> Verdict:
    return Verdict(DeliveryState.FAILED if standing.has_next else otherwise, attempts)
