"""When and how a person wants to be reached."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from apps.notifications.models import ReachPreferences
from apps.notifications.reports import next_report


def reach_set(*, user_id: UUID, wishes: dict[str, Any], now: datetime) -> ReachPreferences:
    """Store the given fields, already checked; the others stay."""
    with transaction.atomic():
        row, _ = ReachPreferences.objects.select_for_update().select_related("user").get_or_create(user_id=user_id)
        for name, value in wishes.items():
            setattr(row, name, value)
        row.report_next_at = next_report(row, row.user.timezone, after=now)
        row.full_clean(exclude=["user"])
        row.save()
    return row


def report_done(*, user_id: UUID, now: datetime) -> bool:
    """Move on to a person's next report; False where theirs is not due (any more). Inside a transaction that owes it,
    so that two workers owe it once."""
    row = ReachPreferences.objects.select_for_update(of=("self",)).select_related("user").filter(pk=user_id).first()
    if row is None or row.report_next_at is None or row.report_next_at > now:
        return False
    row.report_next_at = next_report(row, row.user.timezone, after=now)
    row.save(update_fields=["report_next_at"])
    return True
