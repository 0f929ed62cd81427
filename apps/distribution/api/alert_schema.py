"""What the OpenAPI document says about alert triggers beyond what the code shows."""

from typing import Any

from drf_spectacular.utils import OpenApiResponse

from apps.core.api.origin import ORIGIN_HEADER
from apps.core.api.schema import error_response
from apps.distribution.api.alert_forms import (
    AlertChange,
    AlertFiredSerializer,
    AlertHistoryQuery,
    AlertKindSerializer,
    AlertRequest,
    AlertSerializer,
    AlertTestSerializer,
)

_401 = error_response(401, "not_authenticated", "Authentication credentials were not provided.")
_404 = error_response(404, "not_found", "There is no such alert of yours.")
_CURSOR = error_response(404, "not_found", "Invalid cursor")
_INVALID = error_response(400, "params_invalid", "params: Invalid enum value 'over' - at `$.op`.")
_FULL = error_response(409, "alerts_full", "You have 3 alerts, as many as your tier may have.")
_BUSY = error_response(429, "throttled", "Request was throttled. Expected available in 3 seconds.")


def _of(operation: str, summary: str, *parameters: Any, **more: Any) -> dict[str, Any]:
    return {
        "operation_id": operation,
        "tags": ["alerts"],
        "summary": summary,
        "parameters": [ORIGIN_HEADER, *parameters],
        **more,
    }


KINDS = _of("alerts_kinds", "What alerts can be of", responses={200: AlertKindSerializer(many=True), **_401})
ALERTS = _of(
    "alerts_list", "Your alerts, the newest first", responses={200: AlertSerializer(many=True), **_401, **_CURSOR}
)
CREATE = _of(
    "alerts_create",
    "Ask to be told when something happens",
    request=AlertRequest,
    responses={201: AlertSerializer, **_INVALID, **_401, **_FULL},
)
ALERT = _of("alerts_retrieve", "One alert", responses={200: AlertSerializer, **_401, **_404})
CHANGE = _of(
    "alerts_partial_update",
    "Change an alert",
    request=AlertChange,
    responses={200: AlertSerializer, **_INVALID, **_401, **_404},
)
REMOVE = _of("alerts_destroy", "Remove an alert; its history stays", responses={204: OpenApiResponse(), **_401, **_404})
TEST = _of(
    "alerts_test",
    "What it would do and say now; nothing is sent",
    request=None,
    responses={200: AlertTestSerializer, **_401, **_404, **_BUSY},
)
HISTORY = _of(
    "alerts_history",
    "What your alerts have said, the newest first",
    AlertHistoryQuery,
    responses={200: AlertFiredSerializer(many=True), **_INVALID, **_401, **_CURSOR},
)
