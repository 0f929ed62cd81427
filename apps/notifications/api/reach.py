"""When and how the caller wants to be reached."""

from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
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
from apps.notifications.models import ReachPreferences

if TYPE_CHECKING:
    from apps.notifications import selectors, services
else:
    selectors = later("apps.notifications.selectors")
    services = later("apps.notifications.services")


class ReachSerializer(StrictMixin, serializers.ModelSerializer):
    """Quiet hours by the clocks of one's own time zone (`users/profile`), what becomes of what falls into them, and
    when reports come."""

    quiet_days = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=7),
        max_length=7,
        required=False,
        help_text="ISO days on which quiet hours begin (Monday is 1); empty: all",
    )

    class Meta:
        model = ReachPreferences
        fields = (
            "quiet_from",
            "quiet_to",
            "quiet_days",
            "quiet_policy",
            "critical_anyway",
            "digest",
            "digested_at",
            "report",
            "report_hour",
            "report_day",
            "report_next_at",
        )
        read_only_fields = ("digested_at", "report_next_at")

    def validate_quiet_days(self, days: list[int]) -> list[int]:
        """Each once, in order."""
        return sorted(set(days))

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Both ends or none, and not the same."""
        now: ReachPreferences | None = self.instance
        starts, ends = (attrs.get(name, getattr(now, name, None)) for name in ("quiet_from", "quiet_to"))
        if (starts is None) is not (ends is None):
            missing = "quiet_to" if ends is None else "quiet_from"
            raise serializers.ValidationError({missing: "Quiet hours have a beginning and an end; null both for none."})
        if starts is not None and starts == ends:
            raise serializers.ValidationError({"quiet_to": "Quiet hours end at another time than they begin."})
        return attrs


_EXAMPLES: dict[str, Any] = {
    "tags": ["notifications"],
    "parameters": [ORIGIN_HEADER],
    "responses": {200: ReachSerializer, **error_response(401, "not_authenticated", "Not signed in.")},
}
_CHANGE = {
    **_EXAMPLES,
    "request": ReachSerializer,
    "responses": {
        **_EXAMPLES["responses"],
        **error_response(
            400,
            "invalid",
            "The request has errors.",
            errors=[{"field": "quiet_to", "code": "invalid", "detail": "Quiet hours have a beginning and an end."}],
        ),
    },
}


@extend_schema_view(
    get=extend_schema(summary="When one wants to be reached", **_EXAMPLES),
    patch=extend_schema(summary="Change when one wants to be reached", **_CHANGE),
)
class Reach(OriginHeaderMixin, APIView):
    """One's own, and nobody else's."""

    permission_classes = (IsAuthenticated,)

    def get(self, request: Request) -> Response:
        """As they are; the defaults where nothing was said."""
        return Response(ReachSerializer(selectors.reach_of(caller(request).pk)).data)

    def patch(self, request: Request) -> Response:
        """The fields that are sent; the others stay."""
        form = ReachSerializer(selectors.reach_of(caller(request).pk), data=request.data, partial=True)
        form.is_valid(raise_exception=True)
        stored = services.reach_set(user_id=caller(request).pk, wishes=form.validated_data, now=clock.now())
        return Response(ReachSerializer(stored).data)
