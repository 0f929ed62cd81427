"""What the OpenAPI document says about signing in beyond what the code shows."""

from typing import Any

from apps.accounts.api import auth_forms as forms
from apps.core.api.origin import ORIGIN_HEADER
from apps.core.api.schema import error_response

_401 = error_response(401, "not_authenticated", "Authentication credentials were not provided.")
_WRONG = error_response(401, "credentials_wrong", "Address and password don't fit.")
_PROOF = error_response(403, "credentials_wrong", "This is not the current password.")
_SESSION = error_response(403, "session_required", "Sign in for this: a token can't make or change credentials.")
_429 = error_response(429, "too_many_attempts", "Too many tries; wait, or set a new password by mail.")
_404 = error_response(404, "not_found", "There is no such token of yours.")
_404_SESSION = error_response(404, "not_found", "There is no such session of yours.")
_INVALID = error_response(
    400,
    "invalid",
    "The request has errors.",
    errors=[{"field": "email", "code": "invalid", "detail": "Enter a valid email address."}],
)


def _of(**what: Any) -> dict[str, Any]:
    return {"tags": ["auth"], "parameters": [ORIGIN_HEADER], **what}


LOGIN = _of(
    operation_id="auth_login",
    summary="Sign in",
    description="A session for seven days from its last use. Unknown addresses and wrong passwords look the same.",
    auth=[],
    request=forms.LoginRequest,
    responses={200: forms.LoginSerializer, **_INVALID, **_WRONG, **_429},
)
LOGOUT = _of(
    operation_id="auth_logout",
    summary="Sign out",
    description="Ends the session that this request is signed with.",
    request=None,
    responses={204: None, **_401, **_SESSION},
)
PASSWORD = _of(
    operation_id="auth_password",
    summary="Change the password",
    description="Every other session ends.",
    request=forms.PasswordRequest,
    responses={204: None, **_INVALID, **_401, **_PROOF, **_429},
)
RECOVERY = _of(
    operation_id="auth_recovery",
    summary="Ask for a link to set a new password",
    description="Whether there is such an account is not told. The link is mailed, works once and for 30 minutes.",
    auth=[],
    request=forms.RecoveryRequest,
    responses={202: None, **_INVALID, **_429},
)
RECOVERY_FINISH = _of(
    operation_id="auth_recovery_finish",
    summary="Set a new password with the mailed link",
    description="Every session ends; the second factor stays on.",
    auth=[],
    request=forms.RecoveryFinishRequest,
    responses={204: None, **error_response(400, "recovery_refused", "This link was used or is too old."), **_429},
)
TWO_FACTOR = _of(
    operation_id="auth_2fa", summary="How the second factor stands", responses={200: forms.TwoFactorSerializer, **_401}
)
TWO_FACTOR_START = _of(
    operation_id="auth_2fa_start",
    summary="Begin with an authenticator app",
    request=forms.ProofRequest,
    responses={
        201: forms.EnrolmentSerializer,
        **error_response(400, "two_factor_on", "The second factor is on already; switch it off first."),
        **_401,
        **_PROOF,
        **_429,
    },
)
TWO_FACTOR_END = _of(
    operation_id="auth_2fa_disable",
    summary="Switch the second factor off",
    description="Takes password and code.",
    request=forms.ProofRequest,
    responses={204: None, **_INVALID, **_401, **_PROOF, **_429},
)
TWO_FACTOR_CONFIRM = _of(
    operation_id="auth_2fa_confirm",
    summary="Switch the second factor on with a first code",
    description="Every other session ends.",
    request=forms.AppCodeRequest,
    responses={
        200: forms.RecoveryCodesSerializer,
        **error_response(400, "no_enrolment", "Begin with a new secret."),
        **_401,
        **error_response(403, "second_factor_wrong", "This code does not fit, or was used."),
        **_429,
    },
)
RECOVERY_CODES = _of(
    operation_id="auth_2fa_recovery_codes",
    summary="New codes for paper",
    description="The old ones count no longer. Takes password and code.",
    request=forms.ProofRequest,
    responses={
        200: forms.RecoveryCodesSerializer,
        **error_response(400, "no_enrolment", "The second factor is off."),
        **_401,
        **_PROOF,
        **_429,
    },
)
TOKENS = _of(
    operation_id="auth_tokens", summary="One's API tokens", responses={200: forms.TokenSerializer(many=True), **_401}
)
TOKEN_MAKE = _of(
    operation_id="auth_token_create",
    summary="Make an API token",
    request=forms.TokenRequest,
    responses={
        201: forms.TokenMadeSerializer,
        **error_response(400, "too_many_tokens", "You have 50 tokens, which is the most: revoke one first."),
        **_401,
        **_PROOF,
        **_429,
    },
)
TOKENS_END = _of(operation_id="auth_tokens_revoke_all", summary="Revoke every API token", responses={204: None, **_401})
TOKEN = _of(operation_id="auth_token", summary="One token", responses={200: forms.TokenSerializer, **_401, **_404})
TOKEN_CHANGE = _of(
    operation_id="auth_token_update",
    summary="Rename a token",
    request=forms.TokenChange,
    responses={200: forms.TokenSerializer, **_INVALID, **_401, **_404},
)
TOKEN_END = _of(operation_id="auth_token_revoke", summary="Revoke a token", responses={204: None, **_401, **_404})
SESSIONS = _of(
    operation_id="user_sessions",
    summary="Where one is signed in",
    responses={200: forms.SessionSerializer(many=True), **_401},
)
SESSIONS_END = _of(
    operation_id="user_sessions_end_others",
    summary="Sign out everywhere else",
    description="The session that this request is signed with goes on.",
    responses={204: None, **_401},
)
SESSION_END = _of(
    operation_id="user_session_end", summary="End a session", responses={204: None, **_401, **_404_SESSION}
)
