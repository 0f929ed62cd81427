"""Writes: accounts."""

from collections.abc import Iterable
from uuid import UUID

from django.contrib.auth.password_validation import validate_password
from django.db import transaction

from apps.accounts.enums import Role, Tier, UserStatus
from apps.accounts.managers import email_normal
from apps.accounts.models import User


@transaction.atomic
def user_create(
    *,
    email: str,
    password: str | None = None,
    name: str = "",
    tier: Tier = Tier.FREE,
    role: Role = Role.USER,
    status: UserStatus = UserStatus.ACTIVE,
    is_staff: bool = False,
    is_superuser: bool = False,
) -> User:
    """Store an account. A taken or malformed address and a weak password raise Django's `ValidationError`."""
    user = User(
        email=email_normal(email),
        name=name,
        tier=tier,
        base_tier=tier,
        role=role,
        status=status,
        is_staff=is_staff,
        is_superuser=is_superuser,
    )
    if password is not None:
        validate_password(password, user)
    user.set_password(password)
    user.full_clean()
    user.save(force_insert=True)
    return user


def users_hold(ids: Iterable[UUID]) -> None:
    """Hold these people's rows until the transaction ends, in one order for all: who counts what they have, counts
    alone. On SQLite the transaction itself keeps other writers out."""
    list(User.objects.filter(pk__in=list(ids)).order_by("pk").select_for_update(no_key=True).values_list("pk"))
