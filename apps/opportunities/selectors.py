"""Reads: which opportunities there are and who may see them."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from django.db.models import Q, QuerySet

from apps.accounts.selectors import user_policy
from apps.core import clock
from apps.opportunities.alerts import alert_facts
from apps.opportunities.enums import Context, OpportunityStatus
from apps.opportunities.exceptions import OpportunityNotFound
from apps.opportunities.models import Opportunity, price_disbelieved
from apps.opportunities.strategies.registry import strategies
from apps.opportunities.types import AlertFacts, Family

if TYPE_CHECKING:
    from apps.accounts.models import User


def kind_families() -> dict[str, Family]:
    """The family of each kind."""
    return {kind: strategies.get(kind).family for kind in strategies.names()}


def opportunities_active() -> QuerySet[Opportunity]:
    """Every active opportunity whose price is still believed, best first.

    A row that nobody ended because the workers are down is left out all the same."""
    believed = ~price_disbelieved(clock.now())
    return Opportunity.objects.filter(believed, status=OpportunityStatus.ACTIVE).order_by("-score", "id")


def opportunities_visible(*, user: "User", now: datetime) -> QuerySet[Opportunity]:
    """Active opportunities for everybody that became active at least the user's tier delay ago, best first."""
    return opportunities_active().filter(_old_enough(user, now), context=Context.GLOBAL, expires_at__gt=now)


def opportunity_visible(*, user: "User", id: UUID | str, now: datetime) -> Opportunity:
    """One opportunity that this user may see, or might have seen while it was active.

    Raises OpportunityNotFound for anything else: unknown, never active, too new for the tier, or somebody else's."""
    visible = Opportunity.objects.filter(_old_enough(user, now), context=Context.GLOBAL, pk=id)
    opportunity = visible.first()
    if opportunity is None:
        raise OpportunityNotFound("There is no such opportunity.")
    return opportunity


def opportunity_alert(id: UUID | str) -> AlertFacts:
    """What messages say about an opportunity, as JSON-able facts. Raises OpportunityNotFound."""
    opportunity = Opportunity.objects.filter(pk=id).defer("evidence").first()
    if opportunity is None:
        raise OpportunityNotFound("There is no such opportunity.")
    return alert_facts(opportunity, now=clock.now())


def _old_enough(user: "User", now: datetime) -> Q:
    return Q(activated_at__lte=now - timedelta(seconds=user_policy(user).delay_s))
