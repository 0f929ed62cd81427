"""What kind of trouble a recorded code tells of."""

from enum import StrEnum
from typing import Final

from apps.notifications.enums import Outcome


class Trouble(StrEnum):
    """Why a try or a delivery came to nothing, by who could do something about it."""

    RATE_LIMIT = "rate_limit"  # the provider's or our own
    TIMEOUT = "timeout"
    CONNECTION = "connection"
    PROVIDER = "provider"  # it answered that it can't, or its breaker is open
    REJECTED = "rejected"  # it refused the message for a reason that is none of the others
    ADDRESS = "address"  # nobody is there, or does not want us
    CREDENTIALS = "credentials"
    CONTENT = "content"  # no message could be made, or not one that the channel takes
    CONFIGURATION = "configuration"  # ours
    RECIPIENT = "recipient"  # quiet hours, endpoint or account switched off
    EXPIRED = "expired"
    LOST = "lost"  # the worker died or was cut off
    OTHER = "other"


_CODES: Final[dict[str, Trouble]] = {
    code: trouble
    for trouble, codes in {
        Trouble.RATE_LIMIT: ("rate_limit", "throttled", "limits_away", "http_429"),
        Trouble.TIMEOUT: ("timeout", "too_slow", "http_408", "http_504"),
        Trouble.CONNECTION: ("connection", "bad_body"),
        Trouble.PROVIDER: ("breaker_open", "temporary", "fault"),
        Trouble.ADDRESS: (
            "address_blocked", "bad_address", "bad_url", "blocked", "chat_forbidden", "chat_gone", "endpoint_gone",
            "http_404", "http_410", "subscription_gone", "unregistered", "webhook_gone", "bounce_hard", "bounce_soft",
        ),
        Trouble.CREDENTIALS: (
            "bad_credentials", "http_401", "http_403", "oauth_answer", "token_refused", "unauthorized",
        ),
        Trouble.CONTENT: ("bad_context", "bad_header", "empty", "http_400", "http_413", "http_422", "too_large"),
        Trouble.CONFIGURATION: ("channel_off", "operator", "sender"),
        Trouble.RECIPIENT: ("endpoint_off", "inactive_user", "quiet_hours"),
        Trouble.EXPIRED: ("expired",),
        Trouble.LOST: ("lease_ended",),
    }.items()
    for code in codes
}  # fmt: skip
_PREFIXES: Final = (
    ("template", Trouble.CONTENT),
    ("http_5", Trouble.PROVIDER),
    ("smtp_4", Trouble.PROVIDER),
    ("http_4", Trouble.REJECTED),
    ("smtp_5", Trouble.REJECTED),
    ("twilio_", Trouble.REJECTED),
)
_OUTCOMES: Final = {
    Outcome.TEMPORARY.value: Trouble.PROVIDER,
    Outcome.THROTTLED.value: Trouble.RATE_LIMIT,
    Outcome.PERMANENT.value: Trouble.REJECTED,
    Outcome.LOST.value: Trouble.LOST,
}


def trouble_of(code: str, outcome: str = "") -> Trouble:
    """The kind of trouble behind a code; where the code is none of ours, what the outcome of the try says."""
    if outcome == Outcome.THROTTLED.value:
        return Trouble.RATE_LIMIT
    known = _CODES.get(code) or next((trouble for prefix, trouble in _PREFIXES if code.startswith(prefix)), None)
    return known or _OUTCOMES.get(outcome, Trouble.OTHER)
