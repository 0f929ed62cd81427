"""Reads: API tokens."""

from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from apps.accounts.models import ApiToken


def token_by_digest(digest: str) -> ApiToken | None:
    """The token with that SHA-256 and its owner, in one query through the unique index; None where there is none."""
    return ApiToken.objects.select_related("user").filter(digest=digest).first()


def tokens_of(*, user_id: UUID | str, now: datetime) -> QuerySet[ApiToken]:
    """A user's tokens that still work at `now`, newest first."""
    return ApiToken.objects.filter(user_id=user_id, revoked_at=None).exclude(Q(expires_at__lte=now))
