"""One's own decisions, statistics and groups, and nobody else's."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import generics, status
from rest_framework.exceptions import NotFound
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.permissions import needs
from apps.core import clock
from apps.core.api.origin import OriginHeaderMixin
from apps.core.api.pagination import CursorPagination
from apps.core.later import later
from apps.distribution.api import schema
from apps.distribution.api.serializers import (
    AlertGroupSerializer,
    DecisionQuery,
    DecisionSerializer,
    DistributionStatisticsSerializer,
    GroupChange,
    GroupRequest,
    StatisticsQuery,
)
from apps.distribution.models import Distribution, Group

if TYPE_CHECKING:
    from apps.distribution import selectors, services, statistics
else:
    selectors = later("apps.distribution.selectors")
    services = later("apps.distribution.services")
    statistics = later("apps.distribution.statistics")


class _Own(OriginHeaderMixin, APIView):
    """A view of one's own things."""

    permission_classes: tuple[type[BasePermission], ...] = (IsAuthenticated,)

    def group(self, id: UUID) -> Group:
        """One of the caller's, or 404, also for somebody else's."""
        found: Group | None = selectors.groups_of(caller_id(self.request)).filter(pk=id).first()
        if found is None:
            raise NotFound("There is no such group of yours.")
        return found


@extend_schema_view(get=extend_schema(**schema.WHY))
class Why(_Own):
    """What was decided about the caller and one opportunity."""

    def get(self, request: Request, id: UUID) -> Response:
        """The decision with its reason; 404 where the two have not met."""
        decision = selectors.decision_about(user_id=caller_id(request), opportunity_id=id)
        if decision is None:
            raise NotFound("Nothing was decided about you and this opportunity.")
        return Response(DecisionSerializer(decision).data)


PAGING = ("cursor", "limit", "format")


class _Newest(CursorPagination):
    ordering = ("-decided_at", "-id")


@extend_schema_view(get=extend_schema(**schema.DECISIONS))
class DecisionList(OriginHeaderMixin, generics.ListAPIView[Distribution]):
    """Everything that was decided about the caller and their groups."""

    permission_classes = (IsAuthenticated,)
    serializer_class = DecisionSerializer
    pagination_class = _Newest
    queryset = Distribution.objects.none()

    def get_queryset(self) -> QuerySet[Distribution]:
        """Narrowed as asked."""
        # The pages' own parameters are none of the filter's.
        given = self.request.query_params.dict()
        query = DecisionQuery(data={name: value for name, value in given.items() if name not in PAGING})
        query.is_valid(raise_exception=True)
        fields = {"opportunity": "opportunity_id", "group": "group_id"}
        asked = {fields.get(name, name): value for name, value in query.validated_data.items()}
        return selectors.decisions_for(caller_id(self.request)).filter(**asked)


@extend_schema_view(get=extend_schema(**schema.STATISTICS))
class OwnStatistics(_Own):
    """What became of what was decided about the caller."""

    def get(self, request: Request) -> Response:
        """Of the last days, of the caller or of one of their groups."""
        query = StatisticsQuery(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        group_id = query.validated_data.get("group")
        found = statistics.statistics_of_recipient(
            recipient_id=caller_id(request) if group_id is None else self.group(group_id).endpoint_id,
            days=query.validated_data["days"],
            now=clock.now(),
        )
        return Response(DistributionStatisticsSerializer(found).data)


@extend_schema_view(get=extend_schema(**schema.OPPORTUNITY_STATISTICS))
class OpportunityStatistics(_Own):
    """What became of one opportunity."""

    permission_classes = (IsAuthenticated, needs("admin.opportunities"))

    def get(self, request: Request, id: UUID) -> Response:
        """Over everybody."""
        found = statistics.statistics_of_opportunity(opportunity_id=id, now=clock.now())
        return Response(DistributionStatisticsSerializer(found).data)


@extend_schema_view(get=extend_schema(**schema.GROUPS), post=extend_schema(**schema.GROUP_CREATE))
class GroupList(_Own):
    """The caller's groups."""

    def get(self, request: Request) -> Response:
        """All of them: they are few."""
        return Response(AlertGroupSerializer(selectors.groups_of(caller_id(request)), many=True).data)

    def post(self, request: Request) -> Response:
        """201 with the group; a code is on its way there, and nothing else goes there before it is given back."""
        form = GroupRequest(data=request.data)
        form.is_valid(raise_exception=True)
        given: dict[str, Any] = dict(form.validated_data)
        address = {name: given.pop(name) for name in ("name", "channel", "address")}
        group = services.group_create(
            owner_id=caller_id(request),
            credentials=given.pop("credentials", None),
            wishes=given,
            now=clock.now(),
            **address,
        )
        return Response(AlertGroupSerializer(group).data, status=status.HTTP_201_CREATED)


@extend_schema_view(
    get=extend_schema(**schema.GROUP),
    patch=extend_schema(**schema.GROUP_CHANGE),
    delete=extend_schema(**schema.GROUP_REMOVE),
)
class GroupDetail(_Own):
    """One of them."""

    def get(self, request: Request, id: UUID) -> Response:
        """As it is."""
        return Response(AlertGroupSerializer(self.group(id)).data)

    def patch(self, request: Request, id: UUID) -> Response:
        """The fields that are sent; the others stay."""
        group = self.group(id)
        form = GroupChange(data=request.data)
        form.is_valid(raise_exception=True)
        return Response(AlertGroupSerializer(services.group_change(group=group, changes=form.validated_data)).data)

    def delete(self, request: Request, id: UUID) -> Response:
        """204: nothing goes there any more."""
        services.group_remove(group=self.group(id), now=clock.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


@extend_schema_view(get=extend_schema(**schema.GROUP_OPPORTUNITIES))
class GroupOpportunities(_Own):
    """What members of the group may ask for."""

    def get(self, request: Request, id: UUID) -> Response:
        """As messages tell it."""
        return Response(selectors.group_opportunities(self.group(id)))


def caller_id(request: Request) -> UUID:
    """Who asks; the views let in signed-in users only."""
    assert isinstance(request.user.pk, UUID)
    return request.user.pk
