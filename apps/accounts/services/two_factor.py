"""Writes: the second factor, six digits of an authenticator app (RFC 6238), or a code on paper."""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings
from django.db import transaction

from apps.accounts.exceptions import SignInRefused
from apps.accounts.models import RecoveryCode, TwoFactor, User
from apps.accounts.services.pacing import forgotten, paced
from apps.core import audit, vault
from apps.core.exceptions import PermanentError
from apps.core.later import later
from apps.core.limits import Demand, Limit

if TYPE_CHECKING:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.twofactor import totp
else:
    hashes = later("cryptography.hazmat.primitives.hashes")
    totp = later("cryptography.hazmat.primitives.twofactor.totp")

SECRET_BYTES = 20
STEP_S = 30
# Clocks of phones may be off by this many steps.
DRIFT = 1
CODES = 10
# Only who has the password gets here, so this can't be used to lock anybody out.
_TRIES = (Limit(5, 300), Limit(20, 3600))


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an authenticator app needs: the secret in base32, and the same as a URI for a QR code."""

    secret: str
    uri: str


def two_factor_start(*, user: User, now: datetime) -> Enrolment:
    """A new secret, which counts once a code of it comes back.

    PermanentError(code="two_factor_on") where one counts already."""
    secret = secrets.token_bytes(SECRET_BYTES)
    with transaction.atomic():
        _held(user.pk)
        if TwoFactor.objects.filter(user=user).exclude(confirmed_at=None).exists():
            raise PermanentError("The second factor is on already; switch it off first.", code="two_factor_on")
        sealed = vault.encrypt(base64.b32encode(secret).decode(), context=_context(user.pk))
        TwoFactor.objects.update_or_create(user=user, defaults={"secret": sealed, "created_at": now, "last_step": 0})
    return _enrolment(user, secret)


def two_factor_pending(*, user: User) -> Enrolment | None:
    """The enrolment that was begun and not finished."""
    row = TwoFactor.objects.filter(user=user, confirmed_at=None).first()
    return None if row is None else _enrolment(user, _secret(row))


def two_factor_confirm(*, user: User, code: str, now: datetime) -> list[str]:
    """The app works: the second factor counts from now on. Codes for when the phone is gone, shown this once.

    Raises SignInRefused(code="second_factor_wrong"), PermanentError(code="no_enrolment")."""
    _paced(user.pk)
    with transaction.atomic():
        _held(user.pk)
        row = TwoFactor.objects.filter(user=user, confirmed_at=None).first()
        if row is None:
            raise PermanentError("Begin with a new secret.", code="no_enrolment")
        if not _app_code_used(row, code, now=now):
            raise _wrong()
        TwoFactor.objects.filter(pk=row.pk).update(confirmed_at=now)
        audit.record(actor_id=user.pk, action="two_factor.enabled", target=f"accounts.User:{user.pk}")
        return _codes_new(user.pk)


def two_factor_check(*, user_id: UUID, code: str, now: datetime) -> None:
    """Use a code of the app or one on paper; each works once. Nothing to check where the second factor is off.

    Raises SignInRefused(code="second_factor_required" | "second_factor_wrong") and
    ThrottledError(code="too_many_attempts")."""
    row = TwoFactor.objects.filter(user_id=user_id).exclude(confirmed_at=None).first()
    if row is None:
        return
    if not code:
        raise SignInRefused("Give the code of your authenticator app too.", code="second_factor_required")
    _paced(user_id)
    given = "".join(code.split()).replace("-", "")
    if _app_code_used(row, given, now=now):
        forgotten(_pace_key(user_id))
        return
    if not RecoveryCode.objects.filter(user_id=user_id, digest=_digest(user_id, given), used_at=None).update(
        used_at=now
    ):
        raise _wrong()
    forgotten(_pace_key(user_id))
    audit.record(actor_id=user_id, action="recovery_code.used", target=f"accounts.User:{user_id}")


def two_factor_end(*, user_id: UUID, actor_id: object) -> bool:
    """Switch it off; False where it was not on."""
    with transaction.atomic():
        _held(user_id)
        was_on = TwoFactor.objects.filter(user_id=user_id).exclude(confirmed_at=None).exists()
        TwoFactor.objects.filter(user_id=user_id).delete()
        RecoveryCode.objects.filter(user_id=user_id).delete()
        if was_on:
            audit.record(actor_id=actor_id, action="two_factor.disabled", target=f"accounts.User:{user_id}")
    return was_on


def recovery_codes_renew(*, user_id: UUID) -> list[str]:
    """New codes on paper; the old ones count no longer."""
    with transaction.atomic():
        _held(user_id)
        audit.record(actor_id=user_id, action="recovery_codes.renewed", target=f"accounts.User:{user_id}")
        return _codes_new(user_id)


def _app_code_used(row: TwoFactor, code: str, *, now: datetime) -> bool:
    if len(code) != 6 or not (code.isascii() and code.isdigit()):
        return False
    generator = _generator(_secret(row))
    step = int(now.timestamp()) // STEP_S
    found = None
    # Every step is compared, so that the time says nothing about which one fits.
    for candidate in range(step - DRIFT, step + DRIFT + 1):
        if hmac.compare_digest(generator.generate(candidate * STEP_S), code.encode()):
            found = candidate
    if found is None:
        return False
    # Of two who bring the same code at once, one gets in.
    return TwoFactor.objects.filter(pk=row.pk, last_step__lt=found).update(last_step=found) == 1


def _codes_new(user_id: UUID) -> list[str]:
    texts = [secrets.token_hex(5) for _ in range(CODES)]
    RecoveryCode.objects.filter(user_id=user_id).delete()
    RecoveryCode.objects.bulk_create(RecoveryCode(user_id=user_id, digest=_digest(user_id, text)) for text in texts)
    return [f"{text[:5]}-{text[5:]}" for text in texts]


def _enrolment(user: User, secret: bytes) -> Enrolment:
    return Enrolment(base64.b32encode(secret).decode(), _generator(secret).get_provisioning_uri(user.email, "ArbEdge"))


def _generator(secret: bytes) -> "totp.TOTP":
    # SHA-1 is what every authenticator app speaks; as a keyed hash it is not broken (RFC 6238).
    return totp.TOTP(secret, 6, hashes.SHA1(), STEP_S)


def _secret(row: TwoFactor) -> bytes:
    return base64.b32decode(vault.decrypt(row.secret, context=_context(row.user_id)))


def _context(user_id: UUID) -> str:
    return f"accounts.TwoFactor:{user_id}:secret"


def _digest(user_id: UUID, text: str) -> str:
    # Keyed, because forty bits are soon tried through by whoever reads the table.
    message = f"recovery-code:{user_id}:{text.lower()}".encode()
    return hmac.new(settings.SECRET_KEY.encode(), message, hashlib.sha256).hexdigest()


def _held(user_id: UUID) -> None:
    list(User.objects.filter(pk=user_id).select_for_update(no_key=True).values_list("pk"))


def _paced(user_id: UUID) -> None:
    paced([Demand(_pace_key(user_id), _TRIES)])


def _pace_key(user_id: UUID) -> str:
    return f"accounts:second-factor:{user_id}"


def _wrong() -> SignInRefused:
    return SignInRefused("This code does not fit, or was used.", code="second_factor_wrong")
