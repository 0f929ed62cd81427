"""What the OpenAPI document says about distribution beyond what the code shows."""

from typing import Any

from drf_spectacular.utils import OpenApiResponse

from apps.core.api.origin import ORIGIN_HEADER
from apps.core.api.schema import error_response
from apps.distribution.api.serializers import (
    AlertGroupSerializer,
    DecisionQuery,
    DecisionSerializer,
    DistributionStatisticsSerializer,
    GroupChange,
    GroupRequest,
    StatisticsQuery,
)

_401 = error_response(401, "not_authenticated", "Authentication credentials were not provided.")
_403 = error_response(403, "role_required", "This needs the role admin.", required_role="admin")
_NO_GROUP = error_response(404, "not_found", "There is no such group of yours.")
_NO_DECISION = error_response(404, "not_found", "Nothing was decided about you and this opportunity.")
_INVALID = error_response(
    400,
    "invalid",
    "The request has errors.",
    errors=[{"field": "channel", "code": "invalid_choice", "detail": '"pigeon" is not a valid choice.'}],
)
_CODES = error_response(429, "too_many_codes", "Enough codes for now; the next one at 10:14 UTC.")


def _of(operation: str, summary: str, *parameters: Any, **more: Any) -> dict[str, Any]:
    return {
        "operation_id": operation,
        "tags": ["distribution"],
        "summary": summary,
        "parameters": [ORIGIN_HEADER, *parameters],
        **more,
    }


WHY = _of(
    "opportunities_why",
    "Why you were told of it, or not",
    responses={200: DecisionSerializer, **_401, **_NO_DECISION},
)
DECISIONS = _of(
    "distribution_decisions_list",
    "What was decided about you and your groups, the newest first",
    DecisionQuery,
    responses={
        200: DecisionSerializer(many=True),
        **_INVALID,
        **_401,
        **error_response(404, "not_found", "Invalid cursor"),
    },
)
STATISTICS = _of(
    "distribution_statistics_retrieve",
    "What became of it all: told, refused and why, delivered, how fast",
    StatisticsQuery,
    responses={200: DistributionStatisticsSerializer, **_INVALID, **_401, **_NO_GROUP},
)
OPPORTUNITY_STATISTICS = _of(
    "distribution_opportunity_statistics_retrieve",
    "The same of one opportunity, over everybody; for administrators",
    responses={200: DistributionStatisticsSerializer, **_401, **_403},
)
GROUPS = _of(
    "distribution_groups_list",
    "Your groups",
    responses={200: AlertGroupSerializer(many=True), **_401},
)
GROUP_CREATE = _of(
    "distribution_groups_create",
    "Register a group for alerts and have a code sent there",
    request=GroupRequest,
    responses={201: AlertGroupSerializer, **_INVALID, **_401, **_CODES},
)
GROUP = _of("distribution_groups_retrieve", "One group", responses={200: AlertGroupSerializer, **_401, **_NO_GROUP})
GROUP_CHANGE = _of(
    "distribution_groups_partial_update",
    "Change what a group is told",
    request=GroupChange,
    responses={200: AlertGroupSerializer, **_INVALID, **_401, **_NO_GROUP},
)
GROUP_REMOVE = _of(
    "distribution_groups_destroy",
    "End a registration; nothing goes there any more",
    responses={204: OpenApiResponse(), **_401, **_NO_GROUP},
)
GROUP_OPPORTUNITIES = _of(
    "distribution_groups_opportunities_list",
    "What a group was told of and is still active, the best first",
    responses={200: OpenApiResponse({"type": "array", "items": {"type": "object"}}), **_401, **_NO_GROUP},
)
