"""The flow, written down once: which event rings which task. It is the only place where a lower room's news reaches a
higher room's task. A lost message delays and never loses: each stage is on the beat schedule by itself as well."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from apps.accounts.events import RecoveryAsked
from apps.accounts.types import ExchangeKeyDue, LettersWritten
from apps.core import events, queue
from apps.core.events import Event
from apps.markets.events import BooksStored, SnapshotStored
from apps.notifications.types import DeliveriesDue
from apps.opportunities.types import CandidatesFound, MarkoutsDue, OpportunitiesActive

Message = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Ring:
    """One message for a task: its arguments, the key under which ringing coalesces, its queue and its delay."""

    kwargs: Message
    key: str = ""
    queue: str | None = None
    countdown: float = 0.0
    coalesce: bool = True


@dataclass(frozen=True, slots=True)
class Step:
    """When `event` is published, `task` is rung once for each message that `rings` makes of it."""

    event: type[Event]
    task: str
    rings: Callable[[Any], tuple[Ring, ...]]


def _once(_: Event) -> tuple[Ring, ...]:
    return (Ring({}),)


def _feed(event: SnapshotStored) -> tuple[Ring, ...]:
    return (Ring({"feed": event.kind, "exchange": event.exchange}, key=f"{event.exchange}:{event.kind}"),)


def _opportunities(_: OpportunitiesActive) -> tuple[Ring, ...]:
    # What triggers on opportunities are loaded by; they look at all that are active, whichever is new.
    return (Ring({"feed": "opportunities"}, key=":opportunities"),)


def _markets(event: CandidatesFound | MarkoutsDue | BooksStored) -> tuple[Ring, ...]:
    # Not coalesced: the markets are the message.
    return (Ring({"market_ids": list(event.market_ids)}, coalesce=False),)


def _after_alert(_: OpportunitiesActive) -> tuple[Ring, ...]:
    return tuple(Ring({}, key=str(seconds), countdown=seconds) for seconds in (1, 5, 30, 60))


def _key(event: ExchangeKeyDue) -> tuple[Ring, ...]:
    return (Ring({"key_id": str(event.key_id)}, key=str(event.key_id)),)


def _per_priority(event: DeliveriesDue) -> tuple[Ring, ...]:
    return tuple(Ring({"priority": name}, key=name, queue=f"notify.{name}") for name in event.priorities)


STEPS = (
    Step(SnapshotStored, "apps.opportunities.tasks.detect", _once),
    Step(SnapshotStored, "apps.distribution.tasks.watch_alerts", _feed),
    Step(CandidatesFound, "apps.markets.tasks.fetch_books", _markets),
    Step(BooksStored, "apps.opportunities.tasks.price", _markets),
    Step(OpportunitiesActive, "apps.distribution.tasks.run", _once),
    Step(OpportunitiesActive, "apps.distribution.tasks.watch_alerts", _opportunities),
    Step(OpportunitiesActive, "apps.distribution.tasks.draw_charts", _once),
    Step(OpportunitiesActive, "apps.opportunities.tasks.request_markouts", _after_alert),
    Step(MarkoutsDue, "apps.markets.tasks.fetch_books", _markets),
    Step(ExchangeKeyDue, "apps.portfolio.tasks.check_key", _key),
    Step(LettersWritten, "apps.notifications.tasks.post_letters", _once),
    Step(RecoveryAsked, "apps.accounts.tasks.send_recoveries", _once),
    Step(DeliveriesDue, "apps.notifications.tasks.deliver", _per_priority),
)


def connect() -> None:
    """Subscribe every step; called once, when all rooms are loaded."""
    for step in STEPS:
        events.subscribe(step.event, _handler(step))


def _handler(step: Step) -> Callable[[Event], None]:
    def handle(event: Event) -> None:
        for ring in step.rings(event):
            queue.ring(
                step.task,
                key=ring.key,
                queue=ring.queue,
                countdown=ring.countdown,
                coalesce=ring.coalesce,
                kwargs=ring.kwargs,
            )

    return handle
