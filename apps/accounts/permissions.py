"""What a request may do, by the tier and the role of its user. A refusal names what would be needed."""

from typing import ClassVar

from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from apps.accounts.enums import Role, Tier
from apps.accounts.models import User


def tier_at_least(tier: Tier) -> type[BasePermission]:
    """A permission class that lets in users of `tier` or above, and administrators.

    Others are answered 403 with the tier they need; requests without credentials 401.
    """

    class TierAtLeast(BasePermission):
        code: ClassVar[str] = "tier_required"
        message: ClassVar[str] = f"This needs the {tier.value} tier or a higher one."

        def has_permission(self, request: Request, view: APIView) -> bool:
            user = request.user
            return isinstance(user, User) and (_is_admin(user) or Tier(user.tier).rank >= tier.rank)

    return TierAtLeast


def role_at_least(role: Role) -> type[BasePermission]:
    """A permission class that lets in users whose role is `role` or above; refusals as for tiers."""

    class RoleAtLeast(BasePermission):
        code: ClassVar[str] = "role_required"
        message: ClassVar[str] = f"This needs the role {role.value}."

        def has_permission(self, request: Request, view: APIView) -> bool:
            user = request.user
            return isinstance(user, User) and Role(user.role).rank >= role.rank

    return RoleAtLeast


def caller(request: Request) -> User:
    """Who asks, in views that let in signed-in users only."""
    assert isinstance(request.user, User)
    return request.user


def _is_admin(user: User) -> bool:
    return Role(user.role).rank >= Role.ADMIN.rank
