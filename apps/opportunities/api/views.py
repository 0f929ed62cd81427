"""The opportunities that the caller may see."""

from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import generics
from rest_framework.exceptions import NotFound
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.models import User
from apps.core import clock
from apps.opportunities import selectors
from apps.opportunities.api.filters import OpportunityFilter, OpportunityOrdering
from apps.opportunities.api.pagination import TierPagination
from apps.opportunities.api.schema import DETAIL, LIST
from apps.opportunities.api.serializers import OpportunityDetailSerializer, OpportunitySerializer
from apps.opportunities.exceptions import OpportunityNotFound
from apps.opportunities.models import Opportunity


class OriginHeaderMixin:
    """Says on every answer, errors included, where its data comes from."""

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        """Add `X-ArbEdge-Origin`."""
        response = super().finalize_response(request, response, *args, **kwargs)  # type: ignore[misc]
        response["X-ArbEdge-Origin"] = settings.ORIGIN
        return response


@extend_schema_view(get=extend_schema(**LIST))
class OpportunityList(OriginHeaderMixin, generics.ListAPIView):
    """Active opportunities, best first, in pages as long as the caller's tier allows."""

    permission_classes = (IsAuthenticated,)
    serializer_class = OpportunitySerializer
    pagination_class = TierPagination
    filter_backends = (DjangoFilterBackend, OpportunityOrdering)
    filterset_class = OpportunityFilter
    queryset = Opportunity.objects.none()

    def get_queryset(self) -> QuerySet[Opportunity]:
        """What this user may see now: active, and older than the tier's delay."""
        user = self.request.user
        assert isinstance(user, User)
        # The heaviest column by far is on no row of the list.
        return selectors.opportunities_visible(user=user, now=clock.now()).defer("details", "evidence")


@extend_schema_view(get=extend_schema(**DETAIL))
class OpportunityDetail(OriginHeaderMixin, generics.RetrieveAPIView):
    """One opportunity with everything its net edge was computed from."""

    permission_classes = (IsAuthenticated,)
    serializer_class = OpportunityDetailSerializer
    queryset = Opportunity.objects.none()
    lookup_url_kwarg = "id"

    def get_object(self) -> Opportunity:
        """The opportunity, or 404, also where it exists but is not yet or not at all this caller's to see."""
        user, opportunity_id = self.request.user, self.kwargs["id"]
        assert isinstance(user, User)
        try:
            return selectors.opportunity_visible(user=user, id=opportunity_id, now=clock.now())
        except OpportunityNotFound as error:
            raise NotFound(error.message, code=error.code) from error
