"""Reports: what somebody was told of in the last day or week, as a message with a table of it."""

import logging
import uuid
from collections import defaultdict
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import transaction

from apps.core import limits
from apps.core.exceptions import ArbEdgeError, ThrottledError
from apps.core.limits import Demand, Limit
from apps.distribution.enums import DistributionState
from apps.distribution.models import Distribution
from apps.distribution.reports import Line, report_csv, report_html
from apps.notifications.enums import Priority, Report
from apps.notifications.selectors import Reached, messages_reached, reports_due
from apps.notifications.services import attachment_store, notification_create, report_done
from apps.opportunities.selectors import opportunities_told

logger = logging.getLogger(__name__)

TEMPLATE: Final = "report"
SPANS: Final = {Report.DAILY: timedelta(days=1), Report.WEEKLY: timedelta(days=7)}
PER_USER: Final = (Limit(3, 300), Limit(20, 86_400))
# A year of an unlimited tier's busiest days would still be read by nobody.
LINES_MAX: Final = 2000
_PEOPLE: Final = 200
_LIVES: Final = timedelta(hours=12)
_KEPT: Final = timedelta(days=30)


def reports_send(*, now: datetime) -> int:
    """Owe everybody the report that is due; returns to how many. Who was told of nothing is sent nothing."""
    return sum(_send(user_id, Report(kind), now) for user_id, kind in reports_due(now=now, limit=_PEOPLE))


def report_request(*, user_id: UUID, kind: str, now: datetime) -> UUID:
    """Owe a report of the last day or week at once, also an empty one; returns the message.

    ThrottledError(code="too_many"), TemporaryError(code="limits_away")."""
    [wait_s] = limits.acquire([[Demand(f"distribution:report:{user_id}", PER_USER)]])
    if wait_s > 0:
        raise ThrottledError("Enough reports for now.", retry_after=wait_s, code="too_many")
    made = _owe(user_id, Report(kind), now, key=f"report:{uuid.uuid4()}", lines=_lines(user_id, Report(kind), now))
    assert made is not None
    return made


def _send(user_id: UUID, kind: Report, now: datetime) -> bool:
    try:
        with transaction.atomic():
            if not report_done(user_id=user_id, now=now):
                return False
            lines = _lines(user_id, kind, now)
            key = f"report:{user_id}:{now:%Y-%m-%dT%H}"
            return bool(lines) and _owe(user_id, kind, now, key=key, lines=lines) is not None
    except ArbEdgeError as error:
        # Theirs stays due and comes with the next run; nobody else's waits for it.
        logger.warning("The report of %s can't be made: %s", user_id, error.message)
        return False


def _owe(user_id: UUID, kind: Report, now: datetime, *, key: str, lines: list[Line]) -> UUID | None:
    since = now - SPANS[kind]
    title = f"ArbEdge {kind.value} report"
    span = f"{since:%Y-%m-%d %H:%M} to {now:%Y-%m-%d %H:%M} UTC"
    note = f"{settings.ORIGIN.capitalize()} data, {span}. Not advice; nothing is risk-free."
    page = report_html(lines, title=title, note=note)
    files = {"report.csv": ("text/csv", report_csv(lines)), "report.html": ("text/html", page)}
    for filename, (content_type, content) in files.items():
        attachment_store(
            bundle=key, filename=filename, content_type=content_type, content=content, expires_at=now + _KEPT, now=now
        )
    arrived = [line.seconds for line in lines if line.seconds is not None]
    row = notification_create(
        user_id=user_id,
        template=TEMPLATE,
        context={
            "kind": kind.value,
            "since": since.isoformat(),
            "until": now.isoformat(),
            "told": len(lines),
            "delivered": len(arrived),
        },
        priority=Priority.LOW,
        dedupe_key=key,
        expires_at=now + _LIVES,
        now=now,
        bundle=key,
    )
    return row.pk if row else None


def _lines(user_id: UUID, kind: Report, now: datetime) -> list[Line]:
    """What they were told of themselves, newest first; three queries."""
    told = Distribution.objects.filter(
        user_id=user_id,
        group__isnull=True,
        state=DistributionState.NOTIFIED,
        decided_at__gt=now - SPANS[kind],
        decided_at__lte=now,
    ).order_by("-decided_at")
    rows = list(told.values_list("opportunity_id", "kind", "decided_at", "notification_id")[:LINES_MAX])
    facts = opportunities_told([row[0] for row in rows])
    reached: defaultdict[UUID | None, list[Reached]] = defaultdict(list)
    for one in messages_reached([row[3] for row in rows if row[3] is not None]):
        reached[one.notification_id].append(one)
    return [
        Line(
            told_at=told_at,
            kind=kind_name,
            facts=facts.get(opportunity_id, {}),
            channels=", ".join(f"{one.channel} {one.state}" for one in reached[notification_id]),
            seconds=min((one.seconds for one in reached[notification_id] if one.seconds is not None), default=None),
        )
        for opportunity_id, kind_name, told_at, notification_id in rows
    ]
