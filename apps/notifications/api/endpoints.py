"""Where the caller can be reached: their own endpoints, and nobody else's."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import generics, status
from rest_framework.exceptions import APIException, NotFound
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.permissions import caller
from apps.core import clock
from apps.core.api.origin import OriginHeaderMixin
from apps.core.api.pagination import CursorPagination
from apps.core.later import later
from apps.notifications.api import schema
from apps.notifications.api.endpoint_forms import (
    ChannelSerializer,
    CodeRequest,
    EndpointChange,
    EndpointMadeSerializer,
    EndpointRequest,
    EndpointSerializer,
    LinkRequest,
    LinkSerializer,
    NotificationSerializer,
)
from apps.notifications.exceptions import ChannelOffError
from apps.notifications.models import Endpoint, Notification

if TYPE_CHECKING:
    from apps.notifications import selectors, services
else:
    selectors = later("apps.notifications.selectors")
    services = later("apps.notifications.services")


class Exists(APIException):
    """There is one already."""

    status_code = status.HTTP_409_CONFLICT


class NotConfigured(APIException):
    """The operator has not set up what it takes."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE


class _Own(OriginHeaderMixin, APIView):
    """A view of one's own things."""

    permission_classes = (IsAuthenticated,)

    def endpoint(self, id: UUID) -> Endpoint:
        """One of the caller's, or 404, also for somebody else's."""
        return one_of(selectors.endpoints_of(caller(self.request).pk), id)


def one_of(mine: QuerySet[Endpoint], id: UUID) -> Endpoint:
    """The one of these, or 404."""
    found = mine.filter(pk=id).first()
    if found is None:
        raise NotFound("There is no such endpoint of yours.")
    return found


class _Proof(_Own):
    """A view of what proves an address, which may be a group's."""

    def endpoint(self, id: UUID) -> Endpoint:
        return one_of(selectors.endpoints_provable(caller(self.request).pk), id)


@extend_schema_view(get=extend_schema(**schema.CHANNELS))
class ChannelList(_Own):
    """What an endpoint can be on."""

    def get(self, request: Request) -> Response:
        """All channels, also those that this server is not configured for."""
        return Response(ChannelSerializer(services.channels_described(), many=True).data)


@extend_schema_view(get=extend_schema(**schema.LIST), post=extend_schema(**schema.CREATE))
class EndpointList(_Own):
    """The caller's endpoints."""

    def get(self, request: Request) -> Response:
        """In the order in which they are tried."""
        return Response(EndpointSerializer(selectors.endpoints_of(caller(request).pk), many=True).data)

    def post(self, request: Request) -> Response:
        """201 with the endpoint; a code is on its way there."""
        form = EndpointRequest(data=request.data)
        form.is_valid(raise_exception=True)
        with transaction.atomic():
            endpoint, made = services.endpoint_add(user_id=caller(request).pk, **form.validated_data)
            if made is None:
                raise Exists("You have this endpoint already: change that one.", code="exists")
            services.code_send(endpoint_id=endpoint.pk, now=clock.now())
        endpoint.new_credentials = made  # type: ignore[attr-defined]
        return Response(EndpointMadeSerializer(endpoint).data, status=status.HTTP_201_CREATED)


@extend_schema_view(
    get=extend_schema(**schema.GET), patch=extend_schema(**schema.CHANGE), delete=extend_schema(**schema.REMOVE)
)
class EndpointDetail(_Own):
    """One of them."""

    def get(self, request: Request, id: UUID) -> Response:
        """As it is."""
        return Response(EndpointSerializer(self.endpoint(id)).data)

    def patch(self, request: Request, id: UUID) -> Response:
        """The fields that are sent; the others stay."""
        endpoint = self.endpoint(id)
        form = EndpointChange(data=request.data)
        form.is_valid(raise_exception=True)
        changed = services.endpoint_change(endpoint_id=endpoint.pk, **form.validated_data)
        return Response(EndpointSerializer(changed).data)

    def delete(self, request: Request, id: UUID) -> Response:
        """204: nothing is sent there any more."""
        services.endpoint_remove(endpoint_id=self.endpoint(id).pk, now=clock.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


@extend_schema_view(post=extend_schema(**schema.CODE))
class EndpointCodes(_Proof):
    """The code that proves an address."""

    def post(self, request: Request, id: UUID) -> Response:
        """202: another one is on its way, and earlier ones count no longer."""
        services.code_send(endpoint_id=self.endpoint(id).pk, now=clock.now())
        return Response(status=status.HTTP_202_ACCEPTED)


@extend_schema_view(post=extend_schema(**schema.VERIFY))
class EndpointVerify(_Proof):
    """Giving the code back."""

    def post(self, request: Request, id: UUID) -> Response:
        """The endpoint, in use from now on."""
        endpoint = self.endpoint(id)
        form = CodeRequest(data=request.data)
        form.is_valid(raise_exception=True)
        verified = services.code_confirm(endpoint_id=endpoint.pk, code=form.validated_data["code"], now=clock.now())
        return Response(EndpointSerializer(verified).data)


@extend_schema_view(post=extend_schema(**schema.TEST))
class EndpointTest(_Own):
    """Seeing that it works."""

    def post(self, request: Request, id: UUID) -> Response:
        """202 with the message, whose deliveries tell how it went."""
        owed = services.endpoint_try(endpoint_id=self.endpoint(id).pk, now=clock.now())
        return Response(NotificationSerializer(owed).data, status=status.HTTP_202_ACCEPTED)


@extend_schema_view(post=extend_schema(**schema.LINK))
class EndpointLink(_Own):
    """Connecting a chat without knowing its id."""

    def post(self, request: Request) -> Response:
        """201 with a link that works once."""
        form = LinkRequest(data=request.data)
        form.is_valid(raise_exception=True)
        try:
            link = services.link_start(
                user_id=caller(request).pk, channel=form.validated_data["channel"], now=clock.now()
            )
        except ChannelOffError as error:
            raise NotConfigured(error.message, code=error.code) from error
        return Response(LinkSerializer(link).data, status=status.HTTP_201_CREATED)


class _Newest(CursorPagination):
    ordering = ("-created_at", "id")


@extend_schema_view(get=extend_schema(**schema.HISTORY))
class NotificationList(OriginHeaderMixin, generics.ListAPIView[Notification]):
    """What the caller was sent, the newest first."""

    permission_classes = (IsAuthenticated,)
    serializer_class = NotificationSerializer
    pagination_class = _Newest
    queryset = Notification.objects.none()

    def get_queryset(self) -> QuerySet[Any]:
        """One's own only."""
        return selectors.notifications_of(caller(self.request).pk)
