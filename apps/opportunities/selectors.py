"""Reads: which opportunities there are, who may see them, and who wants to."""

from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, get_args
from uuid import UUID

from django.db.models import Max, Q, QuerySet

from apps.accounts.selectors import user_policy
from apps.accounts.selectors.exchange_keys import exchanges_keyed, exchanges_keyed_by
from apps.core import clock
from apps.opportunities.alerts import alert_facts
from apps.opportunities.enums import Context, OpportunityStatus
from apps.opportunities.exceptions import OpportunityNotFound, RuleNotFound, VersionNotFound
from apps.opportunities.liquidation import ASSUMED_MAX_LEVERAGE
from apps.opportunities.models import (
    EdgePoint,
    Execution,
    Lifetime,
    Opportunity,
    Preferences,
    PreferencesVersion,
    Seen,
    TechnicalRule,
    price_disbelieved,
)
from apps.opportunities.strategies.registry import kinds_all
from apps.opportunities.types import AlertFacts, Family
from apps.opportunities.wishes import wish_of

if TYPE_CHECKING:
    from apps.accounts.models import User


def kind_families() -> dict[str, Family]:
    """The family of each kind."""
    return {one.kind.value: one.family for one in kinds_all()}


def opportunities_active() -> QuerySet[Opportunity]:
    """Every active opportunity whose price is still believed, best first.

    A row that nobody ended because the workers are down is left out all the same."""
    believed = ~price_disbelieved(clock.now())
    return Opportunity.objects.filter(believed, status=OpportunityStatus.ACTIVE).order_by("-score", "id")


def opportunities_visible(*, user: "User", now: datetime) -> QuerySet[Opportunity]:
    """Active opportunities for everybody and those of the user's own rules, that became active at least the user's tier
    delay ago, best first."""
    return opportunities_active().filter(_old_enough(user, now), _for(user), expires_at__gt=now)


def opportunity_visible(*, user: "User", id: UUID | str, now: datetime) -> Opportunity:
    """One opportunity that this user may see, or might have seen while it was active.

    Raises OpportunityNotFound for anything else: unknown, never active, too new for the tier, or somebody else's."""
    visible = Opportunity.objects.filter(_old_enough(user, now), _for(user), pk=id)
    opportunity = visible.first()
    if opportunity is None:
        raise OpportunityNotFound("There is no such opportunity.")
    return opportunity


def lifetimes(*, kind: str = "", instrument: str = "") -> QuerySet[Lifetime]:
    """How edges of this kind and instrument ("": of any) lasted in the last weeks, and what became of them."""
    found = Lifetime.objects.all()
    if kind:
        found = found.filter(kind=kind)
    return found.filter(instrument=instrument) if instrument else found


def opportunity_alert(id: UUID | str) -> AlertFacts:
    """What messages say about an opportunity, as JSON-able facts. Raises OpportunityNotFound."""
    opportunity = Opportunity.objects.filter(pk=id).defer("evidence").first()
    if opportunity is None:
        raise OpportunityNotFound("There is no such opportunity.")
    return alert_facts(opportunity, now=clock.now())


def preferences_of(user: "User") -> Preferences:
    """What the user wants to see; unsaved defaults, which leave nothing out, where they have not said anything."""
    try:
        row = user.opportunity_preferences
    except Preferences.DoesNotExist:
        row = Preferences(user=user, updated_at=clock.now())
    row.keyed = exchanges_keyed_by(user)
    return row


def preferences_of_many(user_ids: Collection[UUID]) -> dict[UUID, Preferences]:
    """The same of each of these people; who has said nothing and has no key is missing. Two queries, however many."""
    rows = {row.pk: row for row in Preferences.objects.filter(pk__in=list(user_ids))}
    for user_id, venues in exchanges_keyed(user_ids).items():
        row = rows.setdefault(user_id, Preferences(user_id=user_id, updated_at=clock.now()))
        row.keyed = venues
    return rows


def preferences_since(user_id: UUID) -> datetime | None:
    """When the user last said what they want to see, if ever."""
    return Preferences.objects.filter(pk=user_id).values_list("updated_at", flat=True).first()


def executions_since(user_id: UUID) -> datetime | None:
    """When the user first took something, as far back as that is kept."""
    taken = Execution.objects.filter(user_id=user_id).order_by("executed_at")
    return taken.values_list("executed_at", flat=True).first()


def versions_of(user: "User") -> QuerySet[PreferencesVersion]:
    """What the user's preferences were, the newest first."""
    return PreferencesVersion.objects.filter(user=user).order_by("-number")


def version_of(user: "User", *, number: int) -> PreferencesVersion:
    """One of them. Raises VersionNotFound."""
    version = versions_of(user).filter(number=number).first()
    if version is None:
        raise VersionNotFound("There is no such version.")
    return version


def leverage_highest(exchanges: Collection[str]) -> Decimal:
    """The highest leverage that a perpetual of these exchanges (empty: of all) is listed with; where none tells one,
    what is assumed everywhere else."""
    # Lists are read far more often than leverage is set, and need none of the market tables.
    from apps.markets.selectors import perpetuals_read

    listed = perpetuals_read().filter(max_leverage__isnull=False)
    if exchanges:
        listed = listed.filter(exchange_id__in=list(exchanges))
    told: Decimal | None = listed.aggregate(highest=Max("max_leverage"))["highest"]
    return ASSUMED_MAX_LEVERAGE if told is None else told


def signals_wanted() -> set[UUID]:
    """Who has said that technical signals of the house are welcome unasked; nobody gets them by default."""
    return {one.pk for one in Preferences.objects.only("focus", "kinds") if one.wants_signals}


def opportunities_unwanted(ids: Collection[UUID]) -> set[tuple[UUID, UUID]]:
    """Pairs (user, opportunity) of these opportunities and everybody who has said that they don't want to see such."""
    wishes = [(one.pk, wish_of(one)) for one in Preferences.objects.all()]
    rows = list(Opportunity.objects.filter(pk__in=ids).defer("evidence", "details", "legs")) if wishes else []
    return {(user_id, row.pk) for user_id, wish in wishes for row in rows if not wish(row)}


def opportunities_elsewhere(ids: Collection[UUID]) -> set[tuple[UUID, UUID]]:
    """Pairs (user, opportunity) of those who want only what is on their own exchanges and have some, and of these
    opportunities those with a leg elsewhere."""
    strict = list(Preferences.objects.filter(own_exchanges_only=True))
    keyed = exchanges_keyed([one.pk for one in strict]) if strict else {}
    for one in strict:
        one.keyed = keyed.get(one.pk, frozenset())
    wishes = [one for one in strict if one.own_exchanges]
    rows = list(Opportunity.objects.filter(pk__in=ids).only("legs")) if wishes else []
    return {(one.pk, row.pk) for one in wishes for row in rows if not is_personal(row, one)}


def day_of(now: datetime) -> date:
    """The day that daily quotas count by: UTC's."""
    return now.astimezone(UTC).date()


def seen_today(*, user_id: UUID, now: datetime) -> dict[Family, set[UUID]]:
    """What a person with a limited day has seen today, by family."""
    rows = Seen.objects.filter(user_id=user_id, day=day_of(now)).order_by()
    seen = list(rows.values_list("family", "opportunity_id"))
    families: tuple[Family, ...] = get_args(Family)
    return {family: {id for its, id in seen if its == family} for family in families}


def seen_by_all(*, now: datetime) -> list[tuple[UUID, str, UUID]]:
    """(user, family, opportunity) of all that was seen today by people with a limited day."""
    rows = Seen.objects.filter(day=day_of(now)).order_by()
    return list(rows.values_list("user_id", "family", "opportunity_id"))


def is_personal(opportunity: Opportunity, preferences: Preferences) -> bool:
    """Whether every leg is on one of the person's own exchanges."""
    return all(leg["exchange"] in preferences.own_exchanges for leg in opportunity.legs)


def edge_points(opportunity: Opportunity) -> list[EdgePoint]:
    """How its net edge went, oldest first; empty a week after it ended."""
    return list(EdgePoint.objects.filter(opportunity=opportunity).order_by("slot"))


def rules_of(user: "User") -> QuerySet[TechnicalRule]:
    """This user's own rules of technical signals, the oldest first."""
    return TechnicalRule.objects.filter(owner=user).order_by("created_at", "id")


def rule_of(user: "User", *, id: UUID | str) -> TechnicalRule:
    """One of this user's own rules. Raises RuleNotFound for anything else."""
    rule = rules_of(user).filter(pk=id).first()
    if rule is None:
        raise RuleNotFound("There is no such rule.")
    return rule


def executions_of(user: "User") -> QuerySet[Execution]:
    """What this user took, the newest first."""
    return Execution.objects.filter(user=user).order_by("-executed_at", "id")


def _for(user: "User") -> Q:
    """For everybody, or found for this user alone."""
    return Q(context=Context.GLOBAL) | Q(context=Context.PERSONAL, owner=user)


def _old_enough(user: "User", now: datetime) -> Q:
    return Q(activated_at__lte=now - timedelta(seconds=user_policy(user).delay_s))


def opportunity_chart(id: UUID | str) -> bytes | None:
    """A PNG of how its net edge is made, with how it went where that is known; None for what promises no edge, or is
    not priced yet, or gone."""
    # Pillow and the pictures are for who draws.
    from apps.opportunities.explain import history_picture, waterfall_picture
    from apps.opportunities.raster import png_of

    opportunity = Opportunity.objects.filter(pk=id).defer("evidence").first()
    waterfall = waterfall_picture(opportunity) if opportunity else None
    if opportunity is None or waterfall is None:
        return None
    points = edge_points(opportunity)
    # One point is no history.
    history = history_picture(opportunity, points) if len(points) > 1 else None
    return png_of([waterfall, *([history] if history else [])])


def opportunities_told(ids: Collection[UUID]) -> dict[UUID, Mapping[str, Any]]:
    """What a report says of these opportunities, as far as they are still kept. One query."""
    fields = ("pk", "kind", "symbol", "quote", "net_edge", "peak_net_edge", "strength", "size", "profit", "status")
    return {row["pk"]: row for row in Opportunity.objects.filter(pk__in=list(ids)).order_by().values(*fields)}
