"""Who is served first, as pure functions: the lower the key, the earlier. Ties are broken by id, so that the same
people always stand in the same order."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias
from uuid import UUID

from apps.distribution.types import Recipient, Standing

Key: TypeAlias = tuple[object, ...]
Strategy: TypeAlias = Callable[[Recipient, Standing, datetime], Key]

# How far back the line remembers; whoever was served before that counts as never served.
REMEMBERED: Final = timedelta(days=7)
_NEVER = datetime.min.replace(tzinfo=UTC)
_NEW = Standing()


def first_come(recipient: Recipient, _standing: Standing, _now: datetime) -> Key:
    """Whoever joined first is always first."""
    return (recipient.joined_at,)


def round_robin(_recipient: Recipient, standing: Standing, _now: datetime) -> Key:
    """Whoever was given least of late, whatever they pay, and of those whoever has waited longest: nobody is served
    twice before everybody was served once."""
    return (standing.times, standing.served_at or _NEVER)


def priority(recipient: Recipient, standing: Standing, now: datetime) -> Key:
    """Whoever has waited longest, each second counting as much as the tier weighs; without a weight before all."""
    waited = REMEMBERED if standing.served_at is None else min(now - standing.served_at, REMEMBERED)
    return (recipient.weight is not None, -waited * (recipient.weight or 1), standing.times)


STRATEGIES: Final[Mapping[str, Strategy]] = {
    "first_come": first_come,
    "round_robin": round_robin,
    "priority": priority,
}


def in_line(
    recipients: Iterable[Recipient], standings: Mapping[UUID, Standing], strategy: str, *, now: datetime
) -> list[Recipient]:
    """The recipients in the order in which `strategy` serves them; who has no standing was never served."""
    key = STRATEGIES[strategy]
    return sorted(recipients, key=lambda one: (*key(one, standings.get(one.id, _NEW), now), one.id))
