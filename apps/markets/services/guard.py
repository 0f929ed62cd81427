"""What a failure of an exchange means for the next calls."""

from typing import Final

from apps.core import limits
from apps.core.exceptions import ArbEdgeError, TemporaryError, ThrottledError
from apps.markets.breakers import breaker
from apps.markets.enums import FeedState
from apps.markets.exchanges.throttle import limit_key

__all__ = ["asks_for_pause", "breaker", "failure_note", "state_of"]

# A refusal because of where we are does not go away in an hour, but an operator may have moved us by then.
RESTRICTED_PAUSE_S: Final = 3600.0
MAINTENANCE_PAUSE_S: Final = 60.0

_STATES: Final = {
    "maintenance": FeedState.MAINTENANCE,
    "restricted": FeedState.RESTRICTED,
    "throttled": FeedState.THROTTLED,
    "limit_reached": FeedState.THROTTLED,
    "not_supported": FeedState.DISABLED,
    "key_needed": FeedState.DISABLED,
    "key_refused": FeedState.DISABLED,
}


def failure_note(exchange: str, error: ArbEdgeError) -> None:
    """Tell the breaker: pauses that were asked for are kept at once, failures of the target counted, our own not."""
    guard = breaker(exchange)
    if error.code in ("key_needed", "limit_reached"):
        # Nobody was asked.
        return
    if isinstance(error, ThrottledError):
        guard.trip(error.retry_after)
        # Slow metadata does not ask the breaker, but it must not ask the exchange either.
        limits.close_tap(limit_key(exchange), error.retry_after)
    elif error.code == "restricted":
        guard.trip(RESTRICTED_PAUSE_S)
    elif error.code == "maintenance":
        guard.trip(error.details.get("retry_after") or MAINTENANCE_PAUSE_S)
    elif isinstance(error, TemporaryError):
        guard.failure()
    else:
        # It answered, if only to refuse this call: the exchange is there.
        guard.success()


def asks_for_pause(error: ArbEdgeError) -> bool:
    """Whether the exchange wants to be left alone, whatever else of it worked meanwhile."""
    return isinstance(error, ThrottledError) or error.code in ("restricted", "maintenance")


def state_of(error: ArbEdgeError) -> FeedState:
    """The feed state that an error stands for."""
    return FeedState.THROTTLED if isinstance(error, ThrottledError) else _STATES.get(error.code, FeedState.ERROR)
