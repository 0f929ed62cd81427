"""Pages of a mixed list: each continues both families where the last one ended."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db.models import Q
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.utils.urls import replace_query_param
from rest_framework.views import APIView

from apps.core import config
from apps.core.later import later
from apps.opportunities.api.pagination import TierPagination
from apps.opportunities.enums import Focus
from apps.opportunities.mixing import interleaved, shares
from apps.opportunities.models import Opportunity

if TYPE_CHECKING:
    from apps.opportunities import selectors
else:
    selectors = later("apps.opportunities.selectors")

FAMILIES = ("arbitrage", "technical")


def focus_of(request: Request) -> Focus | None:
    """What the list is mixed for: as asked, else as preferred unless an order is asked for; None is no mix."""
    asked = request.query_params.get("mix", "")
    if not asked and not request.query_params.get("ordering"):
        asked = selectors.preferences_of(request.user).focus  # type: ignore[arg-type]
    return Focus(asked) if asked in Focus else None


@dataclass(frozen=True, slots=True)
class Place:
    """The last row of a family on a page: the next page begins after it."""

    score: float
    id: UUID

    def after(self) -> Q:
        """The rows behind it, in the order of the list."""
        return Q(score__lt=self.score) | Q(score=self.score, pk__gt=self.id)


class MixPagination(TierPagination):
    """As long as the tier allows; each family best first, in the shares of the focus."""

    def __init__(self, focus: Focus) -> None:
        super().__init__()
        self.share: float = config.get(f"opportunities.arbitrage_share.{focus}")
        self.next: str | None = None

    def paginate_queryset(self, queryset: Any, request: Request, view: APIView | None = None) -> list[Any]:
        """One page; an unusable cursor is 404 as in any other list."""
        size = self.get_page_size(request)
        places = _decoded(request.query_params.get(self.cursor_query_param))
        kinds = selectors.kind_families()
        rows: dict[str, list[Opportunity]] = {}
        for family in FAMILIES:
            of_family = queryset.filter(kind__in=[kind for kind, its in kinds.items() if its == family])
            if place := places.get(family):
                of_family = of_family.filter(place.after())
            rows[family] = list(of_family.order_by("-score", "id")[: size + 1])
        counts = shares(size, self.share, *(len(rows[family]) for family in FAMILIES))
        shown = {family: rows[family][:count] for family, count in zip(FAMILIES, counts, strict=True)}
        if any(len(rows[family]) > len(shown[family]) for family in FAMILIES):
            ends = {family: Place(its[-1].score, its[-1].pk) for family, its in shown.items() if its}
            self.next = replace_query_param(
                request.build_absolute_uri(), self.cursor_query_param, _encoded(places | ends)
            )
        return interleaved(*(shown[family] for family in FAMILIES))

    def get_next_link(self) -> str | None:
        """Where the list goes on."""
        return self.next

    def get_previous_link(self) -> None:
        """A mixed list is read forwards."""
        return


def _encoded(places: dict[str, Place]) -> str:
    values = {family: [place.score, str(place.id)] for family, place in places.items()}
    return urlsafe_b64encode(json.dumps(values).encode()).decode()


def _decoded(cursor: str | None) -> dict[str, Place]:
    """Anybody can write a cursor: what is none raises NotFound."""
    if not cursor:
        return {}
    try:
        values = json.loads(urlsafe_b64decode(cursor.encode()))
        places = {family: Place(float(score), UUID(id)) for family, (score, id) in values.items()}
    except (ValueError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise NotFound("Invalid cursor") from error
    if not (set(places) <= set(FAMILIES) and all(isfinite(place.score) for place in places.values())):
        raise NotFound("Invalid cursor")
    return places
