"""One's own alert triggers, and nobody else's."""

from typing import TYPE_CHECKING
from uuid import UUID

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
from apps.core.api.throttle import HouseThrottle
from apps.core.later import later
from apps.core.limits import Limit
from apps.distribution.api import alert_schema as schema
from apps.distribution.api.alert_forms import (
    AlertChange,
    AlertFiredSerializer,
    AlertHistoryQuery,
    AlertKindSerializer,
    AlertRequest,
    AlertSerializer,
    AlertTestSerializer,
)
from apps.distribution.api.views import PAGING
from apps.distribution.models import AlertFired, AlertTrigger
from apps.distribution.triggers.registry import KINDS

if TYPE_CHECKING:
    from apps.distribution import selectors, services
else:
    selectors = later("apps.distribution.selectors")
    services = later("apps.distribution.services")


class AlertsConflict(APIException):
    """There are as many as there can be."""

    status_code = status.HTTP_409_CONFLICT


class _Created(CursorPagination):
    ordering = ("-created_at", "-id")


class _Fired(CursorPagination):
    ordering = ("-fired_at", "-id")


@extend_schema_view(get=extend_schema(**schema.KINDS))
class AlertKinds(OriginHeaderMixin, APIView):
    """What alerts can be of."""

    permission_classes = (IsAuthenticated,)

    def get(self, request: Request) -> Response:
        """Every kind with the JSON schema of its parameters."""
        # Not with the module: this is all that needs it here.
        import msgspec

        kinds = [(name, KINDS.get(name)) for name in KINDS.names()]
        rows = [{"kind": name, "words": kind.label, "params": msgspec.json.schema(kind.form)} for name, kind in kinds]
        return Response(AlertKindSerializer(rows, many=True).data)


@extend_schema_view(get=extend_schema(**schema.ALERTS), post=extend_schema(**schema.CREATE))
class AlertList(OriginHeaderMixin, generics.ListAPIView[AlertTrigger]):
    """The caller's triggers."""

    permission_classes = (IsAuthenticated,)
    serializer_class = AlertSerializer
    pagination_class = _Created
    queryset = AlertTrigger.objects.none()

    def get_queryset(self) -> QuerySet[AlertTrigger]:
        """All of them."""
        return selectors.alerts_of(caller(self.request).pk)

    def post(self, request: Request) -> Response:
        """201 with the trigger; 409 where there are as many as there can be."""
        form = AlertRequest(data=request.data)
        form.is_valid(raise_exception=True)
        wishes = dict(form.validated_data)
        try:
            trigger = services.alert_create(
                user=caller(request), kind=wishes.pop("kind"), wishes=wishes, now=clock.now()
            )
        except services.AlertsFull as error:
            raise AlertsConflict(error.message, code=error.code) from error
        return Response(AlertSerializer(trigger).data, status=status.HTTP_201_CREATED)


class _Alert(OriginHeaderMixin, APIView):
    permission_classes = (IsAuthenticated,)

    def alert(self, id: UUID) -> AlertTrigger:
        """One of the caller's, or 404, also for somebody else's."""
        found = selectors.alerts_of(caller(self.request).pk).select_related("user").filter(pk=id).first()
        if found is None:
            raise NotFound("There is no such alert of yours.")
        return found


@extend_schema_view(
    get=extend_schema(**schema.ALERT),
    patch=extend_schema(**schema.CHANGE),
    delete=extend_schema(**schema.REMOVE),
)
class AlertDetail(_Alert):
    """One of them."""

    def get(self, request: Request, id: UUID) -> Response:
        """As it is."""
        return Response(AlertSerializer(self.alert(id)).data)

    def patch(self, request: Request, id: UUID) -> Response:
        """The fields that are sent; the others stay."""
        trigger = self.alert(id)
        form = AlertChange(data=request.data)
        form.is_valid(raise_exception=True)
        changed = services.alert_change(trigger=trigger, changes=form.validated_data, now=clock.now())
        return Response(AlertSerializer(changed).data)

    def delete(self, request: Request, id: UUID) -> Response:
        """204: it says nothing any more."""
        services.alert_remove(trigger=self.alert(id))
        return Response(status=status.HTTP_204_NO_CONTENT)


class AlertTestThrottle(HouseThrottle):
    """Each answer reads snapshots."""

    name = "alert-test"
    limits = (Limit(count=10, seconds=10),)


@extend_schema_view(post=extend_schema(**schema.TEST))
class AlertTest(_Alert):
    """What it would do now."""

    throttle_classes = (AlertTestThrottle,)

    def post(self, request: Request, id: UUID) -> Response:
        """Nothing is stored and nothing sent."""
        tested = services.alert_test(trigger=self.alert(id), now=clock.now())
        return Response(AlertTestSerializer(tested).data)


@extend_schema_view(get=extend_schema(**schema.HISTORY))
class AlertHistory(OriginHeaderMixin, generics.ListAPIView[AlertFired]):
    """What the caller's triggers have said."""

    permission_classes = (IsAuthenticated,)
    serializer_class = AlertFiredSerializer
    pagination_class = _Fired
    queryset = AlertFired.objects.none()

    def get_queryset(self) -> QuerySet[AlertFired]:
        """Narrowed as asked."""
        # The pages' own parameters are none of the filter's.
        given = self.request.query_params.dict()
        query = AlertHistoryQuery(data={name: value for name, value in given.items() if name not in PAGING})
        query.is_valid(raise_exception=True)
        fired = selectors.alerts_fired_of(caller(self.request).pk)
        alert_id = query.validated_data.get("alert")
        return fired if alert_id is None else fired.filter(trigger_id=alert_id)
