"""Reads: who there is and what they may see."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from apps.accounts.enums import Role, Tier, UserStatus
from apps.accounts.managers import email_normal
from apps.accounts.models import ApiToken, User
from apps.accounts.policies import ADMIN_COLUMN, policy_read
from apps.accounts.types import TierPolicy


def user_by_email(email: str) -> User | None:
    """The user who signs in with that address, whatever its letter case, or None."""
    return User.objects.filter(email=email_normal(email)).first()


def users_active(*, ids: Iterable[UUID | str] | None = None) -> QuerySet[User]:
    """Users who may sign in and be written to, of `ids` only where given."""
    active = User.objects.filter(status=UserStatus.ACTIVE)
    return active if ids is None else active.filter(pk__in=list(ids))


def tier_policy(tier: Tier | str) -> TierPolicy:
    """What `tier` grants, as configured now."""
    return policy_read(Tier(tier).value)


def user_policy(user: User) -> TierPolicy:
    """What this very user is granted."""
    return policy_of(user.tier, user.role)


def policy_of(tier: Tier | str, role: Role | str) -> TierPolicy:
    """What somebody of this tier and role is granted: the tier's numbers, or the administrators' ones."""
    return policy_read(ADMIN_COLUMN) if Role(role).rank >= Role.ADMIN.rank else tier_policy(tier)


def users_standing() -> Iterator[tuple[UUID, str, str, datetime, datetime]]:
    """(id, tier, role, since when, last activity) of all active users: signing in and using a token is activity."""
    fields = ("pk", "tier", "role", "date_joined", "last_login", "last_activity_at")
    for pk, tier, role, joined, login, activity in users_active().values_list(*fields).iterator(chunk_size=5000):
        yield pk, tier, role, joined, max(filter(None, (joined, login, activity)))


def token_by_digest(digest: str) -> ApiToken | None:
    """The token with that SHA-256 and its owner, in one query through the unique index; None where there is none."""
    return ApiToken.objects.select_related("user").filter(digest=digest).first()


def tokens_of(*, user_id: UUID | str, now: datetime) -> QuerySet[ApiToken]:
    """A user's tokens that still work at `now`, newest first."""
    return ApiToken.objects.filter(user_id=user_id, revoked_at=None).exclude(Q(expires_at__lte=now))
