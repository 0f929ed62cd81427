"""Writing down what came of leased deliveries: one transaction per flush, and only where the lease is still ours."""

import logging
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from apps.core import clock
from apps.core.rows import rows_insert, rows_update
from apps.notifications.enums import DeliveryState, NotificationState
from apps.notifications.models import Delivery, DeliveryAttempt, Endpoint, Notification
from apps.notifications.services.endpoints import endpoint_move
from apps.notifications.services.farewell import endpoint_give_up
from apps.notifications.services.journal import noted
from apps.notifications.services.profiles import profile
from apps.notifications.services.states import Result, Standing, Verdict, decide

logger = logging.getLogger(__name__)

OPEN = (DeliveryState.PENDING, DeliveryState.SENDING)
_FIELDS = (
    "state", "attempts", "next_attempt_at", "lease_token", "lease_until", "last_error", "provider_message_id",
    "finished_at", "template_id", "notes", "provider",
)  # fmt: skip
_ATTEMPT = ("delivery_id", "number", "started_at", "finished_at", "outcome", "code", "reason")
# In this order: one route that has it is enough; a dead letter is worth more attention than a late one.
_ENDS = (
    (DeliveryState.DELIVERED, NotificationState.DELIVERED, ""),
    (DeliveryState.DEAD, NotificationState.DEAD, "No endpoint could be reached; the deliveries say why."),
    (DeliveryState.EXPIRED, NotificationState.EXPIRED, "It came too late to be worth sending."),
)


@dataclass(frozen=True, slots=True)
class Settled:
    """A leased delivery with its result, the endpoint that could take over, and when the try was made (if one was)."""

    delivery: Delivery
    result: Result
    next_endpoint: Endpoint | None
    started_at: datetime | None = None
    finished_at: datetime | None = None


@dataclass(slots=True)
class Tally:
    """What has been written: deliveries by their new state, and the channels that delivered."""

    states: Counter[str] = field(default_factory=Counter)
    channels: set[str] = field(default_factory=set)
    lease_lost: int = 0

    def add(self, other: "Tally") -> None:
        """Sum up another flush."""
        self.states.update(other.states)
        self.channels |= other.channels
        self.lease_lost += other.lease_lost


def results_write(settled: Sequence[Settled], *, now: datetime) -> Tally:
    """Store the results of deliveries whose lease still is the one they were leased under; others are only counted.

    States, attempt rows, fallback deliveries, disabled endpoints and finished notifications change together or not at
    all."""
    tally = Tally()
    with transaction.atomic():
        keys = [one.delivery.pk for one in settled]
        # In one order everywhere, so that two writers never wait for each other.
        locked = Delivery.objects.select_for_update().filter(pk__in=keys).order_by("pk")
        tokens = dict(locked.values_list("pk", "lease_token"))
        held = [one for one in settled if tokens.get(one.delivery.pk) == one.delivery.lease_token]
        verdicts = [(one, _verdict(one, now)) for one in held]
        for one, verdict in verdicts:
            tally.states[verdict.state] += 1
            if verdict.state == DeliveryState.DELIVERED:
                tally.channels.add(one.delivery.channel)
        rows_update(Delivery, _FIELDS, [(*_applied(one, verdict, now), one.delivery.pk) for one, verdict in verdicts])
        rows_insert(DeliveryAttempt, _ATTEMPT, _attempts(verdicts))
        Delivery.objects.bulk_create(_fallbacks(verdicts, now), ignore_conflicts=True)
        _endpoints_update(held, now)
        notifications_settle(
            notification_ids={one.delivery.notification_id for one, verdict in verdicts if verdict.state not in OPEN},
            now=now,
        )
    tally.lease_lost = len(settled) - len(held)
    if tally.lease_lost:
        logger.warning("%d results came after their lease had ended and were not written", tally.lease_lost)
    return tally


def notifications_settle(*, notification_ids: set[UUID], now: datetime) -> None:
    """Finish those of the notifications that have no open delivery left; inside a transaction."""
    if not notification_ids:
        return
    if connection.features.has_select_for_update:
        # Two routes of one message may end in two workers at once: whoever comes second waits here, and then sees both.
        mine = Notification.objects.select_for_update().filter(pk__in=notification_ids).order_by("pk")
        list(mine.values_list("pk", flat=True))
    states: defaultdict[UUID, set[str]] = defaultdict(set)
    of_them = Delivery.objects.filter(notification_id__in=notification_ids).order_by()
    for notification_id, state in of_them.values_list("notification_id", "state"):
        states[notification_id].add(state)
    for of_delivery, ends_as, reason in _ENDS:
        ended = [key for key, found in states.items() if of_delivery in found and found.isdisjoint(OPEN)]
        # Who was settled by an earlier line is pending no more.
        still = Notification.objects.filter(pk__in=ended, state=NotificationState.PENDING)
        still.update(state=ends_as, reason=reason, finished_at=now)


def _verdict(one: Settled, now: datetime) -> Verdict:
    standing = Standing(
        attempts=one.delivery.attempts,
        budget=profile().attempts,
        has_next=one.next_endpoint is not None,
        expires_at=one.delivery.notification.expires_at,
    )
    return decide(one.result, standing, now=now)


def _applied(one: Settled, verdict: Verdict, now: datetime) -> tuple[Any, ...]:
    """The values of `_FIELDS`. The row itself stays as it was, so that a write that failed can be tried again."""
    row = one.delivery
    changed: dict[str, Any] = {
        "state": verdict.state,
        "attempts": verdict.attempts,
        "lease_token": None,
        "lease_until": None,
        "provider_message_id": one.result.provider_message_id[:200],
        "notes": noted(row.notes, one.result, at=now),
        "last_error": ": ".join(filter(None, (one.result.code, one.result.reason)))[:500],
    }
    if verdict.wait_s is not None:
        changed["next_attempt_at"] = clock.wall_now() + timedelta(seconds=verdict.wait_s)
    else:
        changed["finished_at"] = now
    return tuple(changed[name] if name in changed else getattr(row, name) for name in _FIELDS)


def _attempts(verdicts: Sequence[tuple[Settled, Verdict]]) -> list[tuple[Any, ...]]:
    return [
        (
            one.delivery.pk,
            # A throttled try was not counted: it is another go at the number that comes next.
            max(verdict.attempts, 1),
            one.started_at or one.finished_at,
            one.finished_at,
            one.result.happened.outcome,
            one.result.code[:64],
            one.result.reason[:500],
        )
        for one, verdict in verdicts
        if one.result.happened.outcome is not None and one.finished_at is not None
    ]


def _fallbacks(verdicts: Sequence[tuple[Settled, Verdict]], now: datetime) -> list[Delivery]:
    due_at = clock.wall_now()
    return [
        Delivery(
            notification_id=one.delivery.notification_id,
            endpoint=one.next_endpoint,
            channel=one.next_endpoint.channel,
            priority=one.delivery.priority,
            next_attempt_at=due_at,
            created_at=now,
        )
        for one, verdict in verdicts
        if verdict.state == DeliveryState.FAILED and one.next_endpoint is not None
    ]


def _endpoints_update(held: Sequence[Settled], now: datetime) -> None:
    for one in held:
        if one.result.endpoint_gone:
            endpoint_give_up(endpoint=one.delivery.endpoint, reason=one.result.reason, now=now)
        elif one.result.new_address:
            endpoint_move(endpoint=one.delivery.endpoint, address=one.result.new_address)
