"""What became of decisions and of the messages that followed: counted from the rows, kept for a few seconds."""

import json
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import Count, QuerySet

from apps.core import redis
from apps.distribution.enums import DistributionState
from apps.distribution.models import Distribution
from apps.distribution.types import Spread, Statistics

# Answers are at most so old, and say of when they are.
KEPT_S: Final = 15


def statistics_of_recipient(*, recipient_id: UUID, days: int, now: datetime) -> dict[str, Any]:
    """`Statistics` of a person, or of a group by its endpoint, over the last `days`, as JSON-able fields."""
    since = now - timedelta(days=days)
    rows = Distribution.objects.filter(recipient_id=recipient_id, decided_at__gt=since)
    return _kept(f"recipient:{recipient_id}:{days}", rows, since=since, now=now)


def statistics_of_opportunity(*, opportunity_id: UUID, now: datetime) -> dict[str, Any]:
    """`Statistics` of one opportunity over everybody, as JSON-able fields."""
    rows = Distribution.objects.filter(opportunity_id=opportunity_id)
    return _kept(f"opportunity:{opportunity_id}", rows, since=None, now=now)


def counted(rows: "QuerySet[Distribution]", *, since: datetime | None, now: datetime) -> Statistics:
    """What the rows say at `now`. Four queries."""
    rows = rows.order_by()
    states: dict[str, int] = {}
    refused: dict[str, int] = {}
    for state, reason, n in rows.values_list("state", "reason").annotate(n=Count("pk")):
        states[state] = states.get(state, 0) + n
        if state == DistributionState.REFUSED:
            refused[reason] = n
    told = rows.filter(state=DistributionState.NOTIFIED)
    messages = told.filter(notification__isnull=False).values_list("notification__state").annotate(n=Count("pk"))
    arrived = told.filter(notification__state="delivered", notification__finished_at__isnull=False)
    return Statistics(
        as_of=now,
        since=since,
        told=states.get(DistributionState.NOTIFIED, 0),
        scheduled=states.get(DistributionState.SCHEDULED, 0),
        dropped=states.get(DistributionState.DROPPED, 0),
        refused=dict(sorted(refused.items())),
        messages=dict(sorted(messages)),
        told_after=_spread(told, "decided_at"),
        delivered_after=_spread(arrived, "notification__finished_at"),
    )


def _spread(rows: "QuerySet[Distribution]", end: str) -> Spread:
    """From the moment when the recipient might know to `end`."""
    took = sorted((at - due_at).total_seconds() for due_at, at in rows.values_list("due_at", end))
    if not took:
        return Spread(None, None, None)
    # Nearest rank: a figure that was measured.
    p50, p95 = (took[max(0, -(-len(took) * part // 100) - 1)] for part in (50, 95))
    return Spread(round(p50, 3), round(p95, 3), round(took[-1], 3))


def _kept(key: str, rows: "QuerySet[Distribution]", *, since: datetime | None, now: datetime) -> dict[str, Any]:
    """The answer of the last seconds, or a new one. With Redis away every answer is new."""
    key = f"distribution:statistics:{key}"
    try:
        if (stored := redis.cache().get(key)) is not None:
            kept: dict[str, Any] = json.loads(stored)
            return kept
    except redis.Error:
        return _plain(counted(rows, since=since, now=now))
    answer = _plain(counted(rows, since=since, now=now))
    try:
        redis.cache().set(key, json.dumps(answer), ex=KEPT_S)
    except redis.Error:
        return answer
    return answer


def _plain(statistics: Statistics) -> dict[str, Any]:
    plain = asdict(statistics)
    for name in ("as_of", "since"):
        plain[name] = plain[name] and plain[name].isoformat()
    return plain
