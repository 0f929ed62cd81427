"""Writes: affiliates, who apply, and operators, who decide."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import transaction

from apps.accounts.enums import AffiliateState
from apps.accounts.models import Affiliate
from apps.accounts.services.people import users_hold
from apps.core import audit, config
from apps.core.exceptions import PermanentError


@transaction.atomic
def affiliate_apply(*, user_id: UUID, website: str = "", words: str = "", now: datetime) -> Affiliate:
    """Ask to become one. PermanentError(code="affiliate_exists") where the user asked before."""
    users_hold([user_id])
    if Affiliate.objects.filter(pk=user_id).exists():
        raise PermanentError("You have applied already.", code="affiliate_exists")
    return Affiliate.objects.create(user_id=user_id, website=website, words=words, applied_at=now)


@transaction.atomic
def affiliate_decide(
    *,
    user_id: UUID,
    state: AffiliateState,
    actor_id: UUID | None,
    now: datetime,
    share: Decimal | None = None,
) -> Affiliate:
    """Verify, refuse or end one; who is verified gets the configured share of payments unless another is given."""
    row = Affiliate.objects.select_for_update().get(pk=user_id)
    before, row.state = row.state, state
    if share is not None:
        row.share = share
    elif state is AffiliateState.VERIFIED and row.share == 0:
        row.share = config.get("affiliate.share")
    row.decided_at, row.decided_by_id = now, actor_id
    row.full_clean()
    row.save()
    audit.record(
        actor_id=actor_id,
        action="affiliate.decided",
        target=f"accounts.Affiliate:{user_id}",
        changes={"before": before, "after": state.value, "share": str(row.share)},
    )
    return row
