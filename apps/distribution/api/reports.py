"""A report on request."""

from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers, status
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.permissions import caller
from apps.core import clock
from apps.core.api.origin import ORIGIN_HEADER, OriginHeaderMixin
from apps.core.api.schema import error_response
from apps.core.api.strict import StrictMixin
from apps.core.later import later

if TYPE_CHECKING:
    from apps.distribution import services
else:
    services = later("apps.distribution.services")


class ReportRequest(StrictMixin, serializers.Serializer):
    """Which one: of the last day or the last seven."""

    report = serializers.ChoiceField(choices=("daily", "weekly"))


class ReportMade(serializers.Serializer):
    """The message that brings it; `notifications/{id}` reads it."""

    notification = serializers.UUIDField()


_ASK: dict[str, Any] = {
    "operation_id": "distribution_reports_create",
    "tags": ["distribution"],
    "summary": "Have a report of the last day or week sent, with a table of what one was told of",
    "parameters": [ORIGIN_HEADER],
    "request": ReportRequest,
    "responses": {
        202: ReportMade,
        **error_response(
            400,
            "invalid",
            "The request has errors.",
            errors=[{"field": "report", "code": "invalid_choice", "detail": '"hourly" is not a valid choice.'}],
        ),
        **error_response(401, "not_authenticated", "Authentication credentials were not provided."),
        **error_response(429, "too_many", "Enough reports for now."),
        **error_response(503, "limits_away", "Rate limits are not available."),
    },
}


@extend_schema_view(post=extend_schema(**_ASK))
class ReportList(OriginHeaderMixin, APIView):
    """The caller's own."""

    permission_classes = (IsAuthenticated,)

    def post(self, request: Request) -> Response:
        """202 with the message that is on its way."""
        form = ReportRequest(data=request.data)
        form.is_valid(raise_exception=True)
        made = services.report_request(user_id=caller(request).pk, kind=form.validated_data["report"], now=clock.now())
        return Response(ReportMade({"notification": made}).data, status=status.HTTP_202_ACCEPTED)
