"""Reads: where people are signed in, and with what."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from apps.accounts.models import AccountSession, RecoveryCode, TwoFactor


def sessions_of(*, user_id: UUID, now: datetime) -> QuerySet[AccountSession]:
    """Where somebody is signed in at `now`, newest first."""
    return AccountSession.objects.filter(user_id=user_id, ended_at=None, expires_at__gt=now).order_by(
        "-created_at", "id"
    )


def sessions_standing(digests: Collection[str], *, now: datetime) -> set[str]:
    """Those of these sessions that `session_verify` would let in at `now`. One query."""
    live = AccountSession.objects.select_related("user").filter(
        digest__in=list(digests), ended_at=None, expires_at__gt=now
    )
    return {row.digest for row in live if row.user.is_active and row.standing == row.user.get_session_auth_hash()}


def has_second_factor(user_id: UUID) -> bool:
    """Whether somebody needs more than a password."""
    return TwoFactor.objects.filter(user_id=user_id).exclude(confirmed_at=None).exists()


def recovery_codes_left(user_id: UUID) -> int:
    """How many codes on paper were not used."""
    return RecoveryCode.objects.filter(user_id=user_id, used_at=None).count()
