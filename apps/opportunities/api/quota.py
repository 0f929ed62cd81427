"""The caller's day: how many opportunities of each family they may still see, and what they have seen already."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING
from uuid import UUID

from django.db.models import Q, QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import Throttled

from apps.accounts.models import User
from apps.accounts.selectors import user_policy
from apps.core.later import later
from apps.opportunities.enums import OpportunityStatus
from apps.opportunities.models import Opportunity
from apps.opportunities.types import Family, Sight

if TYPE_CHECKING:
    from apps.opportunities import selectors, services
else:
    selectors = later("apps.opportunities.selectors")
    services = later("apps.opportunities.services")

DAY_S = 86_400


def _header(name: str, words: str) -> OpenApiParameter:
    return OpenApiParameter(
        name=name, location=OpenApiParameter.HEADER, type=OpenApiTypes.STR, response=[200], description=words
    )


# https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/
QUOTA_HEADERS = [
    _header("RateLimit-Policy", 'Distinct opportunities a day where your tier limits them: `"arbitrage";q=3;w=86400`.'),
    _header("RateLimit", 'What is left of today, and seconds until the next day (UTC): `"arbitrage";r=1;t=3600`.'),
]


class Day:
    """One caller's day at `now`. Whose tier has no daily limit is asked nothing and counted nowhere.

    `grew`: opportunities were to be counted that had not been seen before."""

    def __init__(self, user: User, *, now: datetime) -> None:
        self._user, self.now = user, now
        self.grew = False
        self._families = selectors.kind_families()
        policy = user_policy(user).daily
        daily: dict[Family, int | None] = {"arbitrage": policy["arbitrage"], "technical": policy["technical"]}
        self.limits: dict[Family, int] = {family: limit for family, limit in daily.items() if limit is not None}

    @cached_property
    def seen(self) -> dict[Family, set[UUID]]:
        """What was seen today, by family."""
        return selectors.seen_today(user_id=self._user.pk, now=self.now)

    def left(self, family: Family) -> int:
        """How many more may be seen today; below a limit that an operator has lowered meanwhile it is 0."""
        return max(0, self.limits[family] - len(self.seen[family]))

    def narrowed(self, rows: "QuerySet[Opportunity]") -> "QuerySet[Opportunity]":
        """Of families that are used up only what was seen today."""
        for family in self.limits:
            if not self.left(family):
                kinds = [kind for kind, its in self._families.items() if its == family]
                rows = rows.filter(~Q(kind__in=kinds) | Q(pk__in=self.seen[family]))
        return rows

    def admitted(self, rows: Sequence[Opportunity]) -> list[Opportunity]:
        """The rows that may be shown, in their order; they count as seen from now on."""
        sights = [
            Sight(self._user.pk, row.pk, family, self.limits[family])
            for row in rows
            if (family := self._families[row.kind]) in self.limits and row.pk not in self.seen[family]
        ]
        if not sights:
            return list(rows)
        self.grew = True
        may = services.seen_admit(sights=sights, now=self.now)
        withheld = {one.opportunity_id for one in sights if (one.user_id, one.opportunity_id) not in may}
        for one in sights:
            if one.opportunity_id not in withheld:
                self.seen[one.family].add(one.opportunity_id)
        return [row for row in rows if row.pk not in withheld]

    def check(self, row: Opportunity) -> None:
        """Count a look at one of them. Raises Throttled (429) until the next day where its family is used up; what is
        over is history and free."""
        if row.status == OpportunityStatus.ACTIVE and not self.admitted([row]):
            raise Throttled(
                wait=self._until_tomorrow(),
                detail="Your tier's opportunities of today are used up.",
                code="daily_quota",
            )

    def headers(self) -> dict[str, str]:
        """What is left, for whoever has a limit."""
        if not self.limits:
            return {}
        wait = self._until_tomorrow()
        return {
            "RateLimit-Policy": ", ".join(f'"{family}";q={limit};w={DAY_S}' for family, limit in self.limits.items()),
            "RateLimit": ", ".join(f'"{family}";r={self.left(family)};t={wait}' for family in self.limits),
        }

    def _until_tomorrow(self) -> int:
        now = self.now.astimezone(UTC)
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        return max(1, round((midnight - now).total_seconds()))
