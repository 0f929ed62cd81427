"""Writes: API tokens."""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from apps.accounts.exceptions import TokenRefusedError
from apps.accounts.models import ApiToken, User
from apps.accounts.scopes import ALL
from apps.accounts.selectors import TokenStanding, token_by_digest, tokens_of
from apps.core import audit
from apps.core.clock import wall_now
from apps.core.exceptions import PermanentError

TOKEN_PREFIX = "arb_"  # noqa: S105  (the public part: tells secret scanners whose token it is)
TOKEN_BYTES = 32
# Enough to tell tokens apart, far too little to guess the rest of 256 bits.
SHOWN_CHARACTERS = len(TOKEN_PREFIX) + 6
TOUCH_EVERY = timedelta(minutes=1)


def token_create(*, user: User, name: str, expires_at: datetime | None = None, scopes: Iterable[str] = ALL) -> str:
    """Make a token and return its text, the only time that anybody sees it."""
    return token_issue(ApiToken(user=user, name=name, expires_at=expires_at, scopes=list(scopes)))


TOKENS_MAX = 50


def token_make(*, user: User, name: str, scopes: Iterable[str], expires_at: datetime | None) -> tuple[ApiToken, str]:
    """A token that its owner makes, and its text; audited.

    PermanentError(code="too_many_tokens") where there are enough."""
    now = wall_now()
    with transaction.atomic():
        list(User.objects.filter(pk=user.pk).select_for_update(no_key=True).values_list("pk"))
        if tokens_of(user_id=user.pk, now=now).count() >= TOKENS_MAX:
            raise PermanentError(
                f"You have {TOKENS_MAX} tokens, which is the most: revoke one first.", code="too_many_tokens"
            )
        row = ApiToken(user=user, name=name, expires_at=expires_at, scopes=list(scopes))
        text = token_issue(row)
        changes = {"scopes": row.scopes, "expires_at": None if expires_at is None else expires_at.isoformat()}
        audit.record(actor_id=user.pk, action="token.issued", target=f"accounts.ApiToken:{row.pk}", changes=changes)
    return row, text


def token_rename(*, token_id: int, name: str) -> ApiToken:
    """Call a token something else."""
    ApiToken.objects.filter(pk=token_id).update(name=name)
    return ApiToken.objects.get(pk=token_id)


def token_end(*, token_id: int, user_id: UUID) -> None:
    """Its owner ends a token; audited."""
    with transaction.atomic():
        if token_revoke(token_id=token_id, user_id=user_id):
            audit.record(actor_id=user_id, action="token.revoked", target=f"accounts.ApiToken:{token_id}")


def token_issue(token: ApiToken) -> str:
    """Give an unsaved token its secret, store it and return the text."""
    text = TOKEN_PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
    token.prefix, token.digest = text[:SHOWN_CHARACTERS], token_digest(text)
    token.save(force_insert=True)
    return text


def token_verify(text: str) -> ApiToken:
    """The token behind `text`, with its user loaded; notes its use at most once a minute.

    Raises `TokenRefusedError` with the code `token_unknown`, `token_revoked`, `token_expired` or `account_inactive`.
    Only who holds the text learns more than "unknown".
    """
    digest = token_digest(text)
    token = token_by_digest(digest)
    if token is None or not hmac.compare_digest(token.digest, digest):
        raise TokenRefusedError("This token is not known.", code="token_unknown")
    now = wall_now()
    if token.revoked_at is not None:
        raise TokenRefusedError("This token was revoked.", code="token_revoked")
    if token.expires_at is not None and token.expires_at <= now:
        raise TokenRefusedError("This token has expired.", code="token_expired")
    if not token.user.is_active:
        raise TokenRefusedError("This account is not active.", code="account_inactive")
    _token_touch(token, now=now)
    return token


def token_revoke(*, token_id: int, user_id: UUID | str | None = None) -> bool:
    """End a token, only if it is `user_id`'s where that is given; False if there was nothing left to revoke."""
    tokens = ApiToken.objects.filter(pk=token_id, revoked_at=None)
    if user_id is not None:
        tokens = tokens.filter(user_id=user_id)
    return tokens.update(revoked_at=wall_now()) == 1


def tokens_revoke(*, user_id: UUID, actor_id: object) -> int:
    """End every token of somebody; how many. One record tells of all."""
    with transaction.atomic():
        ended = ApiToken.objects.filter(user_id=user_id, revoked_at=None).update(revoked_at=wall_now())
        if ended:
            changes = {"count": ended}
            audit.record(actor_id=actor_id, action="tokens.revoked", target=f"accounts.User:{user_id}", changes=changes)
    return ended


def token_digest(text: str) -> str:
    """SHA-256 in hex. A plain hash is enough: the text has 256 random bits, so there is nothing to guess faster."""
    return hashlib.sha256(text.encode()).hexdigest()


def tokens_touch(tokens: Iterable[TokenStanding], *, now: datetime) -> None:
    """Write down that these are in use, where the last minute does not have it already: two writes, however many.

    Not for a token's first use of a day, which is audited: that one has to be verified."""
    due = now - TOUCH_EVERY
    stale = [one for one in tokens if one.last_used_at is None or one.last_used_at <= due]
    if stale:
        ApiToken.objects.filter(pk__in=[one.token_id for one in stale]).update(last_used_at=now)
        User.objects.filter(pk__in={one.user_id for one in stale}).update(last_activity_at=now)


def _token_touch(token: ApiToken, *, now: datetime) -> None:
    """Write the use down unless the last minute has it already; of concurrent requests only one writes."""
    due = now - TOUCH_EVERY
    if token.last_used_at is not None and token.last_used_at > due:
        return
    stale = Q(last_used_at=None) | Q(last_used_at__lte=due)
    if ApiToken.objects.filter(stale, pk=token.pk).update(last_used_at=now):
        User.objects.filter(pk=token.user_id).update(last_activity_at=now)
        if token.last_used_at is None or token.last_used_at.date() < now.date():
            audit.record(actor_id=token.user_id, action="token.used", target=f"accounts.ApiToken:{token.pk}")
