"""Giving an endpoint up, and telling its owner where they still can be reached."""

from datetime import datetime, timedelta

from apps.notifications.channels.registry import CHANNELS
from apps.notifications.enums import Priority
from apps.notifications.models import Endpoint
from apps.notifications.services.endpoints import endpoint_disable
from apps.notifications.services.notifications import notification_create

TOLD_FOR = timedelta(days=1)


def endpoint_give_up(*, endpoint: Endpoint, reason: str, now: datetime) -> bool:
    """Switch an endpoint off because nothing arrives there any more, and say so on the owner's other ones.

    False where it was off already: they are told once. Without another endpoint the message waits in the history."""
    if not endpoint_disable(endpoint_id=endpoint.pk, reason=reason):
        return False
    name = f"{CHANNELS.get(endpoint.channel).label} endpoint" + (f" “{endpoint.label}”" if endpoint.label else "")
    notification_create(
        user_id=endpoint.user_id,
        template="notice",
        context={
            "title": f"Your {name} was switched off",
            "text": f"Nothing arrives there any more: {reason} Add it again once that is settled.",
        },
        priority=Priority.HIGH,
        dedupe_key=f"endpoint-off:{endpoint.pk}:{now.isoformat()}",
        expires_at=now + TOLD_FOR,
        now=now,
    )
    return True
