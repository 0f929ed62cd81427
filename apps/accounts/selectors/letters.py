"""Reads: letters that wait to be posted."""

from datetime import datetime

from apps.accounts.models import Letter
from apps.accounts.types import LetterOwed
from apps.core import vault


def letters_owed(*, now: datetime, at_most: int) -> list[LetterOwed]:
    """The oldest letters that nobody has posted yet and that are still worth it, opened. One query."""
    rows = Letter.objects.filter(posted_at=None, expires_at__gt=now).select_related("user").order_by("created_at")
    return [
        LetterOwed(
            id=row.pk,
            user_id=row.user_id,
            email=row.user.email,
            proven=row.user.email_confirmed_at is not None,
            to_address=row.to_address,
            title=row.title,
            text=vault.decrypt(row.sealed, context=f"accounts.Letter:{row.pk}:sealed"),
            expires_at=row.expires_at,
        )
        for row in rows[:at_most]
    ]
