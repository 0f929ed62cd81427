"""Errors that say what to do: stop, retry, wait, or call the operator."""

from typing import Any


class ArbEdgeError(Exception):
    """Base of our errors: a message for people, a stable `code` for programs, `details` for logs (no secrets)."""

    code: str = "error"

    def __init__(self, message: str, *, code: str | None = None, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.details = details


class PermanentError(ArbEdgeError):
    """Trying again cannot help: stop and tell the user."""

    code = "permanent"


class TemporaryError(ArbEdgeError):
    """May work later: retry with capped jitter; counts as a failure of the target."""

    code = "temporary"


class ThrottledError(TemporaryError):
    """The target asks for a pause of `retry_after` seconds; not a failure of the target."""

    code = "throttled"

    def __init__(self, message: str, *, retry_after: float, code: str | None = None, **details: Any) -> None:
        super().__init__(message, code=code, **details)
        self.retry_after = retry_after


class OperatorError(ArbEdgeError):
    """Something is misconfigured on our side: alert the operator."""

    code = "operator"
