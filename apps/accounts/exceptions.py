"""Refusals of this room."""

from apps.core.exceptions import PermanentError


class TokenRefusedError(PermanentError):
    """A token opens nothing: unknown, expired, revoked, or its owner may not sign in. The caller has to get another."""

    code = "token_refused"
