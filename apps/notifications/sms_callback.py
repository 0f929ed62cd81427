"""How the SMS gateway's callbacks are addressed, signed and, where they come too early, kept for a moment."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from uuid import UUID

from apps.core import queue

TASK = "apps.notifications.tasks.sms_status"
# A result is written within fractions of a second; a sender that was killed is never that quick.
AGAIN_S, TRIES_MAX = 2.0, 5


def url(base: str, delivery_id: UUID | str) -> str:
    """Where news of this delivery is told."""
    return f"{base}/{delivery_id}"


def signature(called: str, form: Mapping[str, str], token: str) -> str:
    """https://www.twilio.com/docs/usage/security#validating-requests: the URL and the sorted form, HMAC-SHA1."""
    signed = called + "".join(f"{name}{form[name]}" for name in sorted(form))
    return base64.b64encode(hmac.new(token.encode(), signed.encode(), hashlib.sha1).digest()).decode()


def again(*, delivery_id: str, sid: str, status: str, error: int, tries: int) -> None:
    """Look at the same news once more in a moment, at most TRIES_MAX times."""
    if tries > TRIES_MAX:
        return
    news = {"delivery_id": delivery_id, "sid": sid, "status": status, "error": error, "tries": tries}
    queue.ring(TASK, key=f"{delivery_id}:{status}:{tries}", queue="default", countdown=AGAIN_S, kwargs=news)
