"""What the OpenAPI document says about templates beyond what the code shows."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse

from apps.core.api.origin import ORIGIN_HEADER
from apps.core.api.schema import error_response
from apps.notifications.api.template_forms import (
    PreviewRequest,
    PreviewSerializer,
    StatisticsSerializer,
    TemplateChange,
    TemplateRequest,
    TemplateSerializer,
)

_401 = error_response(401, "not_authenticated", "Authentication credentials were not provided.")
_403 = error_response(403, "role_required", "This needs the role admin.", required_role="admin")
_404 = error_response(404, "not_found", "There is no such template.")
_WORDS = error_response(400, "template_undeclared", "The words name 'symbl', which no variable declares.")
_INVALID = error_response(
    400,
    "invalid",
    "The request has errors.",
    errors=[{"field": "weight", "code": "max_value", "detail": "Ensure this value is less than or equal to 1000."}],
)
_ROW: dict[str, Any] = {
    "id": 7,
    "name": "notice",
    "channel": "",
    "locale": "en",
    "version": 2,
    "variant": "",
    "weight": 100,
    "active": True,
    "markup": "text",
    "variables": [{"name": "title", "type": "text", "required": True, "format": "", "example": "Hello"}],
    "subject": "{{ title }}",
    "body": "{{ title }}",
    "pins": {},
    "created_at": "2026-11-22T10:00:00Z",
    "created_by": "0b8f1f57-8f4e-4f0e-9d43-4a9b7cf0b6a1",
}
_PREVIEW: dict[str, Any] = {
    "channel": "telegram",
    "subject": "Hello",
    "body": "Hello",
    "length": 5,
    "full_length": 5,
    "limit": 4096,
    "lost": "",
    "error": "",
}
_STATISTICS: dict[str, Any] = {
    "template_id": 7,
    "version": 2,
    "variant": "",
    "weight": 100,
    "active": True,
    "delivered": 1200,
    "failed": 3,
    "useful": 96,
    "not_useful": 12,
    "useful_rate": 0.08,
}


def _answer(kind: Any, example: Any, *, status: int = 200) -> dict[int, OpenApiResponse]:
    shown = OpenApiExample("answer", value=example, response_only=True, status_codes=[str(status)])
    return {status: OpenApiResponse(kind, examples=[shown])}


def _of(*, parameters: tuple[OpenApiParameter, ...] = (), **what: Any) -> dict[str, Any]:
    return {"tags": ["templates"], "parameters": [ORIGIN_HEADER, *parameters], **what}


def _query(name: str, words: str, kind: Any = OpenApiTypes.STR) -> OpenApiParameter:
    return OpenApiParameter(name=name, location=OpenApiParameter.QUERY, type=kind, description=words)


LIST = _of(
    summary="Versions of templates",
    parameters=(
        _query("name", "Only of this name."),
        _query("channel", "Only of this channel; empty: those for every channel."),
        _query("locale", "Only of this locale."),
        _query("variant", "Only of this variant."),
        _query("active", "Only those in use, or only those that are not.", OpenApiTypes.BOOL),
    ),
    responses={200: TemplateSerializer(many=True), **_401, **_403},
)
CREATE = _of(
    summary="Write a new version",
    description="The words are tried with the examples of their variables; what can't be rendered is not stored.",
    request=TemplateRequest,
    responses=_answer(TemplateSerializer, _ROW, status=201) | _WORDS | _401 | _403,
)
DETAIL = _of(summary="One version", responses=_answer(TemplateSerializer, _ROW) | _401 | _403 | _404)
CHANGE = _of(
    summary="Use a version, or give a variant another share",
    description="`active: true` takes the version in use before out of use: that is how to roll back.",
    request=TemplateChange,
    responses=_answer(TemplateSerializer, _ROW) | _INVALID | _401 | _403 | _404,
)
PREVIEW = _of(
    summary="See how a version would arrive on each channel",
    request=PreviewRequest,
    responses=_answer(PreviewSerializer(many=True), [_PREVIEW]) | _INVALID | _401 | _403 | _404,
)
STATISTICS = _of(
    summary="What readers say of the versions and variants",
    responses=_answer(StatisticsSerializer(many=True), [_STATISTICS]) | _401 | _403 | _404,
)
