"""What the OpenAPI document says about exchange keys beyond what the code shows."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse

from apps.accounts.api.exchange_keys_forms import ExchangeKeyChange, ExchangeKeyRequest, ExchangeKeySerializer
from apps.core.api.origin import ORIGIN_HEADER
from apps.core.api.schema import error_response

_KEY: dict[str, Any] = {
    "id": "0b8f1f57-8f4e-4f0e-9d43-4a9b7cf0b6a1",
    "exchange": "binance",
    "label": "reading",
    "shown": "••••f8Qz",
    "state": "valid",
    "rights": "read",
    "code": "",
    "reason": "",
    "created_at": "2026-11-22T10:00:00Z",
    "checked_at": "2026-11-22T10:00:01Z",
    "next_check_at": "2026-11-23T10:00:01Z",
}
_WAITS = _KEY | {"state": "pending", "rights": "unknown", "checked_at": None, "next_check_at": "2026-11-22T10:00:00Z"}
_401 = error_response(401, "not_authenticated", "Authentication credentials were not provided.")
_404 = error_response(404, "not_found", "There is no such exchange key of yours.")
_INVALID = error_response(
    400,
    "invalid",
    "The request has errors.",
    errors=[{"field": "credentials.secret", "code": "invalid", "detail": "This field is required."}],
)
_LATER = OpenApiParameter(
    name="Retry-After",
    type=int,
    location=OpenApiParameter.HEADER,
    response=[201, 202],
    description="Seconds after which the check may have come to an end.",
)


def _answer(example: Any, *, status: int = 200) -> dict[int, OpenApiResponse]:
    shown = OpenApiExample("answer", value=example, response_only=True, status_codes=[str(status)])
    return {status: OpenApiResponse(ExchangeKeySerializer, examples=[shown])}


def _of(**what: Any) -> dict[str, Any]:
    return {"tags": ["users"], "parameters": [ORIGIN_HEADER], **what}


LIST = _of(
    operation_id="users_exchange_keys_list",
    summary="One's keys to exchanges, newest first",
    responses={200: ExchangeKeySerializer(many=True), **_401},
)
ADD = _of(
    summary="Add a key to an exchange",
    description="Its form is checked at once, its rights at the exchange a moment later: it is `pending` until then. "
    "A key that can withdraw is refused and deleted. Credentials are never shown again.",
    parameters=[ORIGIN_HEADER, _LATER],
    request=ExchangeKeyRequest,
    responses=_answer(_WAITS, status=201)
    | _INVALID
    | _401
    | error_response(409, "exchange_key_exists", "You have this key already: remove that one first."),
)
ONE = _of(summary="One of one's keys to exchanges", responses=_answer(_KEY) | _401 | _404)
CHANGE = _of(
    summary="Change a key's label", request=ExchangeKeyChange, responses=_answer(_KEY) | _INVALID | _401 | _404
)
REMOVE = _of(
    summary="Remove a key to an exchange",
    responses={204: OpenApiResponse(description="Its credentials are deleted.")} | _401 | _404,
)
CHECK = _of(
    summary="Have a key checked again",
    parameters=[ORIGIN_HEADER, _LATER],
    request=None,
    responses=_answer(_KEY, status=202)
    | _401
    | _404
    | error_response(409, "exchange_key_gone", "Nothing of this key was kept: remove it and add another one.")
    | error_response(429, "checked_just_now", "This key was checked a moment ago."),
)
