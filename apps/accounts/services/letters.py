"""Writes: letters that another room posts."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from apps.accounts.models import Letter
from apps.accounts.types import LettersWritten
from apps.core import events, vault

KEPT = timedelta(days=30)


def letter_write(
    *,
    user_id: UUID,
    title: str,
    text: str,
    now: datetime,
    to_address: bool = False,
    lives: timedelta = timedelta(days=3),
) -> Letter:
    """Owe somebody a letter, in the caller's transaction; it is not worth posting any more after `lives`."""
    letter = Letter(user_id=user_id, title=title, to_address=to_address, created_at=now, expires_at=now + lives)
    letter.sealed = vault.encrypt(text, context=letter.sealed_context)
    letter.save(force_insert=True)
    events.publish(LettersWritten())
    return letter


def letters_posted(ids: Iterable[UUID], *, now: datetime) -> None:
    """They are on their way. Their texts are not needed here any more, and gone."""
    Letter.objects.filter(pk__in=list(ids)).update(posted_at=now, sealed="")


def letters_prune(*, now: datetime) -> int:
    """Delete old letters; returns how many."""
    return Letter.objects.filter(created_at__lt=now - KEPT).delete()[0]
