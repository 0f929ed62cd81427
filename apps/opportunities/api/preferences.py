"""What the caller wants to see of the list."""

from typing import TYPE_CHECKING

from drf_spectacular.utils import extend_schema
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.permissions import caller
from apps.core import clock
from apps.core.api.origin import OriginHeaderMixin
from apps.core.later import later
from apps.opportunities.api import schema
from apps.opportunities.api.requests import PreferencesSerializer

if TYPE_CHECKING:
    from apps.opportunities import selectors, services
else:
    selectors = later("apps.opportunities.selectors")
    services = later("apps.opportunities.services")


class UserPreferences(OriginHeaderMixin, APIView):
    """One's own, and nobody else's."""

    permission_classes = (IsAuthenticated,)

    @extend_schema(**schema.PREFERENCES)
    def get(self, request: Request) -> Response:
        """As they are; the defaults where nothing was said."""
        return Response(PreferencesSerializer(selectors.preferences_of(caller(request))).data)

    @extend_schema(**schema.PREFERENCES_CHANGE)
    def patch(self, request: Request) -> Response:
        """The fields that are sent; the others stay."""
        form = PreferencesSerializer(data=request.data, partial=True)
        form.is_valid(raise_exception=True)
        stored = services.preferences_set(user=caller(request), wishes=form.validated_data, now=clock.now())
        return Response(PreferencesSerializer(stored).data)
