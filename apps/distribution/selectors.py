"""Reads: what has been decided and given so far, each in one query for everybody."""

from collections import Counter
from collections.abc import Collection
from datetime import UTC, datetime, time
from typing import Any
from uuid import UUID

from django.db.models import Count, F, Max, QuerySet

from apps.accounts.selectors import tier_policy
from apps.core import clock
from apps.distribution.enums import DistributionState
from apps.distribution.models import AlertFired, AlertTrigger, Distribution, Group
from apps.distribution.rules import group_policy
from apps.distribution.types import Standing, Stored
from apps.opportunities.enums import Context
from apps.opportunities.selectors import opportunities_active, opportunity_alert

Pair = tuple[UUID, UUID]


def decisions_of(opportunity_ids: Collection[UUID]) -> dict[Pair, Stored]:
    """Every decision on record about these opportunities, by (recipient, opportunity)."""
    rows = Distribution.objects.filter(opportunity_id__in=opportunity_ids).order_by()
    fields = rows.values_list("recipient_id", "opportunity_id", "state", "reason", "due_at")
    return {(row[0], row[1]): Stored(*row) for row in fields.iterator(chunk_size=5000)}


def decisions_standing(pairs: Collection[Pair]) -> set[Pair]:
    """Those of these pairs (recipient, opportunity) about which a decision stands for good."""
    rows = Distribution.objects.filter(
        recipient_id__in={recipient for recipient, _ in pairs},
        opportunity_id__in={opportunity for _, opportunity in pairs},
        state__in=(DistributionState.NOTIFIED, DistributionState.DROPPED),
    ).order_by()
    return set(rows.values_list("recipient_id", "opportunity_id"))


def given_today(*, now: datetime) -> dict[tuple[UUID, str], int]:
    """Distinct opportunities given to groups since midnight UTC, by (recipient, kind)."""
    midnight = datetime.combine(now.astimezone(UTC).date(), time(), tzinfo=UTC)
    given = Distribution.objects.filter(state=DistributionState.NOTIFIED, decided_at__gte=midnight).order_by()
    # Groups that are registered no longer count as well: they may come back.
    given = given.exclude(recipient_id=F("user_id"))
    counts = given.values_list("recipient_id", "kind").annotate(n=Count("opportunity_id"))
    return {(recipient_id, kind): n for recipient_id, kind, n in counts}


def given_last(fingerprints: Collection[str], *, since: datetime) -> dict[tuple[UUID, str], datetime]:
    """When each recipient was last given each of these fingerprints, if after `since`."""
    given = Distribution.objects.filter(
        state=DistributionState.NOTIFIED, decided_at__gt=since, fingerprint__in=fingerprints
    ).order_by()
    fields = given.values_list("recipient_id", "fingerprint").annotate(at=Max("decided_at"))
    return {(row[0], row[1]): row[2] for row in fields}


def participants_of(opportunity_ids: Collection[UUID]) -> Counter[UUID]:
    """How many have been given each of these opportunities."""
    given = Distribution.objects.filter(state=DistributionState.NOTIFIED, opportunity_id__in=opportunity_ids).order_by()
    return Counter(dict(given.values_list("opportunity_id").annotate(n=Count("recipient_id"))))


def standings(*, since: datetime) -> dict[UUID, Standing]:
    """Where everybody stands who was given anything after `since`."""
    given = Distribution.objects.filter(state=DistributionState.NOTIFIED, decided_at__gt=since).order_by()
    rows = given.values_list("recipient_id").annotate(at=Max("decided_at"), n=Count("pk"))
    return {id: Standing(at, n) for id, at, n in rows}


def groups_told() -> list[Group]:
    """Groups that are switched on, of owners who may be written to."""
    return [group for group in Group.objects.filter(active=True).select_related("owner") if group.owner.is_active]


def groups_of(user_id: UUID) -> QuerySet[Group]:
    """A person's groups, the oldest first."""
    return Group.objects.filter(owner_id=user_id).select_related("endpoint")


def group_opportunities(group: Group) -> list[dict[str, Any]]:
    """What the group was told of and is still active, as messages tell it, the best first and no more than a list."""
    told = Distribution.objects.filter(recipient_id=group.endpoint_id, state=DistributionState.NOTIFIED)
    active = opportunities_active().filter(pk__in=told.values("opportunity_id"), expires_at__gt=clock.now())
    limit = group_policy(tier_policy("free")).list_limit
    ids = active.values_list("pk", flat=True)[:limit]
    return [{**opportunity_alert(id), "context": Context.GROUP} for id in ids]


def decisions_for(user_id: UUID) -> QuerySet[Distribution]:
    """What was decided about a person and their groups, the newest first."""
    return Distribution.objects.filter(user_id=user_id).order_by("-decided_at", "-id")


def decision_about(*, user_id: UUID, opportunity_id: UUID) -> Distribution | None:
    """What was decided about a person (not their groups) and this opportunity; None where they have not met."""
    return Distribution.objects.filter(recipient_id=user_id, user_id=user_id, opportunity_id=opportunity_id).first()


def alerts_of(user_id: UUID) -> QuerySet[AlertTrigger]:
    """A person's alert triggers, the newest first."""
    return AlertTrigger.objects.filter(user_id=user_id).order_by("-created_at", "-id")


def alerts_fired_of(user_id: UUID) -> QuerySet[AlertFired]:
    """What a person's triggers have said, the newest first."""
    return AlertFired.objects.filter(user_id=user_id).order_by("-fired_at", "-id")
