"""Writes: what people say of themselves."""

from collections.abc import Mapping
from uuid import UUID

from apps.accounts.models import User


def profile_set(*, user_id: UUID, said: Mapping[str, str]) -> User:
    """Store the named fields of a profile (`name`, `timezone`, `locale`, checked by the caller); the others stay."""
    if said:
        User.objects.filter(pk=user_id).update(**said)
    return User.objects.get(pk=user_id)
