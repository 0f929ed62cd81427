"""When and how a person wants to be reached."""

from typing import Any
from uuid import UUID

from django.db import transaction

from apps.notifications.models import ReachPreferences


def reach_set(*, user_id: UUID, wishes: dict[str, Any]) -> ReachPreferences:
    """Store the given fields, already checked; the others stay."""
    with transaction.atomic():
        row, _ = ReachPreferences.objects.select_for_update().get_or_create(user_id=user_id)
        for name, value in wishes.items():
            setattr(row, name, value)
        row.full_clean(exclude=["user"])
        row.save()
    return row
