"""What the OpenAPI document says about statistics beyond what the code shows."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiResponse

from apps.core.api.origin import ORIGIN_HEADER
from apps.core.api.schema import error_response
from apps.notifications.api.statistics_forms import DeliveryStatisticsQuery, DeliveryStatisticsSerializer

_DURATIONS: dict[str, Any] = {
    "count": 1180,
    "min_ms": 41.2,
    "mean_ms": 220.5,
    "p50_ms": 150.1,
    "p95_ms": 612.0,
    "p99_ms": 1880.4,
    "max_ms": 30011.9,
}
_CELL: dict[str, Any] = {
    "deliveries": 1200,
    "delivered": 1180,
    "failed": 12,
    "dead": 3,
    "expired": 5,
    "retried": 40,
    "attempts": 1252,
    "attempts_mean": 1.0433,
    "success_rate": 0.9833,
    "latency": _DURATIONS,
    "calls": _DURATIONS,
}
_COMPARED = {"now": _CELL, "before": _CELL}
_EXAMPLE: dict[str, Any] = {
    "scope": "all",
    "since": "2026-11-22T10:00:00Z",
    "until": "2026-11-22T11:00:00Z",
    "bucket": "hour",
    "as_of": "2026-11-22T11:02:00Z",
    "total": _COMPARED,
    "channels": [{"name": "telegram", **_COMPARED}],
    "providers": [{"name": "api.telegram.org", **_COMPARED}],
    "templates": [{"name": "opportunity", **_COMPARED}],
    "series": [{"at": "2026-11-22T10:00:00Z", "counted": _CELL}],
    "reasons": [{"trouble": "address", "count": 12, "before": 9, "share": 0.6, "codes": {"chat_gone": 12}}],
    "errors": [{"trouble": "rate_limit", "count": 52, "before": 70, "share": 0.72, "codes": {"http_429": 52}}],
}

STATISTICS: dict[str, Any] = {
    "tags": ["notifications"],
    "summary": "What became of deliveries: success, tries, latency, trouble, and how it was before",
    "description": "A delivery is counted in the hour in which its message ended. Everybody's are counted every five "
    "minutes (`as_of`), one's own at once, as far as messages are kept.",
    "parameters": [ORIGIN_HEADER, DeliveryStatisticsQuery],
    "responses": {
        200: OpenApiResponse(
            DeliveryStatisticsSerializer,
            examples=[OpenApiExample("answer", value=_EXAMPLE, response_only=True, status_codes=["200"])],
        ),
        **error_response(
            400,
            "invalid",
            "The request has errors.",
            errors=[{"field": "since", "code": "invalid", "detail": "Use a moment before `until`, at most 7 days."}],
        ),
        **error_response(401, "not_authenticated", "Authentication credentials were not provided."),
        **error_response(403, "role_required", "This needs the role admin."),
    },
}
