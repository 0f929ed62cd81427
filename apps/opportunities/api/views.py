"""The opportunities that the caller may see."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from django.db.models import QuerySet
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import generics
from rest_framework.exceptions import NotFound
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.auth import scopes_of
from apps.accounts.permissions import caller, needs
from apps.accounts.selectors import user_policy
from apps.core import clock
from apps.core.api.conditional import ConditionalMixin
from apps.core.api.origin import OriginHeaderMixin
from apps.core.api.repeat import RepeatableMixin
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
from apps.opportunities.enums import Context
from apps.opportunities.exceptions import OpportunityNotFound
from apps.opportunities.models import Opportunity

if TYPE_CHECKING:
    from apps.accounts.models import ApiToken
    from apps.opportunities import audience, selectors
else:
    audience = later("apps.opportunities.audience")
    selectors = later("apps.opportunities.selectors")

# Changes with every look.
AGES = frozenset({"age"})


@extend_schema_view(get=extend_schema(**schema.LIST))
class OpportunityList(OriginHeaderMixin, RepeatableMixin, ConditionalMixin, generics.ListAPIView):
    """Active opportunities, best first, in pages as long as the caller's tier allows."""

    permission_classes = (IsAuthenticated,)
    serializer_class = OpportunitySerializer
    pagination_class = TierPagination
    filter_backends = (DjangoFilterBackend, OpportunityOrdering)
    filterset_class = OpportunityFilter
    queryset = Opportunity.objects.none()
    volatile = AGES
    _pages: TierPagination | None = None
    _page: list[Opportunity] | None = None

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
        assert page is not None
        self._page = self.day.admitted(page)
        return self._page

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The page, with what is left of the day."""
        response = super().list(request, *args, **kwargs)
        for name, value in self.day.headers().items():
            response[name] = value
        return response

    def audience(self, request: Request) -> str:
        """Who has the same rights and wishes, has seen the same today, and has nothing of their own in the list."""
        user, credential = caller(request), request.auth
        if credential is None:
            return ""
        # The page may have been read before or after a row of one's own came or went.
        own = any(row.context == Context.PERSONAL for row in self._page or ()) or bool(audience.own_rows([user.pk]))
        return audience.audience_key(
            level=(user.tier, user.role, user.is_superuser, scopes_of(cast("ApiToken", credential))),
            policy=user_policy(user),
            preferences=selectors.preferences_of(user),
            seen=self.day.seen if self.day.limits else {},
            day=selectors.day_of(self.day.now),
            alone=user.pk if own else None,
        )

    def counted_now(self) -> bool:
        """Whether rows of the page were seen for the first time today."""
        return self.day.grew


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
