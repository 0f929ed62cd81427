"""Reads: what has been decided and given so far, each in one query for everybody."""

from collections.abc import Collection
from datetime import UTC, datetime, time
from uuid import UUID

from django.db.models import Count, Max

from apps.distribution.enums import DistributionState
from apps.distribution.models import Distribution
from apps.distribution.types import Stored

Pair = tuple[UUID, UUID]


def decisions_of(opportunity_ids: Collection[UUID]) -> dict[Pair, Stored]:
    """Every decision on record about these opportunities, by (user, opportunity)."""
    rows = Distribution.objects.filter(opportunity_id__in=opportunity_ids).order_by()
    fields = rows.values_list("user_id", "opportunity_id", "state", "reason", "due_at")
    return {(row[0], row[1]): Stored(*row) for row in fields.iterator(chunk_size=5000)}


def given_today(*, now: datetime) -> dict[tuple[UUID, str], int]:
    """Distinct opportunities given since midnight UTC, by (user, kind)."""
    midnight = datetime.combine(now.astimezone(UTC).date(), time(), tzinfo=UTC)
    given = Distribution.objects.filter(state=DistributionState.NOTIFIED, decided_at__gte=midnight).order_by()
    counts = given.values_list("user_id", "kind").annotate(n=Count("opportunity_id"))
    return {(user_id, kind): n for user_id, kind, n in counts}


def given_last(fingerprints: Collection[str], *, since: datetime) -> dict[tuple[UUID, str], datetime]:
    """When each user was last given each of these fingerprints, if after `since`."""
    given = Distribution.objects.filter(
        state=DistributionState.NOTIFIED, decided_at__gt=since, fingerprint__in=fingerprints
    ).order_by()
    return {
        (row[0], row[1]): row[2] for row in given.values_list("user_id", "fingerprint").annotate(at=Max("decided_at"))
    }


def served_last(*, since: datetime) -> dict[UUID, datetime]:
    """When each user was last given anything, if after `since`."""
    given = Distribution.objects.filter(state=DistributionState.NOTIFIED, decided_at__gt=since).order_by()
    return dict(given.values_list("user_id").annotate(at=Max("decided_at")))
