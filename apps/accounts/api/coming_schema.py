"""What the OpenAPI document says about registering and inviting beyond what the code shows."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse

from apps.accounts.api.coming_forms import (
    ConfirmedSerializer,
    ConfirmRequest,
    InvitationMadeSerializer,
    InvitationRequest,
    InvitationSerializer,
    InvitationUseSerializer,
    RegisteredSerializer,
    RegisterRequest,
    ResendRequest,
)
from apps.core.api.origin import ORIGIN_HEADER
from apps.core.api.schema import error_response

_REGISTRATION = "0b8f1f57-8f4e-4f0e-9d43-4a9b7cf0b6a1"
_INVITATION: dict[str, Any] = {
    "id": "f1a1b6c4-93a5-4a2e-8a52-3f6f6b0b7d11",
    "prefix": "7K2M",
    "purpose": "beta",
    "note": "spring round",
    "tier": "premium",
    "days": 180,
    "max_uses": 20,
    "used": 3,
    "created_at": "2026-11-22T10:00:00Z",
    "created_by": "6a0f3c1e-0a5f-4d0c-9f5b-0b1f7b1c2d3e",
    "expires_at": "2026-12-22T10:00:00Z",
    "revoked_at": None,
}
_401 = error_response(401, "not_authenticated", "Authentication credentials were not provided.")
_403 = error_response(403, "role_required", "This needs the role admin.", required_role="admin")
_404 = error_response(404, "not_found", "There is no such invitation.")
_429 = error_response(429, "throttled", "Request was throttled. Expected available in 60 seconds.")
_503 = error_response(503, "limits_away", "Rate limits are not available.")
_INVALID = error_response(
    400,
    "invalid",
    "The request has errors.",
    errors=[
        {
            "field": "invitation_code",
            "code": "invitation_refused",
            "detail": "This invitation opens nothing: it is unknown, used up, expired or revoked.",
        }
    ],
)
_BAD = error_response(
    400,
    "invalid",
    "The request has errors.",
    errors=[{"field": "max_uses", "code": "min_value", "detail": "Ensure this value is greater than or equal to 1."}],
)


def _answer(kind: Any, example: Any, *, status: int = 200) -> dict[int, OpenApiResponse]:
    shown = OpenApiExample("answer", value=example, response_only=True, status_codes=[str(status)])
    return {status: OpenApiResponse(kind, examples=[shown])}


def _open(**what: Any) -> dict[str, Any]:
    return {"tags": ["auth"], "parameters": [ORIGIN_HEADER], "auth": [], **what}


def _admin(*parameters: OpenApiParameter, **what: Any) -> dict[str, Any]:
    return {"tags": ["admin"], "parameters": [ORIGIN_HEADER, *parameters], **what}


REGISTER = _open(
    summary="Register an address",
    description="The answer is the same whether the address has an account or not; its owner learns it by mail.",
    request=RegisterRequest,
    responses=_answer(
        RegisteredSerializer,
        {"registration": _REGISTRATION, "code_expires_at": "2026-11-22T11:00:00Z"},
        status=202,
    )
    | _INVALID
    | _429
    | _503,
)
RESEND = _open(
    summary="Send another code",
    request=ResendRequest,
    responses={202: OpenApiResponse(description="If the registration waits for one, it is on its way.")}
    | _BAD
    | _429
    | _503,
)
CONFIRM = _open(
    summary="Confirm an address with the code that arrived there",
    request=ConfirmRequest,
    responses=_answer(
        ConfirmedSerializer,
        {"id": "6a0f3c1e-0a5f-4d0c-9f5b-0b1f7b1c2d3e", "email": "ada@example.org", "tier": "premium"},
    )
    | error_response(400, "code_wrong", "This is not the code that was sent; 4 more tries.")
    | _429,
)
INVITATIONS = _admin(
    OpenApiParameter("usable", OpenApiTypes.BOOL, description="only those that let somebody in, or don't"),
    operation_id="admin_invitations_list",
    summary="Invitations, newest first",
    responses={200: InvitationSerializer(many=True), **_BAD, **_401, **_403},
)
INVITE = _admin(
    summary="Issue an invitation",
    description="The code is in this answer and nowhere else.",
    request=InvitationRequest,
    responses=_answer(InvitationMadeSerializer, _INVITATION | {"code": "7K2M0-W3ERT-9XYZA-BCDEF"}, status=201)
    | _BAD
    | _401
    | _403,
)
INVITATION = _admin(summary="One invitation", responses=_answer(InvitationSerializer, _INVITATION) | _401 | _403 | _404)
REVOKE = _admin(
    summary="Revoke an invitation; who came by it stays", responses={204: OpenApiResponse(), **_401, **_403, **_404}
)
INVITATION_USES = _admin(
    operation_id="admin_invitations_uses_list",
    summary="Who came by an invitation",
    responses={200: InvitationUseSerializer(many=True), **_401, **_403, **_404},
)
