"""What the OpenAPI document says about opportunities beyond what the code shows: errors, headers, examples."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse

from apps.core.api.conditional import ETAG, IF_NONE_MATCH
from apps.core.api.idempotency import KEY_HEADER
from apps.core.api.origin import ORIGIN_HEADER
from apps.core.api.schema import error_response
from apps.opportunities.api.quota import QUOTA_HEADERS
from apps.opportunities.api.requests import (
    ExecuteRequest,
    FeedbackRequest,
    PreferencesSerializer,
    PresetSerializer,
    ScanRequest,
    VersionSerializer,
)
from apps.opportunities.api.serializers import (
    CategorySerializer,
    ExecutionSerializer,
    FeedbackSerializer,
    OpportunityDetailSerializer,
    OpportunitySerializer,
    PendingSerializer,
    ScannedSerializer,
)

_ROW: dict[str, Any] = {
    "id": "6f3f2f0a-5d3c-5b0e-9a67-0e6a3f2f8a11",
    "kind": "cross_exchange",
    "instrument": "BTC",
    "symbol": "BTC/USDT",
    "legs": [
        {
            "exchange": "okx",
            "symbol": "BTC/USDT",
            "market_id": 17,
            "side": "buy",
            "price": "64010.5",
            "amount": "0.0156",
            "rate": None,
            "fee": "0.001",
        },
        {
            "exchange": "bybit",
            "symbol": "BTC/USDT",
            "market_id": 4,
            "side": "sell",
            "price": "64295.2",
            "amount": "0.0156",
            "rate": None,
            "fee": "0.001",
        },
    ],
    "gross_edge": "0.00444771",
    "net_edge": "0.00244082",
    "net_apr": None,
    "strength": None,
    "size": "998.5638",
    "optimal_notional": "5210.0000",
    "max_notional": "9004.0000",
    "profit": "2.43734200",
    "risk": "medium",
    "confidence": 0.82,
    "score": 71.5,
    "categories": ["price_gaps"],
    "personal": False,
    "origin": "sandbox",
    "context": "global",
    "opened_at": "2026-01-05T12:00:00.120000Z",
    "activated_at": "2026-01-05T12:00:00.480000Z",
    "last_seen_at": "2026-01-05T12:00:05.100000Z",
    "expires_at": "2026-01-05T12:01:05.100000Z",
    "age": 5.2,
}

_UNAUTHORISED = error_response(401, "token_expired", "This token has expired.")
_INVALID = error_response(
    400,
    "invalid",
    "The request has errors.",
    errors=[{"field": "min_net_edge", "code": "invalid", "detail": "Enter a number."}],
)

_NOT_FOUND = error_response(404, "opportunity_not_found", "There is no such opportunity.")
_TIER = error_response(403, "tier_required", "This needs the premium tier or a higher one.", required_tier="premium")
_THROTTLED = error_response(429, "throttled", "Request was throttled. Expected available in 4 seconds.")
_USED_UP = error_response(429, "daily_quota", "Your tier's opportunities of today are used up.")
_UNCHANGED = {304: OpenApiResponse(description="As it was when it had that `ETag`.")}
_CONDITIONAL = [ORIGIN_HEADER, IF_NONE_MATCH, ETAG]
_RETRY_AFTER = OpenApiParameter(
    name="Retry-After",
    location=OpenApiParameter.HEADER,
    type=OpenApiTypes.INT,
    response=[202],
    description="Seconds after which to send it again.",
)


def _read(operation: str, summary: str, responses: dict[Any, Any], **more: Any) -> dict[str, Any]:
    return {
        "operation_id": operation,
        "tags": ["opportunities"],
        "summary": summary,
        "parameters": _CONDITIONAL,
        "responses": {**responses, **_UNCHANGED, **_UNAUTHORISED},
        **more,
    }


def _write(operation: str, summary: str, request: type, responses: dict[Any, Any], *headers: Any) -> dict[str, Any]:
    return {
        "operation_id": operation,
        "tags": ["opportunities"],
        "summary": summary,
        "parameters": [ORIGIN_HEADER, *headers],
        "request": request,
        "responses": {**responses, **_INVALID, **_UNAUTHORISED},
    }


LIST = _read(
    "opportunities_list",
    "Active opportunities, best first",
    {
        200: OpportunitySerializer(many=True),
        **_INVALID,
        **_TIER,
        **error_response(404, "not_found", "Invalid cursor"),
    },
    parameters=[*_CONDITIONAL, *QUOTA_HEADERS],
    examples=[OpenApiExample("An opportunity", value=_ROW, response_only=True, status_codes=["200"])],
)
DETAIL = _read(
    "opportunities_retrieve",
    "One opportunity with its evidence, costs and history",
    {200: OpportunityDetailSerializer, **_NOT_FOUND, **_USED_UP},
)
CATEGORIES = _read(
    "opportunities_categories_list", "What opportunities are grouped by", {200: CategorySerializer(many=True)}
)
_SVG = {(200, "image/svg+xml"): OpenApiTypes.BINARY}
WATERFALL = _read(
    "opportunities_waterfall_retrieve", "From the gross edge to what is left, as a picture", {**_SVG, **_NOT_FOUND}
)
HISTORY = _read("opportunities_history_retrieve", "How the net edge went, as a picture", {**_SVG, **_NOT_FOUND})
EXECUTE = _write(
    "opportunities_execute",
    "Take it on paper, on the order books of this moment",
    ExecuteRequest,
    {
        201: ExecutionSerializer,
        202: OpenApiResponse(PendingSerializer, description="The order books are being fetched; nothing was done yet."),
        **_NOT_FOUND,
        **error_response(403, "tier_required", "This needs the basic tier or a higher one.", required_tier="basic"),
        **error_response(409, "execution_refused", "Nothing was done: an order book does not hold the size."),
        **error_response(422, "idempotency_key_reused", "This Idempotency-Key was used for another request."),
        **_THROTTLED,
    },
    KEY_HEADER,
    _RETRY_AFTER,
)
EXECUTIONS: dict[str, Any] = {
    "operation_id": "opportunities_executions_list",
    "tags": ["opportunities"],
    "summary": "What you took, the newest first",
    "parameters": [ORIGIN_HEADER],
    "responses": {
        200: ExecutionSerializer(many=True),
        **_UNAUTHORISED,
        **error_response(404, "not_found", "Invalid cursor"),
    },
}
FEEDBACK = _write(
    "opportunities_feedback",
    "Say what you did with it",
    FeedbackRequest,
    {200: FeedbackSerializer, 201: FeedbackSerializer, **_NOT_FOUND},
)
SCAN = _write(
    "opportunities_scan",
    "Look through today's snapshots for exchanges, symbols and edges of your choice",
    ScanRequest,
    {200: ScannedSerializer, **_TIER, **_THROTTLED},
)
PREFERENCES: dict[str, Any] = {
    "operation_id": "users_preferences_retrieve",
    "tags": ["users"],
    "summary": "What the list shows to you, and how you trade",
    "parameters": [ORIGIN_HEADER],
    "responses": {200: PreferencesSerializer, **_UNAUTHORISED},
}
PREFERENCES_CHANGE: dict[str, Any] = {
    "operation_id": "users_preferences_partial_update",
    "tags": ["users"],
    "summary": "Change what the list shows to you, and how you trade",
    "parameters": [ORIGIN_HEADER],
    "request": PreferencesSerializer,
    "responses": {200: PreferencesSerializer, **_INVALID, **_UNAUTHORISED, **_TIER},
}
_NO_PRESET = error_response(404, "preset_not_found", "There is no such preset; there are conservative, balanced.")
_NO_VERSION = error_response(404, "version_not_found", "There is no such version.")
_TOO_HIGH = error_response(400, "leverage_too_high", "Your exchanges lend 20 times at most.")
PRESETS: dict[str, Any] = {
    "operation_id": "users_preferences_presets_list",
    "tags": ["users"],
    "summary": "Preferences that fit together",
    "parameters": [ORIGIN_HEADER],
    "responses": {200: PresetSerializer(many=True), **_UNAUTHORISED},
}
PRESET_APPLY: dict[str, Any] = {
    "operation_id": "users_preferences_presets_apply",
    "tags": ["users"],
    "summary": "Set what a preset says; what it does not name stays",
    "parameters": [ORIGIN_HEADER],
    "request": None,
    "responses": {200: PreferencesSerializer, **_TOO_HIGH, **_UNAUTHORISED, **_NO_PRESET},
}
VERSIONS: dict[str, Any] = {
    "operation_id": "users_preferences_versions_list",
    "tags": ["users"],
    "summary": "What your preferences were, newest first",
    "description": "The newest fifty; 1 is what they were before the first change.",
    "parameters": [ORIGIN_HEADER],
    "responses": {200: VersionSerializer(many=True), **_UNAUTHORISED},
}
ROLLBACK: dict[str, Any] = {
    "operation_id": "users_preferences_versions_rollback",
    "tags": ["users"],
    "summary": "Make your preferences what they were at a version",
    "parameters": [ORIGIN_HEADER],
    "request": None,
    "responses": {200: PreferencesSerializer, **_TOO_HIGH, **_UNAUTHORISED, **_TIER, **_NO_VERSION},
}
