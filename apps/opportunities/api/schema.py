"""What the OpenAPI document says about opportunities beyond what the code shows: errors, headers, examples."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter

from apps.accounts.api.schema import error_response
from apps.opportunities.api.serializers import OpportunityDetailSerializer, OpportunitySerializer

ORIGIN_HEADER = OpenApiParameter(
    name="X-ArbEdge-Origin",
    location=OpenApiParameter.HEADER,
    type=OpenApiTypes.STR,
    enum=("live", "sandbox", "replay"),
    response=True,
    description="Where the data of this answer comes from.",
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
    "size": "998.5638",
    "optimal_notional": "5210.0000",
    "max_notional": "9004.0000",
    "profit": "2.43734200",
    "risk": "medium",
    "confidence": 0.82,
    "score": 71.5,
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

LIST: dict[str, Any] = {
    "operation_id": "opportunities_list",
    "tags": ["opportunities"],
    "summary": "Active opportunities, best first",
    "parameters": [ORIGIN_HEADER],
    "responses": {
        200: OpportunitySerializer(many=True),
        **_INVALID,
        **_UNAUTHORISED,
        **error_response(404, "not_found", "Invalid cursor"),
    },
    "examples": [OpenApiExample("An opportunity", value=_ROW, response_only=True, status_codes=["200"])],
}

DETAIL: dict[str, Any] = {
    "operation_id": "opportunities_retrieve",
    "tags": ["opportunities"],
    "summary": "One opportunity with its evidence",
    "parameters": [ORIGIN_HEADER],
    "responses": {
        200: OpportunityDetailSerializer,
        **_UNAUTHORISED,
        **error_response(404, "opportunity_not_found", "There is no such opportunity."),
    },
}
