"""What the pages of this room share."""

from datetime import datetime

from django.db.models import Model
from django.http import HttpRequest
from django.utils.timesince import timesince

from apps.core import clock
from apps.core.admin.base import AuditedAdmin

STATE_COLOURS = {
    "ok": "success",
    "new": "info",
    "stale": "warning",
    "throttled": "warning",
    "maintenance": "warning",
    "frozen": "danger",
    "clock_off": "danger",
    "error": "danger",
    "restricted": "danger",
    "unknown": "danger",
}


def age_words(moment: datetime | None) -> str:
    """How long ago: seconds within the first two minutes, then in words."""
    if moment is None:
        return "never"
    seconds = (clock.now() - moment).total_seconds()
    return f"{seconds:.0f} s ago" if seconds < 120 else f"{timesince(moment, clock.now())} ago"


class MachineMade(AuditedAdmin):
    """Rows that the machine makes and of which people edit a field or two."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """They come from settings and from the exchanges."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Switch it off instead: a deleted row would come back."""
        return False
