"""What browsers are told that a page may do: which scripts run, what may frame it, what it may ask of the machine."""

from collections.abc import Callable, Mapping
from typing import Final

from django.http import HttpRequest, HttpResponse

_NOTHING: Final = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"
# Styles of the theme, of Swagger and of Redoc stand in the page and are changed by their scripts.
_OWN: Final = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
# The first that a path begins with counts. Scripts come from files of ours only, everywhere; the admin's theme computes
# expressions in its pages (docs/decisions/018), Redoc searches in a worker made of a blob.
POLICIES: Final[Mapping[str, str]] = {
    "/admin/": f"{_OWN}; script-src 'self' 'unsafe-eval'",
    "/api/docs/": f"{_OWN}; script-src 'self'",
    "/api/redoc/": f"{_OWN}; script-src 'self'; worker-src blob:",
    "/account/": f"{_NOTHING}; form-action 'self'",
    "": f"{_NOTHING}; style-src 'unsafe-inline'; form-action 'self'",
}
HEADERS: Final[Mapping[str, str]] = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=(), browsing-topics=()",
}


class SecurityHeaders:
    """Adds them to every answer, errors and files included. Of the content policy a view may say its own."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """The answer, with them."""
        response = self.get_response(request)
        for name, value in HEADERS.items():
            response[name] = value
        response.headers.setdefault("Content-Security-Policy", policy_of(request.path))
        return response


def policy_of(path: str) -> str:
    """The content policy of what is served at `path`."""
    return next(policy for prefix, policy in POLICIES.items() if path.startswith(prefix))
