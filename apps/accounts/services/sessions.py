"""Writes: where people are signed in."""

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from apps.accounts.exceptions import TokenRefusedError
from apps.accounts.models import AccountSession, SessionKind, User
from apps.core import audit, caller

SESSION_PREFIX = "arbs_"
LIVES = timedelta(days=7)
TOUCH_EVERY = timedelta(minutes=1)
KEPT = timedelta(days=30)
# Who signs in more often than this without signing out loses the places that were idle longest.
SESSIONS_MAX = 50


def session_open(
    *, user: User, kind: SessionKind, now: datetime, second_factor: bool = False
) -> tuple[AccountSession, str]:
    """Sign `user` in; the session and its secret, which nobody sees again. From where is taken from the request."""
    text = SESSION_PREFIX + secrets.token_urlsafe(32)
    origin = caller.current()
    with transaction.atomic():
        row = AccountSession.objects.create(
            user=user,
            kind=kind,
            digest=_digest(text),
            standing=user.get_session_auth_hash(),
            second_factor=second_factor,
            address=origin.address,
            agent=origin.agent,
            created_at=now,
            last_activity_at=now,
            expires_at=now + LIVES,
        )
        User.objects.filter(pk=user.pk).update(last_activity_at=now)
        live = AccountSession.objects.filter(user=user, ended_at=None, expires_at__gt=now)
        idle = live.order_by("-last_activity_at", "-created_at").values_list("pk", flat=True)[SESSIONS_MAX:]
        AccountSession.objects.filter(pk__in=list(idle)).update(ended_at=now, ended_because="too_many")
    return row, text


def session_verify(text: str, *, now: datetime) -> AccountSession:
    """The session behind `text`, with its user loaded; its use extends it, written at most once a minute.

    Raises `TokenRefusedError` with the code `session_unknown`, `session_ended`, `session_expired` or
    `account_inactive`.
    One read, and one more write a minute."""
    digest = _digest(text)
    row = AccountSession.objects.select_related("user").filter(digest=digest).first()
    if row is None or not hmac.compare_digest(row.digest, digest):
        raise TokenRefusedError("This session is not known.", code="session_unknown")
    if row.ended_at is not None:
        raise TokenRefusedError("This session was ended.", code="session_ended")
    if row.expires_at <= now:
        raise TokenRefusedError("This session has expired.", code="session_expired")
    if not row.user.is_active:
        raise TokenRefusedError("This account is not active.", code="account_inactive")
    if not hmac.compare_digest(row.standing, row.user.get_session_auth_hash()):
        # Written down, so that it stays over where the old standing comes back.
        AccountSession.objects.filter(pk=row.pk, ended_at=None).update(ended_at=now, ended_because="standing_changed")
        raise TokenRefusedError("Password or rights have changed: sign in again.", code="session_ended")
    if row.last_activity_at <= now - TOUCH_EVERY:
        _touch(row, now=now)
    return row


def session_stands(*, session_id: UUID, user: User, second_factor: bool | None = None) -> None:
    """After its owner changed the password or the second factor in this session: it goes on, the others don't."""
    user.refresh_from_db()
    given = {} if second_factor is None else {"second_factor": second_factor}
    AccountSession.objects.filter(pk=session_id, user=user).update(standing=user.get_session_auth_hash(), **given)


def session_end(
    *, session_id: UUID, user_id: UUID, now: datetime, because: str = "by_owner", actor_id: object = None
) -> bool:
    """End one session of `user_id`, who does it where no `actor_id` is given; False where there was nothing to end."""
    mine = AccountSession.objects.filter(pk=session_id, user_id=user_id, ended_at=None)
    with transaction.atomic():
        if not mine.update(ended_at=now, ended_because=because):
            return False
        changes = {"because": because}
        audit.record(
            actor_id=actor_id or user_id,
            action="session.ended",
            target=f"accounts.AccountSession:{session_id}",
            changes=changes,
        )
    return True


def sessions_end(
    *, user_id: UUID, now: datetime, because: str, actor_id: object = None, keep: UUID | None = None
) -> int:
    """End every session of somebody, but `keep`; how many. One record tells of all."""
    live = AccountSession.objects.filter(user_id=user_id, ended_at=None, expires_at__gt=now)
    if keep is not None:
        live = live.exclude(pk=keep)
    with transaction.atomic():
        ended = live.update(ended_at=now, ended_because=because)
        if ended:
            changes = {"because": because, "sessions": ended}
            audit.record(actor_id=actor_id, action="sessions.ended", target=f"accounts.User:{user_id}", changes=changes)
    return ended


def sessions_prune(*, now: datetime) -> int:
    """Delete sessions that are over for a month; how many."""
    return AccountSession.objects.filter(expires_at__lt=now - KEPT).delete()[0]


def _touch(row: AccountSession, *, now: datetime) -> None:
    origin = caller.current()
    due = AccountSession.objects.filter(pk=row.pk, ended_at=None, last_activity_at__lte=now - TOUCH_EVERY)
    fields = {"last_activity_at": now, "expires_at": now + LIVES, "agent": origin.agent, "address": origin.address}
    # Of requests at once only one writes.
    if due.update(**fields):
        User.objects.filter(pk=row.user_id).update(last_activity_at=now)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
