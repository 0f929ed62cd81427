"""A message on request, to see that an endpoint works."""

import uuid
from datetime import datetime, timedelta
from uuid import UUID

from apps.core import limits
from apps.core.exceptions import PermanentError, ThrottledError
from apps.core.limits import Demand, Limit
from apps.notifications.enums import Priority
from apps.notifications.models import Endpoint, Notification
from apps.notifications.services.notifications import notification_create

PER_USER = (Limit(5, 300), Limit(50, 86_400))
LIVES = timedelta(minutes=10)


def endpoint_try(*, endpoint_id: UUID, now: datetime) -> Notification:
    """Owe a test message to this endpoint alone; its deliveries tell how it went.

    Raises PermanentError(code="not_usable") where it is not verified or switched off, ThrottledError(code="too_many")
    and TemporaryError(code="limits_away")."""
    endpoint = Endpoint.objects.get(pk=endpoint_id)
    if not endpoint.usable:
        why = endpoint.disabled_reason or "it is not verified yet."
        raise PermanentError(f"This endpoint is not in use: {why}", code="not_usable")
    [wait_s] = limits.acquire([[Demand(f"notify:tryout:{endpoint.user_id}", PER_USER)]])
    if wait_s > 0:
        raise ThrottledError("Enough test messages for now.", retry_after=wait_s, code="too_many")
    made = notification_create(
        user_id=endpoint.user_id,
        template="notice",
        context={"title": "ArbEdge reaches you here", "text": "This is the test message that you asked for."},
        priority=Priority.HIGH,
        dedupe_key=f"endpoint-test:{uuid.uuid4()}",
        expires_at=now + LIVES,
        now=now,
        endpoint_id=endpoint.pk,
    )
    assert made is not None
    return made
