"""Reads: what somebody is granted. `allowed` is where every face asks: API, bot, pages and admin."""

from django.contrib.auth.models import AnonymousUser
from django.db.models import Q, QuerySet

from apps.accounts.enums import Role, Tier
from apps.accounts.exceptions import RightMissing
from apps.accounts.grants import GRANTS, LEVELS, level_needed, level_rank
from apps.accounts.models import User
from apps.accounts.policies import ADMIN_COLUMN, policy_read
from apps.accounts.selectors.people import users_active
from apps.accounts.types import TierPolicy
from apps.core import config


def tier_policy(tier: Tier | str) -> TierPolicy:
    """What `tier` grants, as configured now."""
    return policy_read(Tier(tier).value)


def user_policy(user: User) -> TierPolicy:
    """What this very user is granted."""
    return policy_of(user.tier, user.role)


def policy_of(tier: Tier | str, role: Role | str) -> TierPolicy:
    """What somebody of this tier and role is granted: the tier's numbers, or the administrators' ones."""
    return policy_read(ADMIN_COLUMN) if Role(role).rank >= Role.ADMIN.rank else tier_policy(tier)


def group_commands() -> frozenset[str]:
    """The commands that are obeyed in groups and channels, without their slash; all others are for private chats."""
    return frozenset(word.lstrip("/").lower() for word in config.get("group.commands").split())


def level_of(user: User) -> str:
    """Where a user stands: their role where it is an operator's, else their tier."""
    if user.is_superuser:
        return Role.SUPER_ADMIN.value
    return Tier(user.tier).value if Role(user.role) is Role.USER else Role(user.role).value


def allowed(user: object, permission: str) -> bool:
    """Whether `user` (nobody, somebody signed out, or an account) may do `permission` now.

    Accounts that are not active may nothing. OperatorError where there is no such permission."""
    needed = level_needed(permission)
    if not isinstance(user, User) or not user.is_active:
        return False
    return level_rank(level_of(user)) >= level_rank(needed)


def permission_require(user: User | AnonymousUser, permission: str) -> None:
    """RightMissing, which names the level that is needed, unless `allowed`."""
    if not allowed(user, permission):
        raise RightMissing(level_needed(permission))


def permissions_of(user: User) -> tuple[str, ...]:
    """The names of everything that a user may, sorted."""
    return tuple(name for name in sorted(GRANTS) if allowed(user, name))


def users_allowed(permission: str) -> QuerySet[User]:
    """Active users who have `permission` now."""
    opened = LEVELS[level_rank(level_needed(permission)) :]
    plain = Q(role=Role.USER, tier__in=[level for level in opened if level in Tier.values])
    operators = Q(role__in=[level for level in opened if level in Role.values]) | Q(is_superuser=True)
    return users_active().filter(plain | operators)
