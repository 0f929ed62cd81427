"""Reads: invitations, referrals, bonuses and affiliates."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db.models import Count, F, Q, QuerySet, Sum

from apps.accounts.models import Affiliate, BonusEntry, Invitation, InvitationUse, Referral, ReferralCode


@dataclass(frozen=True, slots=True)
class ReferralSummary:
    """What somebody's referrals come to; `balances` by unit (points, or a currency's code)."""

    code: str | None
    came_by: str | None
    brought: int
    paying: int
    balances: dict[str, Decimal]


def invitations_known(*, now: datetime, usable: bool | None = None) -> QuerySet[Invitation]:
    """All of them with their makers, or those that do or don't let anybody in at `now`; newest first."""
    rows = Invitation.objects.select_related("created_by")
    if usable is None:
        return rows
    open_ones = Q(revoked_at=None, used__lt=F("max_uses")) & (Q(expires_at=None) | Q(expires_at__gt=now))
    return rows.filter(open_ones) if usable else rows.exclude(open_ones)


def invitation_uses(invitation_id: UUID) -> QuerySet[InvitationUse]:
    """Who came by it, and who has not confirmed yet."""
    return InvitationUse.objects.filter(invitation_id=invitation_id)


def referral_summary(user_id: UUID) -> ReferralSummary:
    """Four queries, whatever there is."""
    counted = Referral.objects.filter(referrer_id=user_id).aggregate(
        brought=Count("pk"), paying=Count("pk", filter=Q(paid_at__isnull=False))
    )
    sums = BonusEntry.objects.filter(user_id=user_id).order_by("unit").values_list("unit").annotate(Sum("amount"))
    return ReferralSummary(
        code=ReferralCode.objects.filter(user_id=user_id, active=True).values_list("code", flat=True).first(),
        came_by=Referral.objects.filter(referred_id=user_id).values_list("code__code", flat=True).first(),
        brought=counted["brought"],
        paying=counted["paying"],
        balances=dict(sums),
    )


def bonuses_of(user_id: UUID) -> QuerySet[BonusEntry]:
    """A user's lines of the ledger, newest first."""
    return BonusEntry.objects.filter(user_id=user_id)


def affiliate_of(user_id: UUID) -> Affiliate | None:
    """What became of the user's application; None where there is none."""
    return Affiliate.objects.filter(pk=user_id).first()
