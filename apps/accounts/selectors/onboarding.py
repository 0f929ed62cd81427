"""Reads: since when somebody has done what there is to do in this room to begin with."""

from datetime import datetime
from uuid import UUID

from apps.accounts.enums import Source
from apps.accounts.models import Subscription, TwoFactor, User


def email_done_at(user_id: UUID) -> datetime | None:
    """Since when the address is known to be theirs. Who was made by an operator has nothing to confirm."""
    confirmed = User.objects.filter(pk=user_id).values_list("registered", "date_joined", "email_confirmed_at").first()
    if confirmed is None:
        return None
    registered, joined, at = confirmed
    return at if registered else at or joined


def second_factor_done_at(user_id: UUID) -> datetime | None:
    """Since when signing in takes a second factor."""
    return TwoFactor.objects.filter(pk=user_id).values_list("confirmed_at", flat=True).first()


def exchange_key_done_at(user_id: UUID) -> datetime | None:
    """When a first exchange key counted: it opens a tier from then on."""
    given = Subscription.objects.filter(user_id=user_id, source=Source.EXCHANGE_KEY)
    return given.order_by("starts_at").values_list("starts_at", flat=True).first()
