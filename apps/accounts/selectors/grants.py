"""Reads: what somebody is granted."""

from apps.accounts.enums import Role, Tier
from apps.accounts.models import User
from apps.accounts.policies import ADMIN_COLUMN, policy_read
from apps.accounts.types import TierPolicy


def tier_policy(tier: Tier | str) -> TierPolicy:
    """What `tier` grants, as configured now."""
    return policy_read(Tier(tier).value)


def user_policy(user: User) -> TierPolicy:
    """What this very user is granted."""
    return policy_of(user.tier, user.role)


def policy_of(tier: Tier | str, role: Role | str) -> TierPolicy:
    """What somebody of this tier and role is granted: the tier's numbers, or the administrators' ones."""
    return policy_read(ADMIN_COLUMN) if Role(role).rank >= Role.ADMIN.rank else tier_policy(tier)
