"""Speaking: who may, decided by the database alone; history and messages together or not at all."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce, Greatest, Least

from apps.core import clock, config
from apps.core.rows import rows_insert
from apps.distribution.alert_rules import alert_limits
from apps.distribution.enums import Refusal
from apps.distribution.models import AlertFired, AlertTrigger
from apps.distribution.services.storing import message_key
from apps.distribution.triggers.base import Telling
from apps.notifications.enums import Priority
from apps.notifications.selectors import contexts_reaching
from apps.notifications.services import notifications_create
from apps.notifications.types import NotificationDraft
from apps.opportunities.services import seen_admit
from apps.opportunities.types import Sight

TEMPLATE: Final = "alert"
_HOUR: Final = timedelta(hours=1)
# Messages tell a thousandth of a per cent.
_ROUNDED: Final = 0.00001
_FIRED: Final = (
    "id", "user_id", "trigger_id", "name", "kind", "subject", "title", "lines", "evidence", "origin", "fired_at",
    "notification_id",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Due:
    """A trigger that has something to say: on which `side` it is now (0: it has none), and how many opportunities of
    each family its owner may see a day (None: any number)."""

    trigger_id: UUID
    user_id: UUID
    name: str
    kind: str
    side: int
    telling: Telling
    daily: dict[str, int | None]


@transaction.atomic
def alerts_fire(*, dues: Sequence[Due], now: datetime) -> list[UUID]:
    """Let those speak that may: not in their cool-down, not above their hour's limit, not told of this side already.

    The check and the claim are one statement, so that of any number of workers one speaks. Answers whose history has a
    new row; why others were kept from it is counted. The same queries, however many."""
    held = triggers_hold([one.trigger_id for one in dues])
    dues = [one for one in dues if one.trigger_id in held]
    mine = _claim(dues, now)
    _refuse_hourly([one.trigger_id for one in dues if one.trigger_id not in mine], now)
    claimed = [one for one in dues if one.trigger_id in mine]
    told = _within_quotas(claimed, now)
    speaking = {one.trigger_id for one in told}
    refusals_note([one.trigger_id for one in claimed if one.trigger_id not in speaking], Refusal.DAILY_QUOTA, now=now)
    _tell(told, now)
    return list(speaking)


def triggers_hold(ids: Sequence[UUID]) -> set[UUID]:
    """Hold these until the transaction ends, without those that another worker is writing: two that wait for each
    other's rows would both fail. On SQLite the transaction itself keeps other writers out."""
    rows = AlertTrigger.objects.filter(pk__in=ids).order_by("pk").select_for_update(skip_locked=True)
    return set(rows.values_list("pk", flat=True))


@transaction.atomic
def standings_note(ids: Sequence[UUID], side: int) -> None:
    """Note the side on which these are now."""
    AlertTrigger.objects.filter(pk__in=triggers_hold(ids)).update(standing=side)


@transaction.atomic
def refusals_note(ids: Sequence[UUID], reason: Refusal, *, now: datetime) -> int:
    """Count that these were kept from speaking, once for each reason until they speak again; answers how many."""
    return _refusals(AlertTrigger.objects.filter(pk__in=triggers_hold(ids)), reason, now) if ids else 0


def _refusals(triggers: QuerySet[AlertTrigger], reason: Refusal, now: datetime) -> int:
    new = Q(refused_at=None) | Q(refused_at__lt=F("last_fired_at")) | ~Q(refused_reason=reason)
    return triggers.filter(new).update(refused=F("refused") + 1, refused_reason=reason, refused_at=now)


def _claim(dues: Sequence[Due], now: datetime) -> set[UUID]:
    """Those that are ours to speak for: their rest begins with it."""
    token, now_ms, limits = uuid.uuid4(), clock.to_ms(now), alert_limits()
    rest_s = Greatest(Coalesce(F("cool_down_s"), Value(limits.cool_down_s)), Value(limits.cool_down_min_s))
    for side in sorted({one.side for one in dues}):
        ids = [one.trigger_id for one in dues if one.side == side]
        free = AlertTrigger.objects.filter(pk__in=ids, enabled=True, rests_until_ms__lte=now_ms)
        if side:
            free = free.filter(~Q(standing=side) | Q(repeat=True))
        free = _counted(free, now).filter(recent__lt=F("most"))
        changes: dict[str, Any] = {"claim": token, "rests_until_ms": Value(now_ms) + rest_s * 1000}
        if side:
            changes["standing"] = side
        free.update(**changes)
    claimed = AlertTrigger.objects.filter(pk__in=[one.trigger_id for one in dues], claim=token)
    return set(claimed.values_list("pk", flat=True))


def _counted(triggers: QuerySet[AlertTrigger], now: datetime) -> QuerySet[Any]:
    """With how often they spoke within the last hour (`recent`), and how often they may (`most`)."""
    limits = alert_limits()
    spoken = AlertFired.objects.filter(trigger=OuterRef("pk"), fired_at__gt=now - _HOUR).order_by()
    counted = spoken.values("trigger").annotate(n=Count("pk")).values("n")
    return triggers.annotate(
        recent=Coalesce(Subquery(counted), Value(0)),
        most=Least(Coalesce(F("per_hour"), Value(limits.per_hour)), Value(limits.per_hour_max)),
    )


def _refuse_hourly(ids: Sequence[UUID], now: datetime) -> None:
    """Who was left out because their hour is full; the others another worker spoke for."""
    if ids:
        full = AlertTrigger.objects.filter(pk__in=ids, rests_until_ms__lte=clock.to_ms(now))
        _refusals(_counted(full, now).filter(recent__gte=F("most")), Refusal.HOURLY_LIMIT, now)


def _within_quotas(dues: Sequence[Due], now: datetime) -> list[Due]:
    """What an alert tells of an opportunity counts as seen."""
    sights = []
    for one in dues:
        daily = one.daily.get(one.telling.family)
        if daily is not None:
            # Only opportunities are of a family, and their subject is their id.
            sights.append(Sight(one.user_id, UUID(one.telling.subject), one.telling.family, daily))  # type: ignore[arg-type]
    admitted = seen_admit(sights=sights, now=now)
    return [
        one
        for one in dues
        if one.daily.get(one.telling.family) is None or (one.user_id, UUID(one.telling.subject)) in admitted
    ]


def _tell(dues: Sequence[Due], now: datetime) -> None:
    if not dues:
        return
    ttl = timedelta(seconds=config.get("distribution.message_ttl_s"))
    ids = [uuid.uuid4() for _ in dues]
    told = _told_already(dues, now)
    keys = [f"alert:{one.trigger_id}:{one.telling.subject or id}" for one, id in zip(dues, ids, strict=True)]
    made = notifications_create(
        drafts=[
            NotificationDraft(
                user_id=one.user_id,
                template=TEMPLATE,
                context=_context(one),
                priority=Priority.HIGH,
                dedupe_key=key,
                expires_at=now + ttl if one.telling.ends_at is None else min(one.telling.ends_at, now + ttl),
            )
            for one, key in zip(dues, keys, strict=True)
            if one.trigger_id not in told
        ],
        now=now,
    )
    owed = {row.dedupe_key: row.pk for row in made}
    rows_insert(
        AlertFired,
        _FIRED,
        [
            (
                id, one.user_id, one.trigger_id, one.name, one.kind, one.telling.subject, one.telling.title[:300],
                list(one.telling.lines), dict(one.telling.evidence), settings.ORIGIN, now,
                told.get(one.trigger_id) or owed.get(key),
            )
            for one, id, key in zip(dues, ids, keys, strict=True)
        ],
    )  # fmt: skip
    spoke = AlertTrigger.objects.filter(pk__in=[one.trigger_id for one in dues])
    spoke.update(fired=F("fired") + 1, last_fired_at=now)


def _told_already(dues: Sequence[Due], now: datetime) -> dict[UUID, UUID]:
    """The messages by which distribution has just told of the same opportunities, by trigger, where they promised as
    much: their reader has it in front of them. What promises more by now is news."""
    keys = {
        one.trigger_id: message_key(one.telling.subject, one.user_id)
        for one in dues
        if one.telling.family and one.telling.evidence["values"]["net_edge"] is not None
    }
    if not keys:
        return {}
    since = now - timedelta(seconds=alert_limits().cool_down_s)
    found = contexts_reaching(keys.values(), since=since)
    told = {}
    for one in dues:
        id, context = found.get(keys.get(one.trigger_id, ""), (None, {}))
        promised = context.get("net_edge_percent")
        if id and promised and float(promised) / 100 >= one.telling.evidence["values"]["net_edge"] - _ROUNDED:
            told[one.trigger_id] = id
    return told


def _context(due: Due) -> dict[str, Any]:
    return {
        "title": due.telling.title,
        "name": due.name,
        "lines": [{"words": words} for words in due.telling.lines],
        "age_s": due.telling.age_s,
        "url": f"{settings.PUBLIC_URL}/api/v1/alerts/{due.trigger_id}",
    }
