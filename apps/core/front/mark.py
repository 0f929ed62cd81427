"""What Django's side tells the front about the answer it gives."""

from dataclasses import dataclass, field
from typing import Any, Final

from django.http import HttpRequest

ENVIRON_KEY: Final = "arbedge.mark"


@dataclass(slots=True)
class Mark:
    """Travels with one request from the front through Django and back.

    `counted`: the front has counted the request against the caller's quota already. `audience`: everybody for whom this
    very answer is right has this key, empty where the answer is for nobody else. `only_now`: giving the answer has
    changed something (it was counted into a day), so it is not to be repeated. `stream`: what the front is to stream
    instead. `begun`: when a thread took it up (monotonic)."""

    counted: bool = False
    audience: str = ""
    only_now: bool = False
    stream: Any = field(default=None, repr=False)
    begun: float = 0.0


def mark_of(request: Any) -> Mark | None:
    """The mark of a request (Django's or DRF's); None where there is no front, as under WSGI and in tests."""
    inner: HttpRequest = getattr(request, "_request", request)
    mark: Mark | None = inner.META.get(ENVIRON_KEY)
    return mark
