"""Why a delivery was not tried yet: what happened between its tries, as short notes on its row."""

from datetime import datetime
from typing import Any

from apps.notifications.services.states import Result

# The newest ones; the same reason again and again is one note that counts.
NOTES_MAX = 20


def noted(notes: list[dict[str, Any]], result: Result, *, at: datetime) -> list[dict[str, Any]]:
    """The notes with what came of this lease added: {"code", "reason", "since", "until", "times"}, oldest first.

    A try leaves a row of its own (`DeliveryAttempt`), and no note."""
    if result.happened.outcome is not None:
        return notes
    moment = at.isoformat()
    last = notes[-1] if notes else None
    if last is not None and last["code"] == result.code:
        again = last | {"reason": result.reason[:300], "until": moment, "times": last["times"] + 1}
        return [*notes[:-1], again]
    note = {"code": result.code, "reason": result.reason[:300], "since": moment, "until": moment, "times": 1}
    return [*notes, note][-NOTES_MAX:]
