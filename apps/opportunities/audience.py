"""For whom a list of opportunities is the same: one key for all that it depends on besides the question and the rows.

Whatever the list's answer is made of has to be in here, or somebody would be shown another person's list."""

import hashlib
from collections.abc import Collection, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import TypeAlias
from uuid import UUID

from apps.accounts.selectors import policy_of
from apps.accounts.types import TierPolicy
from apps.opportunities.enums import Context, OpportunityStatus
from apps.opportunities.models import Opportunity, Preferences, Seen
from apps.opportunities.selectors import day_of, preferences_of_many
from apps.opportunities.types import Family

# Tier, role, whether a superuser, and what the credential may be used for.
Level: TypeAlias = tuple[str, str, bool, tuple[str, ...]]
# They say whose wishes and how new, not which.
_NO_WISH = ("user_id", "updated_at")


def audience_key(
    *,
    level: Level,
    policy: TierPolicy,
    preferences: Preferences,
    seen: Mapping[Family, Collection[UUID]],
    day: date,
    alone: UUID | None,
) -> str:
    """`seen`: what was seen today, by limited family; `alone`: whose own rows are in the list.

    People whose day is limited share an answer only with those who have seen the same today."""
    limits: tuple[tuple[Family, int | None], ...] = (
        ("arbitrage", policy.daily["arbitrage"]),
        ("technical", policy.daily["technical"]),
    )
    daily = [
        (family, limit, sorted(id.hex for id in seen.get(family, ()))) for family, limit in limits if limit is not None
    ]
    wishes = [
        _plain(getattr(preferences, field.attname))
        for field in Preferences._meta.concrete_fields
        if field.attname not in _NO_WISH
    ]
    own = sorted(preferences.own_exchanges)
    facts = (level, policy.list_limit, policy.delay_s, daily, day if daily else None, wishes, own, alone)
    return hashlib.blake2b(repr(facts).encode(), digest_size=16).hexdigest()


def audiences(people: Collection[tuple[UUID, Level]], *, now: datetime) -> dict[tuple[UUID, Level], str]:
    """The keys of many people. Four queries, however many."""
    ids, day = {user_id for user_id, _ in people}, day_of(now)
    wishes = preferences_of_many(ids)
    owners = own_rows(ids)
    policies = {level: policy_of(level[0], level[1]) for level in {level for _, level in people}}
    limited = [user_id for user_id, level in people if any(n is not None for n in policies[level].daily.values())]
    seen: dict[UUID, dict[Family, list[UUID]]] = {}
    for user_id, family, id in (
        Seen.objects.filter(user_id__in=limited, day=day).order_by().values_list("user_id", "family", "opportunity_id")
        if limited
        else ()
    ):
        seen.setdefault(user_id, {}).setdefault(family, []).append(id)  # type: ignore[arg-type]
    plain: dict[Level, str] = {}
    keys: dict[tuple[UUID, Level], str] = {}
    for user_id, level in people:
        ordinary = user_id not in wishes and user_id not in owners and user_id not in seen
        key = plain.get(level) if ordinary else None
        if key is None:
            key = audience_key(
                level=level,
                policy=policies[level],
                preferences=wishes.get(user_id) or Preferences(user_id=user_id),
                seen=seen.get(user_id, {}),
                day=day,
                alone=user_id if user_id in owners else None,
            )
            if ordinary:
                plain[level] = key
        keys[user_id, level] = key
    return keys


def own_rows(user_ids: Collection[UUID]) -> set[UUID]:
    """Those of these people for whom alone something active was found."""
    rows = Opportunity.objects.filter(
        status=OpportunityStatus.ACTIVE, context=Context.PERSONAL, owner__in=list(user_ids)
    )
    return {id for id in rows.order_by().values_list("owner_id", flat=True).distinct() if id is not None}


def _plain(value: object) -> str:
    """The same for a default and for the row that was stored with it."""
    return str(value.normalize() if isinstance(value, Decimal) else value)
