"""Why a delivery was not tried yet: what happened between its tries, as short notes on its row."""

from datetime import datetime
from typing import Any

from apps.notifications.services.states import Result

# Codes of limits: our own, the provider's 429, and a tap that another's 429 has closed.
LIMITS = ("rate_limit", "http_429", "throttled")
# The newest ones; the same reason again and again is one note that counts.
NOTES_MAX = 20


def noted(notes: list[dict[str, Any]], result: Result, *, at: datetime) -> list[dict[str, Any]]:
    """The notes with what came of this lease added: {"code", "reason", "since", "until", "times"}, oldest first.

    A try leaves a row of its own (`DeliveryAttempt`), and no note."""
    return notes if result.happened.outcome is not None else with_note(notes, result.code, result.reason, at=at)


def with_note(notes: list[dict[str, Any]], code: str, reason: str, *, at: datetime) -> list[dict[str, Any]]:
    """The notes with one more; the same again is counted."""
    moment = at.isoformat()
    last = notes[-1] if notes else None
    if last is not None and last["code"] == code:
        again = last | {"reason": reason[:300], "until": moment, "times": last["times"] + 1}
        return [*notes[:-1], again]
    note = {"code": code, "reason": reason[:300], "since": moment, "until": moment, "times": 1}
    return [*notes, note][-NOTES_MAX:]
