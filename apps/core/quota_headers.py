"""What is left of a caller's requests, on every answer that was counted."""

from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponse

from apps.core.quota import Share

ENVIRON_KEY: Final = "arbedge.share"


class QuotaHeaders:
    """Adds `RateLimit` and `RateLimit-Policy` to what an answer says of other limits."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """The answer, with what the throttle left in the request."""
        response = self.get_response(request)
        share: Share | None = request.META.get(ENVIRON_KEY)
        if share is not None:
            for name, value in share.headers().items():
                before = response.headers.get(name)
                response[name] = f"{before}, {value}" if before else value
        return response
