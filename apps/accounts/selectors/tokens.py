"""Reads: API tokens."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from apps.accounts.enums import UserStatus
from apps.accounts.models import ApiToken


def token_by_digest(digest: str) -> ApiToken | None:
    """The token with that SHA-256 and its owner, in one query through the unique index; None where there is none."""
    return ApiToken.objects.select_related("user").filter(digest=digest).first()


def tokens_of(*, user_id: UUID | str, now: datetime) -> QuerySet[ApiToken]:
    """A user's tokens that still work at `now`, newest first."""
    return ApiToken.objects.filter(user_id=user_id, revoked_at=None).exclude(Q(expires_at__lte=now))


@dataclass(frozen=True, slots=True)
class TokenStanding:
    """A token that works, and whose it is."""

    token_id: int
    digest: str
    user_id: UUID
    tier: str
    role: str
    is_superuser: bool
    scopes: list[str]
    last_used_at: datetime | None
    expires_at: datetime | None

    @property
    def level(self) -> tuple[str, str, bool, tuple[str, ...]]:
        """All that rights depend on: the owner's, and what the token is meant for."""
        return self.tier, self.role, self.is_superuser, tuple(self.scopes)


def tokens_standing(digests: Collection[str], *, now: datetime) -> list[TokenStanding]:
    """Those of these tokens that work at `now`, in one query: what `token_verify` says of each one."""
    working = ApiToken.objects.filter(digest__in=list(digests), revoked_at=None, user__status=UserStatus.ACTIVE)
    rows = working.exclude(Q(expires_at__lte=now)).order_by()
    owner = ("user_id", "user__tier", "user__role", "user__is_superuser")
    fields = ("pk", "digest", *owner, "scopes", "last_used_at", "expires_at")
    return [TokenStanding(*row) for row in rows.values_list(*fields)]
