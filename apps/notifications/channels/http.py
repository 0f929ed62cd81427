"""HTTP answers of providers turned into errors that say what to do, once for all channels."""

from collections.abc import Mapping

from apps.core.exceptions import OperatorError, PermanentError, TemporaryError, ThrottledError
from apps.core.http import HttpResponse
from apps.notifications.channels.base import retry_after_seconds

# "Busy, come back": with a Retry-After these are a wish for a pause (Standard Webhooks 1.0.0, "Deliverability").
PAUSES = frozenset({429, 502, 503, 504})
THROTTLE_DEFAULT_S = 30.0
_SHOWN = 200


def answer_check(response: HttpResponse, who: str, *, ours: bool = False) -> None:
    """Raise unless the answer is a 2xx. `who` names the other side in words; `ours`: a 401 is our own credential's.

    Redirects are failures: following one would lead a signed message to a place nobody vetted."""
    status = response.status
    if 200 <= status < 300:
        return
    told = f"{who} answered {status}{_words(response.body)}"
    pause = header(response.headers, "Retry-After")
    if status == 429 or (status in PAUSES and pause is not None):
        raise ThrottledError(
            told, retry_after=retry_after_seconds(pause, default=THROTTLE_DEFAULT_S), code=f"http_{status}"
        )
    if status in {408, 425} or status >= 500:
        raise TemporaryError(told, code=f"http_{status}")
    if ours and status == 401:
        raise OperatorError(told, code="unauthorized")
    raise PermanentError(told, code=f"http_{status}")


def header(headers: Mapping[str, str], name: str) -> str | None:
    """A header's value whatever its letter case."""
    wanted = name.lower()
    return next((value for key, value in headers.items() if key.lower() == wanted), None)


def _words(body: bytes) -> str:
    words = " ".join(body[: 4 * _SHOWN].decode(errors="replace").split())[:_SHOWN]
    return f": {words}" if words else ""
