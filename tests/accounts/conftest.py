"""People of this folder's tests."""

from collections.abc import Callable

import pytest

from apps.accounts.enums import Role, Tier
from apps.accounts.models import User
from apps.accounts.services import user_create

MakeUser = Callable[..., User]


@pytest.fixture
def make_user(db: None) -> MakeUser:
    """Makes users with an address from the name they are called by."""

    def make(name: str, tier: Tier = Tier.FREE, role: Role = Role.USER, **fields: object) -> User:
        return user_create(email=f"{name}@example.test", name=name, tier=tier, role=role, **fields)  # type: ignore[arg-type]

    return make
