"""Writes: invitations, issued and revoked by operators, used up by those who come."""

import hashlib
import secrets
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import F

from apps.accounts.enums import Purpose, Source, Tier
from apps.accounts.exceptions import InvitationRefused
from apps.accounts.models import Invitation, InvitationUse, User
from apps.accounts.services.subscriptions import subscription_start
from apps.core import audit, config
from apps.core.exceptions import PermanentError

# Crockford's base 32: no letters that are taken for digits. 20 of them are 100 bits.
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LENGTH: Final = 20
_LOOKALIKES: Final = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})
_SHOWN: Final = 4
USES_MAX: Final = 10_000


def invitation_create(
    *,
    purpose: Purpose | str = Purpose.GENERAL,
    max_uses: int = 1,
    expires_at: datetime | None = None,
    note: str = "",
    tier: Tier | str | None = None,
    days: int | None = None,
    created_by: User | None = None,
    now: datetime,
) -> tuple[Invitation, str]:
    """Issue an invitation; its text is in this answer and nowhere else.

    With `tier` and `days` whoever comes has that tier for so long; beta invitations give what is configured unless said
    otherwise. PermanentError(code="bad_invitation") for what makes no sense."""
    row = Invitation(
        purpose=Purpose(purpose),
        note=note,
        tier=Tier(tier).value if tier else "",
        days=days,
        max_uses=max_uses,
        created_by=created_by,
        expires_at=expires_at,
    )
    return row, invitation_issue(row, now=now)


@transaction.atomic
def invitation_issue(row: Invitation, *, now: datetime) -> str:
    """Give an unsaved invitation its code and what its purpose gives, store it and return the code. Errors as above."""
    if row.purpose == Purpose.BETA:
        row.tier, row.days = row.tier or config.get("beta.tier"), row.days or config.get("beta.days")
    if bool(row.tier) is not bool(row.days):
        raise PermanentError("A tier is given for a number of days; say both or neither.", code="bad_invitation")
    if not 1 <= row.max_uses <= USES_MAX:
        raise PermanentError(f"An invitation has 1 to {USES_MAX} uses.", code="bad_invitation")
    if row.expires_at is not None and row.expires_at <= now:
        raise PermanentError("An invitation expires in the future.", code="bad_invitation")
    text = "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
    row.prefix, row.digest, row.created_at = text[:_SHOWN], _digest(text), now
    row.save(force_insert=True)
    audit.record(
        actor_id=row.created_by_id,
        action="invitation.created",
        target=f"accounts.Invitation:{row.pk}",
        changes={"purpose": row.purpose, "max_uses": row.max_uses, "tier": row.tier, "days": row.days},
    )
    return "-".join(text[at : at + 5] for at in range(0, _LENGTH, 5))


def invitation_revoke(*, invitation_id: UUID, actor_id: UUID | None, now: datetime) -> bool:
    """Nobody comes in by it any more; who came stays. False where it was revoked before."""
    if not Invitation.objects.filter(pk=invitation_id, revoked_at=None).update(revoked_at=now):
        return False
    audit.record(actor_id=actor_id, action="invitation.revoked", target=f"accounts.Invitation:{invitation_id}")
    return True


def place_keep(*, text: str, email: str, now: datetime) -> InvitationUse:
    """Take one use of the invitation for `email`, inside the caller's transaction; who has one already keeps it.

    Raises InvitationRefused. Whether the address has an account does not matter: it must not be told by what is left of
    an invitation."""
    # Held until the transaction ends: of two who come at once for the last place, the second sees it taken.
    row = Invitation.objects.select_for_update().filter(digest=_digest(_normal(text))).first()
    if row is None or row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= now):
        raise _refused()
    kept = InvitationUse.objects.filter(invitation=row, email=email).first()
    if kept is not None:
        return kept
    if not Invitation.objects.filter(pk=row.pk, used__lt=F("max_uses")).update(used=F("used") + 1):
        raise _refused()
    return InvitationUse.objects.create(invitation=row, email=email, kept_at=now)


def place_use(*, use: InvitationUse, user: User, now: datetime) -> None:
    """The address is confirmed: the place is this person's, and with it what the invitation gives."""
    use.user, use.used_at = user, now
    use.save(update_fields=["user", "used_at"])
    gift = use.invitation
    if gift.tier and gift.days:
        subscription_start(user_id=user.pk, tier=gift.tier, source=Source.BETA, days=gift.days, grace_days=0, now=now)


def places_release(*, before: datetime) -> int:
    """Give back the places of those who did not confirm their address in time; returns how many."""
    released = 0
    for use in InvitationUse.objects.filter(used_at=None, kept_at__lt=before, registrations=None):
        if InvitationUse.objects.filter(pk=use.pk, used_at=None).delete()[0]:
            Invitation.objects.filter(pk=use.invitation_id, used__gt=0).update(used=F("used") - 1)
            released += 1
    return released


def _refused() -> InvitationRefused:
    return InvitationRefused("This invitation opens nothing: it is unknown, used up, expired or revoked.")


def _normal(text: str) -> str:
    return text.upper().translate(_LOOKALIKES)


def _digest(text: str) -> str:
    """SHA-256 in hex; a plain hash is enough for 100 random bits."""
    return hashlib.sha256(text.encode()).hexdigest()
