"""What the OpenAPI document says about notifications beyond what the code shows: errors, headers, examples."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiResponse

from apps.core.api.origin import ORIGIN_HEADER
from apps.core.api.schema import error_response
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

_TAGS = ["notifications"]
_ENDPOINT: dict[str, Any] = {
    "id": "0b8f1f57-8f4e-4f0e-9d43-4a9b7cf0b6a1",
    "channel": "email",
    "address": "ada@example.org",
    "label": "home",
    "route": 0,
    "position": 0,
    "usable": False,
    "created_at": "2026-11-22T10:00:00Z",
    "verified_at": None,
    "disabled_at": None,
    "disabled_reason": "",
}
_401 = error_response(401, "not_authenticated", "Authentication credentials were not provided.")
_404 = error_response(404, "not_found", "There is no such endpoint of yours.")
_INVALID = error_response(
    400,
    "invalid",
    "The request has errors.",
    errors=[{"field": "channel", "code": "invalid_choice", "detail": '"pigeon" is not a valid choice.'}],
)
_CODES = error_response(429, "too_many_codes", "Enough codes for now; the next one at 10:14 UTC.")
_AWAY = error_response(503, "limits_away", "Rate limits are not available.")


def _answer(kind: Any, example: Any, *, status: int = 200) -> dict[int, OpenApiResponse]:
    return {
        status: OpenApiResponse(
            kind, examples=[OpenApiExample("answer", value=example, response_only=True, status_codes=[str(status)])]
        )
    }


def _of(**what: Any) -> dict[str, Any]:
    return {"tags": _TAGS, "parameters": [ORIGIN_HEADER], **what}


CHANNELS = _of(summary="Ways to be reached", responses={200: ChannelSerializer(many=True), **_401})
LIST = _of(
    operation_id="notifications_endpoints_list",
    summary="One's endpoints",
    responses={200: EndpointSerializer(many=True), **_401},
)
CREATE = _of(
    summary="Add an endpoint and have a code sent there",
    request=EndpointRequest,
    responses={**_answer(EndpointMadeSerializer, _ENDPOINT | {"new_credentials": {}}, status=201)}
    | _INVALID
    | _401
    | error_response(409, "exists", "You have this endpoint already: change that one.")
    | _CODES
    | _AWAY,
)
GET = _of(summary="One endpoint", responses=_answer(EndpointSerializer, _ENDPOINT) | _401 | _404)
CHANGE = _of(
    summary="Change an endpoint's place, label or credentials",
    request=EndpointChange,
    responses=_answer(EndpointSerializer, _ENDPOINT) | _INVALID | _401 | _404,
)
REMOVE = _of(
    summary="Remove an endpoint; nothing is sent there any more", responses={204: OpenApiResponse(), **_401, **_404}
)
CODE = _of(
    summary="Send another code",
    request=None,
    responses={202: OpenApiResponse(description="It is on its way.")}
    | error_response(400, "already_verified", "This endpoint is verified already.")
    | _401
    | _404
    | _CODES
    | _AWAY,
)
VERIFY = _of(
    summary="Verify an endpoint with the code that arrived there",
    request=CodeRequest,
    responses=_answer(EndpointSerializer, _ENDPOINT | {"usable": True, "verified_at": "2026-11-22T10:01:00Z"})
    | error_response(400, "code_wrong", "This is not the code that was sent; 4 more tries.")
    | _401
    | _404,
)
TEST = _of(
    summary="Send a test message",
    request=None,
    responses={202: OpenApiResponse(NotificationSerializer, description="It is on its way; see its deliveries.")}
    | error_response(400, "not_usable", "This endpoint is not in use: it is not verified yet.")
    | _401
    | _404
    | error_response(429, "too_many", "Enough test messages for now.")
    | _AWAY,
)
LINK = _of(
    summary="A link that connects a chat",
    request=LinkRequest,
    responses=_answer(
        LinkSerializer,
        {"url": "https://t.me/arbedge_bot?start=f3Jm0Q3yT1", "expires_at": "2026-11-22T10:15:00Z"},
        status=201,
    )
    | error_response(400, "no_link", "E-mail has no such link: add the endpoint with its address.")
    | _401
    | _CODES
    | _AWAY
    | error_response(503, "channel_off", "Telegram links are off: TELEGRAM_BOT_NAME is not set."),
)
HISTORY = _of(
    summary="What was sent to the caller, newest first, with every delivery and try",
    responses={200: NotificationSerializer(many=True), **_401},
)
SMS_STATUS = _of(
    summary="News of a text message",
    description="For Twilio alone, which signs each call with the account's token.",
    auth=[],
    responses={204: OpenApiResponse(description="Taken.")}
    | error_response(403, "permission_denied", "This is for Twilio.")
    | error_response(404, "not_found", "Status callbacks are not taken here."),
)
TELEGRAM = _of(
    summary="Updates from Telegram",
    description="For Telegram alone, which sends the secret that it was given with `setWebhook`.",
    auth=[],
    responses={200: OpenApiResponse(description="Taken.")}
    | error_response(403, "permission_denied", "This is for Telegram.")
    | error_response(404, "not_found", "Updates are not taken here: TELEGRAM_WEBHOOK_SECRET is not set."),
)
