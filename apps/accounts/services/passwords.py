"""Writes: a new password, by who knows the old one or reads the account's mail."""

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.db import transaction
from django.utils.crypto import salted_hmac

from apps.accounts.events import RecoveryAsked
from apps.accounts.exceptions import RecoveryRefused, SignInRefused
from apps.accounts.managers import email_normal
from apps.accounts.models import Recovery, User
from apps.accounts.selectors import user_by_email
from apps.accounts.services.letters import letter_write
from apps.accounts.services.pacing import paced
from apps.accounts.services.sessions import session_stands, sessions_end
from apps.accounts.services.sign_in import tries_forget
from apps.accounts.services.tokens import tokens_revoke
from apps.accounts.services.two_factor import two_factor_check
from apps.core import audit, caller, events
from apps.core.limits import Demand, Limit

RECOVERY_LIVES = timedelta(minutes=30)
RECOVERY_BYTES = 32
KEPT = timedelta(days=30)
_PER_EMAIL = (Limit(3, 600), Limit(10, 86_400))
_PER_ADDRESS = (Limit(20, 600), Limit(100, 86_400))
_PER_USER = (Limit(5, 600),)


def password_change(
    *, user: User, current: str, new: str, code: str, now: datetime, keep: UUID, revoke_tokens: bool = False
) -> None:
    """A new password; every other session ends, and with `revoke_tokens` every API token.

    Raises SignInRefused, Django's ValidationError for a weak one, ThrottledError(code="too_many_attempts")."""
    proof(user=user, password=current, code=code, now=now)
    validate_password(new, user)
    with transaction.atomic():
        _set(user, new, action="password.changed", now=now, keep=keep, revoke_tokens=revoke_tokens)
        session_stands(session_id=keep, user=user)


def proof(*, user: User, password: str, code: str, now: datetime) -> None:
    """Who is signed in shows password and second factor again, for what a stolen session must not do.

    Raises SignInRefused, ThrottledError(code="too_many_attempts")."""
    paced([Demand(f"accounts:password:{user.pk}", _PER_USER)])
    if not user.check_password(password):
        raise SignInRefused("This is not the current password.", code="credentials_wrong")
    two_factor_check(user_id=user.pk, code=code, now=now)


def recovery_ask(*, email: str, now: datetime) -> None:
    """Somebody forgot the password of `email`. The same is done for every address, known or not: a row and a ring; the
    letter is written where nobody waits for it. Raises ThrottledError(code="too_many_attempts")."""
    hidden = hashlib.sha256(email_normal(email).encode()).hexdigest()[:24]
    place = caller.place_of(caller.current().address)
    paced(
        [
            Demand(f"accounts:recovery:to:{hidden}", _PER_EMAIL),
            Demand(f"accounts:recovery:from:{place}", _PER_ADDRESS),
        ]
    )
    user = user_by_email(email)
    with transaction.atomic():
        Recovery.objects.create(user=user, created_at=now, expires_at=now + RECOVERY_LIVES)
        events.publish(RecoveryAsked())


def recoveries_send(*, now: datetime) -> int:
    """Write the letters that were asked for; how many. Only accounts that may sign in get one."""
    sent = 0
    waiting = Recovery.objects.filter(digest=None, used_at=None, expires_at__gt=now, user__isnull=False)
    for row in waiting.select_related("user").order_by("pk")[:100]:
        assert row.user is not None
        text = secrets.token_urlsafe(RECOVERY_BYTES)
        with transaction.atomic():
            # Of two workers one writes the letter.
            if (
                not Recovery.objects.filter(pk=row.pk, digest=None).update(digest=_digest(text))
                or not row.user.is_active
            ):
                continue
            letter_write(
                user_id=row.user.pk,
                title="Set a new password for ArbEdge",
                text=f"Somebody, hopefully you, asked for it. Until {row.expires_at:%H:%M} UTC this link works, once: "
                f"{settings.PUBLIC_URL}/account/recovery/{text}\n\nIf you did not ask, nothing has changed.",
                now=now,
                to_address=True,
                lives=RECOVERY_LIVES,
            )
            sent += 1
    return sent


def recovery_user(text: str, *, now: datetime) -> User:
    """Whose link it is. Raises RecoveryRefused."""
    return _recovery(text, now=now)[1]


def recovery_finish(*, text: str, new: str, now: datetime, revoke_tokens: bool = False) -> User:
    """Set a new password with the link from the letter; it and all others that were asked for work no more, and every
    session ends; earlier tries to sign in count no longer. The second factor stays on. Raises RecoveryRefused, Django's
    ValidationError for a weak password."""
    with transaction.atomic():
        row, user = _recovery(text, now=now)
        validate_password(new, user)
        if not Recovery.objects.filter(pk=row.pk, used_at=None).update(used_at=now):
            raise _refused()
        Recovery.objects.filter(user=user, used_at=None).update(used_at=now)
        _set(user, new, action="password.recovered", now=now, keep=None, revoke_tokens=revoke_tokens)
    tries_forget(user.email)
    return user


def recoveries_prune(*, now: datetime) -> int:
    """Delete what was asked for long ago; how many."""
    return Recovery.objects.filter(expires_at__lt=now - KEPT).delete()[0]


def _set(user: User, new: str, *, action: str, now: datetime, keep: UUID | None, revoke_tokens: bool) -> None:
    user.set_password(new)
    user.save(update_fields=["password"])
    sessions_end(user_id=user.pk, now=now, because=action.replace(".", "_"), actor_id=user.pk, keep=keep)
    if revoke_tokens:
        tokens_revoke(user_id=user.pk, actor_id=user.pk)
    audit.record(actor_id=user.pk, action=action, target=f"accounts.User:{user.pk}")


def _recovery(text: str, *, now: datetime) -> tuple[Recovery, User]:
    digest = _digest(text)
    row = Recovery.objects.select_related("user").filter(digest=digest).first()
    if row is None or row.digest is None or not hmac.compare_digest(row.digest, digest):
        raise _refused()
    if row.used_at is not None or row.expires_at <= now or row.user is None or not row.user.is_active:
        raise _refused()
    return row, row.user


def _digest(text: str) -> str:
    return salted_hmac("accounts.Recovery", text, algorithm="sha256").hexdigest()


def _refused() -> RecoveryRefused:
    return RecoveryRefused("This link was used or is too old: ask for a new one.")
