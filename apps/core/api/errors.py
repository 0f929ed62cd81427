"""Every API error as problem details (RFC 9457) with stable codes."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler as drf_handler

from apps.core.exceptions import ArbEdgeError, OperatorError, PermanentError, TemporaryError, ThrottledError

CONTENT_TYPE = "application/problem+json"


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: the problem's answer, or None for what nobody foresaw (Django answers 500 and logs)."""
    if isinstance(error, ArbEdgeError):
        return _from_ours(error)
    response = drf_handler(error, context)
    if response is None:
        return None
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    invalid = isinstance(error, exceptions.ValidationError)
    detail = "The request has errors." if invalid else str(getattr(error, "detail", error))
    response.data = problem(
        status=response.status_code,
        code="invalid" if invalid else _code(error),
        detail=detail,
        errors=list(_field_errors(error.detail)) if isinstance(error, exceptions.ValidationError) else [],
    )
    # Members of its own that a problem may have (RFC 9457 section 3.2), such as the tier that would be needed.
    response.data |= getattr(error, "extra", {})
    response.content_type = CONTENT_TYPE
    return response


def problem(*, status: int, code: str, detail: str, errors: list[dict[str, str]] | None = None) -> dict[str, Any]:
    """The body of an error answer: {"type", "title", "status", "code", "detail", "errors"}."""
    return {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        "errors": errors or [],
    }


def _from_ours(error: ArbEdgeError) -> Response:
    status = next(status for kind, status in _STATUS if isinstance(error, kind))
    # What is wrong on our side is for the operator's log, not for the caller.
    detail = "The service is misconfigured." if isinstance(error, OperatorError) else error.message
    response = Response(
        problem(status=status, code=error.code, detail=detail), status=status, content_type=CONTENT_TYPE
    )
    if isinstance(error, ThrottledError):
        response["Retry-After"] = str(max(1, round(error.retry_after)))
    return response


_STATUS: tuple[tuple[type[ArbEdgeError], int], ...] = (
    (ThrottledError, 429),
    (TemporaryError, 503),
    (PermanentError, 400),
    (OperatorError, 500),
    (ArbEdgeError, 500),
)


def _code(error: Exception) -> str:
    detail = getattr(error, "detail", None)
    return str(getattr(detail, "code", "") or getattr(error, "default_code", "error"))


def _field_errors(detail: Any, path: str = "") -> Iterator[dict[str, str]]:
    if isinstance(detail, dict):
        for name, inner in detail.items():
            # Rows of a list come numbered, as a dict of the bad ones or as a list of all.
            step = f"[{name}]" if isinstance(name, int) else f".{name}" if path else str(name)
            yield from _field_errors(inner, path + step)
    elif isinstance(detail, list):
        for position, inner in enumerate(detail):
            nested = isinstance(inner, (dict, list))
            yield from _field_errors(inner, f"{path}[{position}]" if nested else path)
    else:
        yield {"field": path, "code": str(getattr(detail, "code", "invalid")), "detail": str(detail)}
