"""Reads: everybody, for operators."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from apps.accounts.models import User
from apps.accounts.selectors.sessions import has_second_factor, sessions_of
from apps.accounts.selectors.subscriptions import subscriptions_counting
from apps.accounts.selectors.tokens import tokens_of


@dataclass(frozen=True, slots=True)
class Counts:
    """How much somebody has that works now."""

    sessions: int
    tokens: int
    subscriptions: int
    second_factor: bool


def users_known(*, search: str = "", tier: str = "", role: str = "", status: str = "") -> QuerySet[User]:
    """Accounts; `search` is part of an address or a name, or a whole id."""
    exact = {name: value for name, value in (("tier", tier), ("role", role), ("status", status)) if value}
    found = User.objects.filter(**exact)
    if not search:
        return found
    words = Q(email__icontains=search) | Q(name__icontains=search)
    try:
        return found.filter(words | Q(pk=UUID(search)))
    except ValueError:
        return found.filter(words)


def user_counts(user_id: UUID, *, now: datetime) -> Counts:
    """Four queries."""
    return Counts(
        sessions=sessions_of(user_id=user_id, now=now).count(),
        tokens=tokens_of(user_id=user_id, now=now).count(),
        subscriptions=subscriptions_counting(user_id=user_id, now=now).count(),
        second_factor=has_second_factor(user_id),
    )
