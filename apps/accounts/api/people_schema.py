"""What the OpenAPI document says about looking after accounts beyond what the code shows."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse

from apps.accounts.api.auth_forms import SessionSerializer
from apps.accounts.api.people_forms import (
    PersonSerializer,
    ReasonRequest,
    RoleRequest,
    TierRequest,
    UserRowSerializer,
)
from apps.accounts.enums import Role, Tier, UserStatus
from apps.core.api.origin import ORIGIN_HEADER
from apps.core.api.schema import error_response

_PERSON: dict[str, Any] = {
    "id": "6a0f3c1e-0a5f-4d0c-9f5b-0b1f7b1c2d3e",
    "email": "ada@example.org",
    "name": "Ada",
    "tier": "premium",
    "base_tier": "free",
    "role": "user",
    "status": "active",
    "is_staff": False,
    "timezone": "Europe/Berlin",
    "locale": "en",
    "date_joined": "2026-10-22T10:00:00Z",
    "email_confirmed_at": "2026-10-22T10:05:00Z",
    "last_login": None,
    "last_activity_at": "2026-11-22T10:00:00Z",
    "counts": {"sessions": 2, "tokens": 1, "subscriptions": 1, "second_factor": True},
}
_401 = error_response(401, "not_authenticated", "Authentication credentials were not provided.")
_403 = error_response(403, "role_required", "This needs the role admin.", required_role="admin")
_404 = error_response(404, "not_found", "There is no such account.")
_409 = error_response(409, "status_own", "Somebody else has to do this to your account.")
_BAD = error_response(
    400,
    "invalid",
    "The request has errors.",
    errors=[{"field": "reason", "code": "required", "detail": "This field is required."}],
)
_ANSWER = {
    200: OpenApiResponse(
        PersonSerializer,
        examples=[OpenApiExample("answer", value=_PERSON, response_only=True, status_codes=["200"])],
    )
}
_OPERATORS = "Of operators' accounts only who may give roles changes anything."


def _of(*parameters: OpenApiParameter, **what: Any) -> dict[str, Any]:
    return {"tags": ["admin"], "parameters": [ORIGIN_HEADER, *parameters], **what}


def _query(name: str, words: str, values: list[str] | None = None) -> OpenApiParameter:
    return OpenApiParameter(name, OpenApiTypes.STR, description=words, enum=values)


def _changed(**what: Any) -> dict[str, Any]:
    return _of(**what, responses=_ANSWER | _BAD | _401 | _403 | _404 | _409)


USERS = _of(
    _query("search", "Part of an address or a name, or a whole id."),
    _query("tier", "Only of this tier.", [*Tier.values, "pro"]),
    _query("role", "Only with this role.", list(Role.values)),
    _query("status", "Only accounts that stand so.", list(UserStatus.values)),
    _query("fields", "Only these fields of each, separated by commas."),
    operation_id="admin_users_list",
    summary="Accounts, newest first",
    responses={200: UserRowSerializer(many=True), **_BAD, **_401, **_403},
)
USER = _of(operation_id="admin_user", summary="One account", responses=_ANSWER | _401 | _403 | _404)
SUSPEND = _changed(
    operation_id="admin_user_suspend",
    summary="Suspend an account",
    description=f"Its sessions end, and its tokens open nothing until it is reactivated. {_OPERATORS}",
    request=ReasonRequest,
)
REACTIVATE = _changed(
    operation_id="admin_user_reactivate",
    summary="Open a suspended account again",
    description=_OPERATORS,
    request=ReasonRequest,
)
ROLE = _changed(
    operation_id="admin_user_role",
    summary="Give somebody another role",
    description="For super administrators. The person signs in again with it.",
    request=RoleRequest,
)
TIER = _changed(
    operation_id="admin_user_tier",
    summary="Give somebody a tier",
    description="As a subscription given by the operator, in place of an earlier one. The account opens the highest "
    f"tier of all its subscriptions. {_OPERATORS}",
    request=TierRequest,
)
TIER_TAKE = _changed(
    operation_id="admin_user_tier_take",
    summary="Take back the tier that operators gave",
    description=f"What was paid for stays. {_OPERATORS}",
    request=None,
)
SESSIONS = _of(
    operation_id="admin_user_sessions",
    summary="Where somebody is signed in",
    responses={200: SessionSerializer(many=True), **_401, **_403, **_404},
)
SESSIONS_END = _of(
    operation_id="admin_user_sessions_end",
    summary="Sign somebody out everywhere",
    responses={204: None, **_401, **_403, **_404},
)
SESSION_END = _of(
    operation_id="admin_user_session_end",
    summary="End one session of somebody",
    responses={204: None, **_401, **_403, **_404},
)
