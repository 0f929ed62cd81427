"""The system's configuration, for operators."""

from typing import Any

from django.utils.http import parse_etags
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import serializers, status
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.permissions import caller, needs
from apps.core.api.origin import ORIGIN_HEADER, OriginHeaderMixin
from apps.core.api.schema import error_response
from apps.core.api.strict import StrictMixin
from apps.core.config_together import ConfigMisfit, ConfigMoved, settings_all, settings_change

_TYPES = ("bool", "decimal", "float", "int", "str")
_EXAMPLE: dict[str, Any] = {
    "key": "tier.free.delay_s",
    "type": "int",
    "value": 600,
    "default": 300,
    "min": 0,
    "max": None,
    "choices": [],
    "nullable": False,
    "help": "Seconds an opportunity is held back from this tier.",
    "is_set": True,
    "updated_at": "2026-11-22T10:00:00Z",
    "updated_by": "6a0f3c1e-0a5f-4d0c-9f5b-0b1f7b1c2d3e",
}
_CHANGE = {"values": {"tier.free.delay_s": 600}, "reset": ["tier.basic.delay_s"]}


class SettingSerializer(serializers.Serializer):
    """A key as it stands; `value`, `default`, `min` and `max` are of its type, decimals as texts."""

    key = serializers.CharField()
    type = serializers.ChoiceField(choices=_TYPES)
    value = serializers.JSONField(help_text="null: no limit")
    default = serializers.JSONField()
    min = serializers.JSONField(help_text="null: as small as the type allows")
    max = serializers.JSONField(help_text="null: as large as the type allows")
    choices = serializers.ListField(child=serializers.JSONField(), help_text="empty: any within the bounds")
    nullable = serializers.BooleanField()
    help = serializers.CharField()
    is_set = serializers.BooleanField(help_text="whether an operator's value stands in place of the default")
    updated_at = serializers.DateTimeField(allow_null=True)
    updated_by = serializers.CharField(help_text="id of the operator who set it; empty: the system, or nobody")


class ConfigSerializer(serializers.Serializer):
    """The whole configuration."""

    settings = SettingSerializer(many=True)


class ConfigChange(StrictMixin, serializers.Serializer):
    """What to set and what to bring back to its default; all of it happens, or nothing."""

    values = serializers.DictField(child=serializers.JSONField(allow_null=True), default=dict)
    reset = serializers.ListField(child=serializers.CharField(max_length=120), default=list, max_length=500)


class _Precondition(APIException):
    status_code = status.HTTP_412_PRECONDITION_FAILED


class _PreconditionMissing(APIException):
    status_code = status.HTTP_428_PRECONDITION_REQUIRED
    default_code = "if_match_required"
    default_detail = "Send the ETag of the configuration that you have read as If-Match."


_ETAG = OpenApiParameter(
    name="ETag", location=OpenApiParameter.HEADER, type=OpenApiTypes.STR, response=[200], description="The version."
)
_ANSWER = {
    200: OpenApiResponse(
        ConfigSerializer,
        examples=[OpenApiExample("answer", value={"settings": [_EXAMPLE]}, response_only=True, status_codes=["200"])],
    )
}
_401 = error_response(401, "not_authenticated", "Authentication credentials were not provided.")
_MISFIT = {"field": "tier.free.delay_s", "code": "invalid", "detail": "tier.free.delay_s must be at least 0."}


@extend_schema_view(
    get=extend_schema(
        operation_id="admin_config_system",
        tags=["admin"],
        summary="The system's configuration",
        parameters=[
            ORIGIN_HEADER,
            _ETAG,
            OpenApiParameter("prefix", OpenApiTypes.STR, description="Only keys that begin so, such as `tier.free.`."),
        ],
        responses={
            **_ANSWER,
            **_401,
            **error_response(403, "role_required", "This needs the role admin.", required_role="admin"),
        },
    ),
    patch=extend_schema(
        operation_id="admin_config_system_change",
        tags=["admin"],
        summary="Change the system's configuration",
        description="All of it or nothing. Every process follows within two seconds. `If-Match` is the `ETag` that was "
        "read, so that nobody's change is overwritten unseen, or `*`.",
        parameters=[
            ORIGIN_HEADER,
            _ETAG,
            OpenApiParameter("If-Match", OpenApiTypes.STR, OpenApiParameter.HEADER, required=True),
        ],
        request=ConfigChange,
        examples=[OpenApiExample("change", value=_CHANGE, request_only=True)],
        responses={
            **_ANSWER,
            **error_response(400, "invalid", "The request has errors.", errors=[_MISFIT]),
            **_401,
            **error_response(403, "role_required", "This needs the role super_admin.", required_role="super_admin"),
            **error_response(412, "config_moved", "The configuration has changed since it was read."),
            **error_response(428, "if_match_required", str(_PreconditionMissing.default_detail)),
        },
    ),
)
class SystemConfig(OriginHeaderMixin, APIView):
    """Every key that can be changed while the system runs."""

    def get_permissions(self) -> list[Any]:
        """Reading is for operators, changing for those above them."""
        reads = self.request.method in ("GET", "HEAD", "OPTIONS")
        return [IsAuthenticated(), needs("admin.config_view" if reads else "admin.config")()]

    def get(self, request: Request) -> Response:
        """As it stands now."""
        return _answer(request.query_params.get("prefix", ""))

    def patch(self, request: Request) -> Response:
        """Changed, and as it stands then."""
        tags = parse_etags(request.headers.get("If-Match", ""))
        if not tags:
            raise _PreconditionMissing
        form = ConfigChange(data=request.data)
        form.is_valid(raise_exception=True)
        version = None if tags == ["*"] else tags[0].strip('"')
        try:
            settings_change(**form.validated_data, version=version, actor_id=caller(request).pk)
        except ConfigMisfit as error:
            raise ValidationError(dict(error.problems)) from error
        except ConfigMoved as error:
            raise _Precondition(error.message, code=error.code) from error
        return _answer("")


def _answer(prefix: str) -> Response:
    rows, version = settings_all()
    shown = [row for row in rows if row.key.startswith(prefix)]
    headers = {"ETag": f'"{version}"', "Cache-Control": "private, no-cache"}
    return Response(ConfigSerializer({"settings": shown}).data, headers=headers)
