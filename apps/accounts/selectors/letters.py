"""Reads: letters that wait to be posted."""

import logging
from datetime import datetime

from apps.accounts.models import Letter
from apps.accounts.types import LetterOwed
from apps.core import vault
from apps.core.exceptions import OperatorError

logger = logging.getLogger(__name__)


def letters_owed(*, now: datetime, at_most: int) -> list[LetterOwed]:
    """The oldest letters that nobody has posted yet and that are still worth it, opened. One query."""
    owed = []
    rows = Letter.objects.filter(posted_at=None, expires_at__gt=now).select_related("user").order_by("created_at")
    for row in rows[:at_most]:
        try:
            text = vault.decrypt(row.sealed, context=row.sealed_context)
        except OperatorError as error:
            # One that no key opens must not keep the others.
            logger.error("Letter %s can't be posted: %s", row.pk, error.message)
            continue
        proven = row.user.email_confirmed_at is not None
        letter = LetterOwed(
            row.pk, row.user_id, row.user.email, proven, row.to_address, row.title, text, row.expires_at
        )
        owed.append(letter)
    return owed
