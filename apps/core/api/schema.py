"""What every room's part of the OpenAPI document shares: what an error looks like."""

from drf_spectacular.utils import OpenApiExample, OpenApiResponse
from rest_framework import serializers

from apps.core.api.errors import CONTENT_TYPE, problem


class FieldErrorSerializer(serializers.Serializer):
    """What is wrong with one field or query parameter."""

    field = serializers.CharField()
    code = serializers.CharField()
    detail = serializers.CharField()


class ProblemSerializer(serializers.Serializer):
    """An error: problem details (RFC 9457) with a stable `code`."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField()
    detail = serializers.CharField()
    errors = FieldErrorSerializer(many=True)  # type: ignore[assignment]
    required_tier = serializers.CharField(required=False, help_text="with `tier_required`: the lowest tier that may")
    required_scope = serializers.CharField(required=False, help_text="with `scope_required`: what the token lacks")
    required_role = serializers.CharField(required=False, help_text="with `role_required`: the lowest role that may")


def error_response(
    status: int, code: str, detail: str, *, errors: list[dict[str, str]] | None = None, **extra: str
) -> dict[tuple[int, str], OpenApiResponse]:
    """An entry of `extend_schema(responses=…)`: a problem document with an example; `extra` are members of its own."""
    body = problem(status=status, code=code, detail=detail, errors=errors) | extra
    example = OpenApiExample(code, value=body, response_only=True, status_codes=[str(status)], media_type=CONTENT_TYPE)
    return {(status, CONTENT_TYPE): OpenApiResponse(ProblemSerializer, description=body["title"], examples=[example])}
