"""Reads: who there is."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from apps.accounts.enums import UserStatus
from apps.accounts.managers import email_normal
from apps.accounts.models import User


def user_by_email(email: str) -> User | None:
    """The user who signs in with that address, whatever its letter case, or None."""
    return User.objects.filter(email=email_normal(email)).first()


def users_active(*, ids: Iterable[UUID | str] | None = None) -> QuerySet[User]:
    """Users who may sign in and be written to, of `ids` only where given."""
    active = User.objects.filter(status=UserStatus.ACTIVE)
    return active if ids is None else active.filter(pk__in=list(ids))


def users_standing() -> Iterator[tuple[UUID, str, str, datetime, datetime]]:
    """(id, tier, role, since when, last activity) of all active users: signing in and using a token is activity."""
    fields = ("pk", "tier", "role", "date_joined", "last_login", "last_activity_at")
    for pk, tier, role, joined, login, activity in users_active().values_list(*fields).iterator(chunk_size=5000):
        yield pk, tier, role, joined, max(filter(None, (joined, login, activity)))
