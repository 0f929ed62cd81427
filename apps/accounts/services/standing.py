"""Writes: closing somebody's account for a while, and opening it again; roles."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from apps.accounts.enums import Role, UserStatus
from apps.accounts.exceptions import StandingRefused
from apps.accounts.models import User
from apps.accounts.services.sessions import sessions_end
from apps.core import audit


@transaction.atomic
def user_suspend(*, user_id: UUID, reason: str, actor_id: UUID, now: datetime) -> bool:
    """Nobody signs in to the account, its sessions end and its tokens open nothing, until it is opened again; False
    where it was suspended before.

    StandingRefused(code="own_account" | "account_deactivated")."""
    user = _held(user_id, actor_id)
    if user.status == UserStatus.SUSPENDED:
        return False
    if user.status == UserStatus.DEACTIVATED:
        raise StandingRefused("This account was closed for good.", code="account_deactivated")
    _status_set(user, UserStatus.SUSPENDED, actor_id=actor_id, reason=reason)
    sessions_end(user_id=user.pk, now=now, because="suspended", actor_id=actor_id)
    return True


@transaction.atomic
def user_reactivate(*, user_id: UUID, reason: str, actor_id: UUID) -> bool:
    """The account opens again; False where it was not suspended. Who has yet to confirm the address still has to."""
    user = _held(user_id, actor_id)
    if user.status != UserStatus.SUSPENDED:
        return False
    unproven = user.registered and user.email_confirmed_at is None
    _status_set(user, UserStatus.PENDING if unproven else UserStatus.ACTIVE, actor_id=actor_id, reason=reason)
    return True


@transaction.atomic
def role_set(*, user_id: UUID, role: Role, actor_id: UUID) -> None:
    """What somebody may do to others; they sign in again with it. StandingRefused(code="own_account")."""
    user = _held(user_id, actor_id)
    before, user.role = user.role, role
    if before == role:
        return
    user.save(update_fields=["role"])
    changes = {"before": before, "after": role.value}
    audit.record(actor_id=actor_id, action="user.role", target=f"accounts.User:{user.pk}", changes=changes)


def _held(user_id: UUID, actor_id: UUID) -> User:
    if user_id == actor_id:
        # The last operator would lock themselves out.
        raise StandingRefused("Somebody else has to do this to your account.", code="own_account")
    return User.objects.select_for_update(no_key=True).get(pk=user_id)


def _status_set(user: User, status: UserStatus, *, actor_id: UUID, reason: str) -> None:
    before, user.status = user.status, status
    user.save(update_fields=["status"])
    changes = {"before": before, "after": status.value, "reason": reason}
    audit.record(actor_id=actor_id, action="user.status", target=f"accounts.User:{user.pk}", changes=changes)
