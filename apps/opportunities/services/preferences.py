"""What people want to see."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from apps.opportunities.models import Preferences

if TYPE_CHECKING:
    from apps.accounts.models import User


def preferences_set(*, user: "User", wishes: Mapping[str, Any], now: datetime) -> Preferences:
    """Store the named preferences of `user` (checked by the caller); the others stay as they are."""
    return Preferences.objects.update_or_create(user=user, defaults={**wishes, "updated_at": now})[0]
