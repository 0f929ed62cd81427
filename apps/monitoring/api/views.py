"""How the system is: a short answer for load balancers, a status page for people."""

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import Error as DatabaseError
from drf_spectacular.utils import extend_schema
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.auth import TokenAuthentication
from apps.core import clock
from apps.core.api.schema import error_response
from apps.core.health import Health
from apps.core.later import later
from apps.monitoring.api.serializers import DetailedHealthSerializer, HealthSerializer
from apps.monitoring.api.throttle import StatusThrottle

if TYPE_CHECKING:
    from apps.monitoring import selectors
else:
    selectors = later("apps.monitoring.selectors")


class HealthView(APIView):
    """Whether this process can serve. Needs neither credentials nor anything heavier than `SELECT 1`."""

    authentication_classes: tuple[type[BaseAuthentication], ...] = ()
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="health",
        tags=["health"],
        auth=[],
        responses={200: HealthSerializer, 503: HealthSerializer},
        summary="Can this process serve?",
    )
    def get(self, request: Request) -> Response:
        """200 while database and Redis answer, else 503."""
        status = selectors.health_brief()
        return Response({"status": status}, status=200 if status == "healthy" else 503)


class DetailedHealthView(APIView):
    """The status page: each part, and each exchange's data with the reason where it is not used."""

    authentication_classes = (TokenAuthentication, SessionAuthentication)
    permission_classes = (AllowAny,)
    throttle_classes = (StatusThrottle,)

    def perform_authentication(self, request: Request) -> None:
        """As ever, but with the database away everybody is a stranger: that is when this page is needed."""
        try:
            super().perform_authentication(request)
        except DatabaseError:
            request.user = AnonymousUser()

    @extend_schema(
        operation_id="health_detailed",
        tags=["health"],
        responses={
            200: DetailedHealthSerializer,
            503: DetailedHealthSerializer,
            **error_response(401, "token_expired", "This token has expired."),
            **error_response(429, "throttled", "Request was throttled. Expected available in 3 seconds."),
        },
        summary="How is every part?",
    )
    def get(self, request: Request) -> Response:
        """200 while everything essential works (perhaps degraded), 503 where a part is unhealthy. Staff see figures."""
        parts = selectors.health_parts()
        status = selectors.health_worst(parts)
        staff = bool(getattr(request.user, "is_staff", False))
        body = {
            "status": status,
            "origin": settings.ORIGIN,
            "checked_at": clock.now(),
            "checks": [_check(name, part, staff=staff) for name, part in parts.items()],
            "feeds": selectors.health_feeds(),
        }
        return Response(DetailedHealthSerializer(body).data, status=503 if status == "unhealthy" else 200)


def _check(name: str, part: Health, *, staff: bool) -> dict[str, Any]:
    """One part for the answer."""
    check: dict[str, Any] = {"name": name, "status": part.state, "reason": part.reason}
    if staff:
        check["details"] = dict(part.details)
    return check
