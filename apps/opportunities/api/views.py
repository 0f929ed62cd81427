"""The opportunities that the caller may see."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.db.models import QuerySet
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import generics
from rest_framework.exceptions import NotFound
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.permissions import caller, needs
from apps.core import clock
from apps.core.api.conditional import ConditionalMixin
from apps.core.api.origin import OriginHeaderMixin
from apps.core.later import later
from apps.opportunities.api import schema
from apps.opportunities.api.filters import OpportunityFilter, OpportunityOrdering
from apps.opportunities.api.mixing import MixPagination, focus_of
from apps.opportunities.api.pagination import TierPagination
from apps.opportunities.api.quota import Day
from apps.opportunities.api.serializers import (
    CategorySerializer,
    OpportunityDetailSerializer,
    OpportunitySerializer,
)
from apps.opportunities.categories import CATEGORIES
from apps.opportunities.exceptions import OpportunityNotFound
from apps.opportunities.models import Opportunity

if TYPE_CHECKING:
    from apps.opportunities import selectors
else:
    selectors = later("apps.opportunities.selectors")

# Changes with every look.
AGES = frozenset({"age"})


@extend_schema_view(get=extend_schema(**schema.LIST))
class OpportunityList(OriginHeaderMixin, ConditionalMixin, generics.ListAPIView):
    """Active opportunities, best first, in pages as long as the caller's tier allows."""

    permission_classes = (IsAuthenticated,)
    serializer_class = OpportunitySerializer
    pagination_class = TierPagination
    filter_backends = (DjangoFilterBackend, OpportunityOrdering)
    filterset_class = OpportunityFilter
    queryset = Opportunity.objects.none()
    volatile = AGES
    _pages: TierPagination | None = None

    def get_permissions(self) -> list[BasePermission]:
        """The premium picks are for the premium tier."""
        permissions: list[Any] = list(super().get_permissions())
        if self.request.query_params.get("premium") == "true":
            permissions.append(needs("opportunities.premium")())
        return permissions

    @cached_property
    def day(self) -> Day:
        """What the caller may still see today."""
        return Day(caller(self.request), now=clock.now())

    @property
    def paginator(self) -> TierPagination:
        """Pages by one order, or mixed of both families."""
        if self._pages is None:
            focus = focus_of(self.request)
            self._pages = TierPagination() if focus is None else MixPagination(focus)
        return self._pages

    def get_queryset(self) -> QuerySet[Opportunity]:
        """What this user may see now: active, and older than the tier's delay."""
        # The heaviest column by far is on no row of the list.
        return selectors.opportunities_visible(user=caller(self.request), now=clock.now()).defer("details", "evidence")

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """As asked, and no more than is left of the caller's day."""
        return self.day.narrowed(super().filter_queryset(queryset))

    def paginate_queryset(self, queryset: QuerySet[Any] | Sequence[Any]) -> list[Any] | None:
        """One page, whose rows count as seen."""
        page = super().paginate_queryset(queryset)
        return None if page is None else self.day.admitted(page)

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The page, with what is left of the day."""
        response = super().list(request, *args, **kwargs)
        for name, value in self.day.headers().items():
            response[name] = value
        return response


@extend_schema_view(get=extend_schema(**schema.DETAIL))
class OpportunityDetail(OriginHeaderMixin, ConditionalMixin, generics.RetrieveAPIView):
    """One opportunity with everything its net edge was computed from."""

    permission_classes = (IsAuthenticated,)
    serializer_class = OpportunityDetailSerializer
    queryset = Opportunity.objects.none()
    lookup_url_kwarg = "id"
    volatile = AGES

    def get_object(self) -> Opportunity:
        """The opportunity, or 404, also where it exists but is not yet or not at all this caller's to see."""
        return visible_or_404(self.request, self.kwargs["id"])


@extend_schema_view(get=extend_schema(**schema.CATEGORIES))
class CategoryList(OriginHeaderMixin, ConditionalMixin, APIView):
    """What opportunities are grouped by."""

    permission_classes = (IsAuthenticated,)

    def get(self, request: Request) -> Response:
        """All of them: they are few."""
        return Response(CategorySerializer(CATEGORIES, many=True).data)


def visible_or_404(request: Request, opportunity_id: Any) -> Opportunity:
    """What the caller may see, counted into their day; 404 for anything else, 429 where their day is used up."""
    user, now = caller(request), clock.now()
    try:
        opportunity = selectors.opportunity_visible(user=user, id=opportunity_id, now=now)
    except OpportunityNotFound as error:
        raise NotFound(error.message, code=error.code) from error
    Day(user, now=now).check(opportunity)
    return opportunity
