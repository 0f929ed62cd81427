"""Writes: referral codes, who came by them, and the ledger of bonuses."""

import re
import secrets
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

from django.db import IntegrityError, transaction

from apps.accounts.enums import AffiliateState, BonusKind
from apps.accounts.exceptions import ReferralRefused
from apps.accounts.models import Affiliate, BonusEntry, Referral, ReferralCode, User
from apps.accounts.services.people import users_hold
from apps.core import config
from apps.core.exceptions import PermanentError

_FORM: Final = re.compile(r"[A-Z0-9]{4,20}")
_ALPHABET: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_MADE_LENGTH: Final = 8
# A code stays its first owner's, so nobody may collect them.
CODES_MAX: Final = 10


def referral_code_set(*, user_id: UUID, code: str | None = None, now: datetime) -> ReferralCode:
    """Make `code`, or a new one of ours, the user's one code; the former one opens nothing but stays theirs.

    ReferralRefused with the code `referral_taken`, `referral_form` or `referral_too_many`."""
    text = code_normal(code) if code else "".join(secrets.choice(_ALPHABET) for _ in range(_MADE_LENGTH))
    if not _FORM.fullmatch(text):
        raise ReferralRefused("A referral code has 4 to 20 letters and digits.", code="referral_form")
    with transaction.atomic():
        users_hold([user_id])
        mine = ReferralCode.objects.filter(user_id=user_id)
        mine.filter(active=True).exclude(code=text).update(active=False)
        row = mine.filter(code=text).first()
        if row is None and mine.count() >= CODES_MAX:
            raise ReferralRefused(
                f"You have had {CODES_MAX} codes, which is the most: take one of those.", code="referral_too_many"
            )
        if row is not None:
            row.active = True
            row.save(update_fields=["active"])
            return row
        try:
            with transaction.atomic():
                return ReferralCode.objects.create(user_id=user_id, code=text, created_at=now)
        except IntegrityError as error:
            raise ReferralRefused("Somebody has this code already.", code="referral_taken") from error


def referral_code_find(text: str) -> ReferralCode:
    """The active code; ReferralRefused(code="referral_unknown") where there is none."""
    row = ReferralCode.objects.select_related("user").filter(code=code_normal(text), active=True).first()
    if row is None:
        raise ReferralRefused("There is no such referral code.", code="referral_unknown")
    return row


@transaction.atomic
def referral_record(*, user: User, code: ReferralCode, now: datetime) -> Referral:
    """`user` came by this code: written down once, with the bonuses of both.

    ReferralRefused: `referral_self`, `referral_circular` (only who was here before can have brought somebody, which no
    circle can be made of), `referral_late`, `referral_exists`."""
    users_hold([user.pk])
    referrer = code.user
    if referrer.pk == user.pk:
        raise ReferralRefused("Nobody comes by their own code.", code="referral_self")
    if referrer.date_joined >= user.date_joined:
        raise ReferralRefused("Whose code this is came after you.", code="referral_circular")
    days = config.get("referral.claim_days")
    if user.date_joined + timedelta(days=days) < now:
        raise ReferralRefused(f"A referral can be named in the first {days} days.", code="referral_late")
    if Referral.objects.filter(referred=user).exists():
        raise ReferralRefused("Who brought you is written down already.", code="referral_exists")
    row = Referral.objects.create(referred=user, referrer=referrer, code=code, created_at=now)
    _points(referrer.pk, BonusKind.REFERRED, "referral.bonus_referred", row, now)
    _points(user.pk, BonusKind.WELCOME, "referral.bonus_welcome", row, now)
    return row


def referral_paid(*, user_id: UUID, amount: Decimal, currency: str, payment_id: str, now: datetime) -> None:
    """Somebody paid: whoever brought them gets points once, and a verified affiliate a share of each payment."""
    referral = Referral.objects.filter(referred_id=user_id).first()
    if referral is None:
        return
    if Referral.objects.filter(pk=referral.pk, paid_at=None).update(paid_at=now):
        _points(referral.referrer_id, BonusKind.PAID, "referral.bonus_paid", referral, now)
    affiliate = Affiliate.objects.filter(pk=referral.referrer_id, state=AffiliateState.VERIFIED).first()
    share = Decimal(0) if affiliate is None else (amount * affiliate.share).quantize(Decimal("0.01"))
    if share > 0:
        bonus_add(
            user_id=referral.referrer_id,
            kind=BonusKind.COMMISSION,
            amount=share,
            unit=currency,
            referral=referral,
            cause=f"commission:{payment_id}",
            now=now,
        )


def bonus_add(
    *,
    user_id: UUID,
    kind: BonusKind,
    amount: Decimal,
    cause: str,
    now: datetime,
    unit: str = "points",
    referral: Referral | None = None,
    note: str = "",
) -> BonusEntry:
    """Write a line; PermanentError(code="bonus_exists") where that cause has one."""
    row, made = BonusEntry.objects.get_or_create(
        cause=cause,
        defaults={
            "user_id": user_id,
            "kind": kind,
            "amount": amount,
            "unit": unit,
            "referral": referral,
            "note": note,
            "created_at": now,
        },
    )
    if not made:
        raise PermanentError(f"There is a line for {cause} already.", code="bonus_exists")
    return row


def code_normal(text: str) -> str:
    """The one spelling of a code: capitals, without blanks and dashes."""
    return text.upper().replace("-", "").replace(" ", "")


def _points(user_id: UUID, kind: BonusKind, key: str, referral: Referral, now: datetime) -> None:
    points = config.get(key)
    if points:
        cause = f"{kind.value}:{referral.pk}"
        bonus_add(user_id=user_id, kind=kind, amount=Decimal(points), referral=referral, cause=cause, now=now)
