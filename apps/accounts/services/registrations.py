"""Writes: coming in. An account counts once its address is confirmed, and nobody learns which addresses have one."""

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.db import IntegrityError, transaction
from django.db.models import F

from apps.accounts.enums import UserStatus
from apps.accounts.exceptions import ConfirmationRefused, InvitationRefused, ReferralRefused
from apps.accounts.managers import email_normal
from apps.accounts.models import Registration, User
from apps.accounts.services.invitations import place_keep, place_use, places_release
from apps.accounts.services.letters import letter_write
from apps.accounts.services.referrals import referral_code_find, referral_code_set, referral_record
from apps.core import audit, config, limits
from apps.core.exceptions import PermanentError, ThrottledError
from apps.core.limits import Demand, Limit

CODE_DIGITS: Final = 8
CODE_LIVES: Final = timedelta(hours=1)
# With eight digits and five tries, one guess in twenty million succeeds.
TRIES_MAX: Final = 5
# So long a place of an invitation is kept for an address that is not confirmed.
PENDING_LIVES: Final = timedelta(hours=24)
KEPT: Final = timedelta(days=7)
# An address that somebody else typed must not become a way to pester its owner.
PER_ADDRESS: Final = (Limit(3, 600), Limit(10, 86_400))


def registration_start(
    *,
    email: str,
    password: str,
    now: datetime,
    name: str = "",
    invitation_code: str = "",
    referral_code: str = "",
    timezone: str = "UTC",
    locale: str = "en",
) -> Registration:
    """Register an address and have a code sent there; whether it has an account already changes nothing that the caller
    can see: its owner is told by mail, and the invitation's place is kept all the same.

    Raises PermanentError(code="registration_closed"), InvitationRefused, ReferralRefused, Django's ValidationError for
    a weak password, ThrottledError(code="too_many_codes") and TemporaryError(code="limits_away")."""
    if not config.get("registration.open"):
        raise PermanentError("Nobody can register at the moment.", code="registration_closed")
    if not invitation_code and config.get("registration.invited_only"):
        raise InvitationRefused("Registering needs an invitation.", code="invitation_required")
    email = email_normal(email)
    validate_password(password, User(email=email, name=name))
    referral = referral_code_find(referral_code) if referral_code else None
    _paced(email)
    # Slow on purpose, so before anything is held, and for every address.
    hashed = make_password(password)
    with transaction.atomic():
        use = place_keep(text=invitation_code, email=email, now=now) if invitation_code else None
        known, mine = _account(email)
        row = Registration(
            email=email,
            name=name,
            password=hashed,
            timezone=timezone,
            locale=locale,
            user=known if mine else None,
            invitation_use=use,
            referral_code=referral,
            created_at=now,
        )
        code = _code_give(row, now)
        row.save(force_insert=True)
        _code_mail(row, known, code, now)
    return row


def registration_resend(*, registration_id: UUID, now: datetime) -> None:
    """Send another code; earlier ones count no longer. Nothing happens, and nothing is told, where there is no such
    registration or it is confirmed or too old. Raises as `registration_start` does for its limits."""
    row = Registration.objects.filter(pk=registration_id, confirmed_at=None, created_at__gt=now - PENDING_LIVES).first()
    if row is None:
        return
    _paced(row.email)
    with transaction.atomic():
        code = _code_give(row, now)
        row.save(update_fields=["digest", "tries", "code_expires_at"])
        _code_mail(row, User.objects.get(email=row.email) if row.user_id is None else row.user, code, now)


def registration_confirm(*, registration_id: UUID, code: str, now: datetime) -> User:
    """The code arrived: the account is active, with the password of this registration.

    ConfirmationRefused says whether it is wrong or counts no longer."""
    given = "".join(code.split())
    # Counted for good before the code is looked at: guesses side by side must not share a try.
    counting = Registration.objects.filter(
        pk=registration_id, confirmed_at=None, code_expires_at__gt=now, tries__lt=TRIES_MAX
    )
    if not counting.update(tries=F("tries") + 1):
        raise _stale()
    row = Registration.objects.get(pk=registration_id)
    if not hmac.compare_digest(row.digest, _digest(row.pk, given)):
        raise ConfirmationRefused(f"This is not the code that was sent; {max(0, TRIES_MAX - row.tries)} more tries.")
    with transaction.atomic():
        return _account_open(registration_id, now)


def registrations_prune(*, now: datetime) -> int:
    """Delete registrations that were not confirmed in time with what they kept, and old ones that were; how many."""
    late = now - PENDING_LIVES
    deleted = Registration.objects.filter(confirmed_at=None, created_at__lt=late).delete()[0]
    deleted += Registration.objects.filter(confirmed_at__lt=now - KEPT).delete()[0]
    places_release(before=late)
    # Only those that a registration made: nobody ever signed in, and nothing but its letters hangs on them.
    User.objects.filter(
        status=UserStatus.PENDING,
        email_confirmed_at=None,
        last_login=None,
        registered=True,
        registrations=None,
        date_joined__lt=late,
    ).delete()
    return deleted


def _account(email: str) -> tuple[User, bool]:
    """The account of that address, made as a pending one where there is none, and whether it waits for its code."""
    user = User.objects.filter(email=email).first()
    if user is None:
        user = User(email=email, status=UserStatus.PENDING, registered=True)
        user.set_unusable_password()
        user.full_clean()
        try:
            with transaction.atomic():
                user.save(force_insert=True)
        except IntegrityError:
            user = User.objects.get(email=email)
    return user, user.registered and user.status == UserStatus.PENDING and user.email_confirmed_at is None


def _account_open(registration_id: UUID, now: datetime) -> User:
    row = Registration.objects.select_related("invitation_use__invitation", "referral_code__user").get(
        pk=registration_id
    )
    user = None if row.user_id is None else User.objects.select_for_update(no_key=True).get(pk=row.user_id)
    if user is None or user.status != UserStatus.PENDING or user.email_confirmed_at is not None:
        raise _stale()
    user.password, user.name, user.timezone, user.locale = row.password, row.name, row.timezone, row.locale
    user.status, user.email_confirmed_at = UserStatus.ACTIVE, now
    user.save(update_fields=["password", "name", "timezone", "locale", "status", "email_confirmed_at"])
    # What opens the account is not kept twice.
    Registration.objects.filter(pk=row.pk).update(confirmed_at=now, password="", digest="")
    audit.record(actor_id=user.pk, action="user.registered", target=f"accounts.User:{user.pk}")
    letter_write(
        user_id=user.pk,
        title="Welcome to ArbEdge",
        text="Your address is confirmed and your account is open. Opportunities are never free of risk.",
        to_address=True,
        now=now,
    )
    if row.invitation_use is not None:
        place_use(use=row.invitation_use, user=user, now=now)
    referral_code_set(user_id=user.pk, now=now)
    if row.referral_code is not None:
        _referred(user, row, now)
    return User.objects.get(pk=user.pk)


def _referred(user: User, row: Registration, now: datetime) -> None:
    assert row.referral_code is not None
    try:
        with transaction.atomic():
            referral_record(user=user, code=row.referral_code, now=now)
    except ReferralRefused as error:
        # The account is worth more than who brought it; the reason stays on record.
        audit.record(
            actor_id=user.pk,
            action="referral.refused",
            target=f"accounts.User:{user.pk}",
            changes={"code": error.code},
        )


def _code_give(row: Registration, now: datetime) -> str:
    code = "".join(secrets.choice("0123456789") for _ in range(CODE_DIGITS))
    # A registration of nobody gets a digest as well, of a code that nobody is sent.
    row.digest = _digest(row.pk, code if row.user is not None else secrets.token_urlsafe())
    row.tries, row.code_expires_at = 0, now + CODE_LIVES
    return code


def _code_mail(row: Registration, owner: User | None, code: str, now: datetime) -> None:
    if owner is None:
        return
    if row.user_id is None:
        title = "You have an ArbEdge account"
        text = (
            "Somebody, perhaps you, tried to register with this address, which has an account already. Nothing has "
            "changed. If it was you, sign in, or have your password reset."
        )
    else:
        title = "Confirm your address for ArbEdge"
        text = (
            f"Your code is {code}. It works for {CODE_LIVES.seconds // 60} minutes. If you did not register, ignore "
            "this message: no account is opened without the code."
        )
    letter_write(user_id=owner.pk, title=title, text=text, to_address=True, lives=CODE_LIVES, now=now)


def _paced(email: str) -> None:
    digest = hashlib.sha256(email.encode()).hexdigest()[:24]
    [wait_s] = limits.acquire([[Demand(f"accounts:registrations:to:{digest}", PER_ADDRESS)]])
    if wait_s > 0:
        raise ThrottledError("This address was sent enough codes for now.", retry_after=wait_s, code="too_many_codes")


def _stale() -> ConfirmationRefused:
    return ConfirmationRefused("There is no code that still counts: ask for a new one.", code="code_expired")


def _digest(registration_id: UUID, code: str) -> str:
    # Keyed, because eight digits are soon tried through by whoever reads the table.
    text = f"registration:{registration_id}:{code}"
    return hmac.new(settings.SECRET_KEY.encode(), text.encode(), hashlib.sha256).hexdigest()
