"""Reads: people's keys to exchanges. None of them opens one."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from apps.accounts.enums import KeyState, UserStatus
from apps.accounts.key_forms import FORMS
from apps.accounts.models import ExchangeKey, User


def exchange_keys_of(user_id: UUID) -> QuerySet[ExchangeKey]:
    """A user's keys, newest first, without what is sealed in them."""
    return ExchangeKey.objects.filter(user_id=user_id, removed_at=None).defer("sealed")


def exchange_keys_due(*, now: datetime, at_most: int) -> list[UUID]:
    """Those whose check is due, longest first, of people who may sign in."""
    due = ExchangeKey.objects.filter(next_check_at__lte=now, user__status=UserStatus.ACTIVE)
    return list(due.order_by("next_check_at").values_list("pk", flat=True)[:at_most])


def exchanges_keyed(user_ids: Collection[UUID]) -> dict[UUID, frozenset[str]]:
    """Which venues (ccxt ids) each of these people reaches with a valid key; nobody without one is in it. One query."""
    rows = ExchangeKey.objects.filter(user_id__in=list(user_ids), state=KeyState.VALID, removed_at=None).order_by()
    found: dict[UUID, set[str]] = {}
    for user_id, exchange in rows.values_list("user_id", "exchange"):
        found.setdefault(user_id, set()).update(FORMS[exchange].opens if exchange in FORMS else (exchange,))
    return {user_id: frozenset(names) for user_id, names in found.items()}


def exchanges_keyed_by(user: User) -> frozenset[str]:
    """The same of one person; asked once for each loaded user, however often a request needs it."""
    if not hasattr(user, "_exchanges_keyed"):
        user._exchanges_keyed = exchanges_keyed([user.pk]).get(user.pk, frozenset())  # type: ignore[attr-defined]
    known: frozenset[str] = user._exchanges_keyed  # type: ignore[attr-defined]
    return known
