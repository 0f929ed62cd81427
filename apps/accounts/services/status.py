"""Writes: where accounts stand and what they may do to others, and what that does to what opens them."""

from datetime import datetime
from types import MappingProxyType
from typing import Final
from uuid import UUID

from django.db import transaction

from apps.accounts.enums import Role, UserStatus
from apps.accounts.exceptions import StatusRefused
from apps.accounts.models import User
from apps.accounts.services.sessions import sessions_end
from apps.accounts.services.tokens import tokens_revoke
from apps.core import audit

# From where to where. A pending account becomes active by confirming its address, or by an operator.
TRANSITIONS: Final = MappingProxyType(
    {
        UserStatus.PENDING: frozenset({UserStatus.ACTIVE, UserStatus.SUSPENDED, UserStatus.DEACTIVATED}),
        UserStatus.ACTIVE: frozenset({UserStatus.SUSPENDED, UserStatus.DEACTIVATED}),
        UserStatus.SUSPENDED: frozenset({UserStatus.ACTIVE, UserStatus.DEACTIVATED}),
        UserStatus.DEACTIVATED: frozenset({UserStatus.ACTIVE}),
    }
)


def user_suspend(*, user_id: UUID, actor_id: UUID, reason: str, now: datetime) -> bool:
    """Keep somebody out for a while: sessions end, API tokens open nothing until they are let in again.

    False where they are out already, as for the others here; StatusRefused where the account does not stand where that
    is possible, or is the operator's own."""
    return _moved(user_id, UserStatus.SUSPENDED, actor_id, reason, now)


def user_reactivate(*, user_id: UUID, actor_id: UUID, reason: str, now: datetime) -> bool:
    """Let somebody in (again). Sessions that ended stay over. Who was suspended with an address that is yet to be
    confirmed still has to confirm it."""
    return _moved(user_id, UserStatus.ACTIVE, actor_id, reason, now)


def user_deactivate(*, user_id: UUID, actor_id: UUID, reason: str, now: datetime) -> bool:
    """Close an account: sessions end and API tokens are revoked for good."""
    return _moved(user_id, UserStatus.DEACTIVATED, actor_id, reason, now)


@transaction.atomic
def role_set(*, user_id: UUID, role: Role, actor_id: UUID) -> bool:
    """What somebody may do to others; they sign in again with it. StatusRefused for the operator's own."""
    if user_id == actor_id:
        # The last operator would lock themselves out.
        raise StatusRefused("Somebody else has to do this to your account.", code="status_own")
    user = User.objects.select_for_update(no_key=True).get(pk=user_id)
    before, user.role = user.role, role
    if before == role:
        return False
    user.save(update_fields=["role"])
    changes = {"role": [before, role.value]}
    audit.record(actor_id=actor_id, action="user.role", target=f"accounts.User:{user_id}", changes=changes)
    return True


@transaction.atomic
def _moved(user_id: UUID, status: UserStatus, actor_id: UUID, reason: str, now: datetime) -> bool:
    user = User.objects.select_for_update(no_key=True).get(pk=user_id)
    before = UserStatus(user.status)
    if before is status:
        return False
    if status not in TRANSITIONS[before]:
        raise StatusRefused(f"An account that is {before.label.lower()} can't become {status.label.lower()}.")
    if user_id == actor_id and status is not UserStatus.ACTIVE:
        raise StatusRefused("Nobody shuts themselves out.", code="status_own")
    if before is UserStatus.SUSPENDED and status is UserStatus.ACTIVE and _unproven(user):
        status = UserStatus.PENDING
    user.status = status
    user.save(update_fields=["status"])
    if status is not UserStatus.ACTIVE:
        sessions_end(user_id=user_id, now=now, because=status.value, actor_id=actor_id)
    if status is UserStatus.DEACTIVATED:
        tokens_revoke(user_id=user_id, actor_id=actor_id)
    changes = {"status": [before.value, status.value], "reason": reason}
    audit.record(actor_id=actor_id, action="user.status", target=f"accounts.User:{user_id}", changes=changes)
    return True


def _unproven(user: User) -> bool:
    return user.registered and user.email_confirmed_at is None
