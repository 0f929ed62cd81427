"""What the OpenAPI document says about rules of technical signals."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter

from apps.core.api.origin import ORIGIN_HEADER
from apps.core.api.schema import error_response
from apps.opportunities.api.serializers import LeadsSerializer, RuleSerializer

_UNAUTHORISED = error_response(401, "token_expired", "This token has expired.")
_TIER = error_response(403, "tier_required", "This needs the basic tier or a higher one.", required_tier="basic")
_NOT_FOUND = error_response(404, "rule_not_found", "There is no such rule.")
_INVALID = error_response(
    400,
    "invalid",
    "The request has errors.",
    errors=[
        {
            "field": "conditions",
            "code": "conditions_invalid",
            "detail": "conditions.all[0].value: rsi_14 is compared with numbers from 0 to 100.",
        }
    ],
)


def _operation(name: str, summary: str, responses: dict[Any, Any], **more: Any) -> dict[str, Any]:
    return {
        "operation_id": f"opportunities_{name}",
        "tags": ["opportunities"],
        "summary": summary,
        "parameters": [ORIGIN_HEADER],
        "responses": {**responses, **_UNAUTHORISED},
        **more,
    }


RULES = _operation("rules_list", "Your rules of technical signals", {200: RuleSerializer(many=True)})
RULE_CREATE = _operation(
    "rules_create",
    "Make a rule: its signals are yours alone",
    {
        201: RuleSerializer,
        **_INVALID,
        **_TIER,
        **error_response(409, "rules_full", "You have 10 rules, as many as there can be."),
    },
    request=RuleSerializer,
)
RULE = _operation("rules_retrieve", "One of your rules", {200: RuleSerializer, **_NOT_FOUND})
RULE_CHANGE = _operation(
    "rules_partial_update",
    "Change one of your rules",
    {200: RuleSerializer, **_INVALID, **_TIER, **_NOT_FOUND},
    request=RuleSerializer,
)
RULE_DELETE = _operation("rules_destroy", "Delete one of your rules", {204: None, **_NOT_FOUND})
CORRELATION: dict[str, Any] = _operation(
    "correlation_retrieve",
    "Whether technical signals run ahead of the arbitrage edges of an instrument",
    {
        200: LeadsSerializer,
        **_INVALID,
        **_TIER,
        **error_response(409, "no_bars", "There are no candles of BTC on okx yet."),
        **error_response(429, "throttled", "Request was throttled. Expected available in 4 seconds."),
    },
) | {
    "parameters": [
        ORIGIN_HEADER,
        OpenApiParameter("instrument", OpenApiTypes.STR, required=True, description="The asset: BTC."),
        OpenApiParameter("exchange", OpenApiTypes.STR, required=True, description="Whose candles are read (ccxt id)."),
        OpenApiParameter(
            "timeframe", OpenApiTypes.STR, enum=("1m", "5m"), description="Length of the bars; default 1m."
        ),
    ]
}
