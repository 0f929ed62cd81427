"""Reads of the notifications room. When something is due is real time, as in the rows."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Min, QuerySet

from apps.notifications.enums import Answer, DeliveryState, NotificationState, Priority
from apps.notifications.models import (
    Attachment,
    Delivery,
    Endpoint,
    MessageFeedback,
    Notification,
    ReachPreferences,
    Template,
)


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """How many deliveries of a channel are in a state, and the oldest moment one of them was (or is) due."""

    state: str
    channel: str
    count: int
    oldest_due: datetime


def priorities_due(*, now: datetime) -> tuple[str, ...]:
    """The priorities with something to send now, most urgent first."""
    due = Delivery.objects.filter(state=DeliveryState.PENDING, next_attempt_at__lte=now)
    found = set(due.order_by().values_list("priority", flat=True).distinct())
    return tuple(priority.value for priority in Priority if priority.value in found)


def due_in(*, priority: str, now: datetime) -> float | None:
    """Seconds until the next delivery of `priority` is due, 0.0 where one is; None where none is waiting."""
    waiting = Delivery.objects.filter(state=DeliveryState.PENDING, priority=priority)
    soonest: datetime | None = waiting.aggregate(soonest=Min("next_attempt_at"))["soonest"]
    return None if soonest is None else max(0.0, (soonest - now).total_seconds())


def oldest_due_s(*, now: datetime) -> float:
    """How many seconds the longest waiting due delivery has been due; 0.0 where none is."""
    waiting = Delivery.objects.filter(state=DeliveryState.PENDING, next_attempt_at__lte=now)
    oldest: datetime | None = waiting.aggregate(oldest=Min("next_attempt_at"))["oldest"]
    return 0.0 if oldest is None else (now - oldest).total_seconds()


def deliveries_ledger() -> list[LedgerRow]:
    """Deliveries counted by state and channel."""
    rows = Delivery.objects.order_by().values("state", "channel").annotate(n=Count("pk"), due=Min("next_attempt_at"))
    ledger = [LedgerRow(row["state"], row["channel"], row["n"], row["due"]) for row in rows]
    return sorted(ledger, key=lambda row: (DeliveryState.values.index(row.state), row.channel))


def channels_in_use() -> set[str]:
    """The channels of endpoints that messages may go to."""
    usable = Endpoint.objects.filter(verified_at__isnull=False, disabled_at__isnull=True)
    return set(usable.order_by().values_list("channel", flat=True).distinct())


def users_reachable() -> set[UUID]:
    """Everybody who has at least one usable endpoint of their own."""
    usable = Endpoint.objects.filter(verified_at__isnull=False, disabled_at__isnull=True, group=False)
    return set(usable.order_by().values_list("user_id", flat=True).distinct())


def endpoints_of(user_id: UUID) -> QuerySet[Endpoint]:
    """A person's own endpoints in the order in which they are tried, without removed ones and those of groups."""
    return Endpoint.objects.filter(user_id=user_id, removed_at__isnull=True, group=False).order_by(
        "route", "position", "created_at", "pk"
    )


def endpoints_provable(user_id: UUID) -> QuerySet[Endpoint]:
    """What a person may give a code back for: their own endpoints, and those of the groups they registered."""
    return Endpoint.objects.filter(user_id=user_id, removed_at__isnull=True)


def endpoints_since(user_id: UUID) -> datetime | None:
    """Since when the user can be reached somewhere: the oldest verified endpoint that is still there."""
    kept = Endpoint.objects.filter(user_id=user_id, verified_at__isnull=False, removed_at__isnull=True)
    return kept.order_by("verified_at").values_list("verified_at", flat=True).first()


def reach_of(user_id: UUID) -> ReachPreferences:
    """A person's preferences; unsaved defaults where they have said nothing."""
    return ReachPreferences.objects.filter(user_id=user_id).first() or ReachPreferences(user_id=user_id)


def notifications_of(user_id: UUID) -> QuerySet[Notification]:
    """A person's own messages with all their deliveries and tries; three queries, however many."""
    return Notification.objects.filter(user_id=user_id).prefetch_related("deliveries__attempt_rows")


def bundles_known(bundles: Iterable[str]) -> set[str]:
    """Those of these bundles that have an attachment."""
    found = Attachment.objects.filter(bundle__in=list(bundles)).order_by()
    return set(found.values_list("bundle", flat=True).distinct())


def reports_due(*, now: datetime, limit: int) -> list[tuple[UUID, str]]:
    """Whose report is due at `now` and of which kind (`Report`), longest due first."""
    due = ReachPreferences.objects.filter(report_next_at__lte=now, user__status="active")
    return list(due.order_by("report_next_at").values_list("user_id", "report")[:limit])


@dataclass(frozen=True, slots=True)
class Reached:
    """What became of one message on one channel; `seconds` from owing it to its delivery, None where it was not."""

    notification_id: UUID
    channel: str
    state: str
    seconds: float | None


def messages_reached(notification_ids: Iterable[UUID]) -> list[Reached]:
    """The deliveries of these messages. One query."""
    rows = Delivery.objects.filter(notification_id__in=list(notification_ids)).order_by("created_at", "pk")
    return [
        Reached(
            notification_id,
            channel,
            state,
            (ended - owed).total_seconds() if ended and state == DeliveryState.DELIVERED else None,
        )
        for notification_id, channel, state, owed, ended in rows.values_list(
            "notification_id", "channel", "state", "created_at", "finished_at"
        )
    ]


def endpoints_in_use(ids: Iterable[UUID]) -> set[UUID]:
    """Those of these endpoints that messages may go to."""
    usable = Endpoint.objects.filter(pk__in=list(ids), verified_at__isnull=False, disabled_at__isnull=True)
    return set(usable.order_by().values_list("pk", flat=True))


def notification_ids_by_key(dedupe_keys: Iterable[str]) -> dict[str, UUID]:
    """Ids of the notifications that are owed or were sent under these keys."""
    rows = Notification.objects.filter(dedupe_key__in=list(dedupe_keys)).order_by()
    return dict(rows.values_list("dedupe_key", "pk"))


def contexts_reaching(dedupe_keys: Iterable[str], *, since: datetime) -> dict[str, tuple[UUID, dict[str, Any]]]:
    """Id and context of those messages of these keys that were owed after `since` and have reached somebody, or still
    may. One query."""
    rows = Notification.objects.filter(
        dedupe_key__in=list(dedupe_keys),
        created_at__gt=since,
        state__in=(NotificationState.PENDING, NotificationState.DELIVERED),
    ).order_by()
    return {key: (id, context) for key, id, context in rows.values_list("dedupe_key", "pk", "context")}


def templates_known() -> QuerySet[Template]:
    """Every version of every template."""
    return Template.objects.all()


def templates_compared() -> list[tuple[str, str, str]]:
    """Name, channel and locale of the words that have more than one active variant."""
    groups = Template.objects.filter(active=True).order_by().values_list("name", "channel", "locale")
    return sorted((name, channel, locale) for name, channel, locale, n in groups.annotate(n=Count("pk")) if n > 1)


@dataclass(frozen=True, slots=True)
class TemplateStatistics:
    """What became of one version's messages, and what their readers said. `useful_rate` is useful / delivered, None
    where nothing was delivered."""

    template_id: int
    version: int
    variant: str
    weight: int
    active: bool
    delivered: int
    failed: int
    useful: int
    not_useful: int

    @property
    def useful_rate(self) -> float | None:
        """The share that a shift between variants goes by."""
        return self.useful / self.delivered if self.delivered else None


def template_statistics(*, name: str, channel: str, locale: str) -> list[TemplateStatistics]:
    """Every version of these words that is active or was sent, newest first. Three queries."""
    rows = list(Template.objects.filter(name=name, channel=channel, locale=locale).order_by("-version"))
    keys = [row.pk for row in rows]
    ended = Delivery.objects.filter(template__in=keys).order_by().values_list("template", "state")
    states = {(pk, state): count for pk, state, count in ended.annotate(n=Count("pk"))}
    said = MessageFeedback.objects.filter(template__in=keys).order_by().values_list("template", "answer")
    answers = {(pk, answer): count for pk, answer, count in said.annotate(n=Count("pk"))}
    found = [
        TemplateStatistics(
            template_id=row.pk,
            version=row.version,
            variant=row.variant,
            weight=row.weight,
            active=row.active,
            delivered=states.get((row.pk, DeliveryState.DELIVERED), 0),
            failed=states.get((row.pk, DeliveryState.FAILED), 0) + states.get((row.pk, DeliveryState.DEAD), 0),
            useful=answers.get((row.pk, Answer.USEFUL), 0),
            not_useful=answers.get((row.pk, Answer.NOT_USEFUL), 0),
        )
        for row in rows
    ]
    return [one for one in found if one.active or one.delivered or one.failed]
