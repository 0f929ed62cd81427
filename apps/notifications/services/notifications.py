"""Owing somebody a message: rows first, in one transaction; the doorbell rings after it."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from apps.core import clock, events
from apps.core.exceptions import PermanentError
from apps.notifications.enums import NotificationState, Priority
from apps.notifications.models import Delivery, Notification
from apps.notifications.services.routes import endpoints_first, endpoints_usable
from apps.notifications.types import DeliveriesDue, NotificationDraft

CONTEXT_BYTES = 16_000
NO_ENDPOINT = "There is no verified endpoint."


def notification_create(
    *,
    user_id: UUID,
    template: str,
    context: Mapping[str, Any],
    priority: str,
    dedupe_key: str,
    expires_at: datetime,
    now: datetime,
) -> Notification | None:
    """Owe one message; None where one with that `dedupe_key` is owed or was sent already."""
    draft = NotificationDraft(user_id, template, context, priority, dedupe_key, expires_at)
    made = notifications_create(drafts=[draft], now=now)
    return made[0] if made else None


def notifications_create(*, drafts: Sequence[NotificationDraft], now: datetime) -> list[Notification]:
    """Owe many messages, in this order; those whose `dedupe_key` is known already are left out of the answer.

    Five queries, however many. Who has no usable endpoint gets a row in state `dead` that says so."""
    unique = {draft.dedupe_key: _drafted(draft, now) for draft in drafts}
    with transaction.atomic():
        Notification.objects.bulk_create(unique.values(), ignore_conflicts=True, batch_size=200)
        stored = set(
            Notification.objects.filter(pk__in=[row.pk for row in unique.values()]).values_list("pk", flat=True)
        )
        made = [row for row in unique.values() if row.pk in stored]
        usable = endpoints_usable(user_ids={row.user_id for row in made})
        # Real time: when a try is due must not hang on a replayed clock.
        due_at = clock.wall_now()
        deliveries = [
            # A microsecond apart, so that who comes first in the drafts is leased first.
            delivery
            for place, row in enumerate(made)
            for delivery in _deliveries(row, usable.get(row.user_id, []), now, due_at + timedelta(microseconds=place))
        ]
        Delivery.objects.bulk_create(deliveries, batch_size=200)
        nowhere = [row for row in made if row.user_id not in usable]
        for row in nowhere:
            row.state, row.reason, row.finished_at = NotificationState.DEAD, NO_ENDPOINT, now
        Notification.objects.bulk_update(nowhere, ["state", "reason", "finished_at"], batch_size=100)
        if deliveries:
            events.publish(DeliveriesDue(tuple(sorted({row.priority for row in deliveries}))))
    return made


def _drafted(draft: NotificationDraft, now: datetime) -> Notification:
    try:
        text = json.dumps(draft.context, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise PermanentError(f"The context of {draft.dedupe_key} is no JSON: {error}", code="bad_context") from error
    if len(text) > CONTEXT_BYTES:
        raise PermanentError(f"The context of {draft.dedupe_key} is too large.", code="bad_context")
    return Notification(
        user_id=draft.user_id,
        template=draft.template,
        context=dict(draft.context),
        priority=Priority(draft.priority),
        dedupe_key=draft.dedupe_key,
        origin=settings.ORIGIN,
        created_at=now,
        expires_at=draft.expires_at,
    )


def _deliveries(row: Notification, usable: list[Any], now: datetime, due_at: datetime) -> list[Delivery]:
    return [
        Delivery(
            notification=row,
            endpoint=endpoint,
            channel=endpoint.channel,
            priority=row.priority,
            next_attempt_at=due_at,
            created_at=now,
        )
        for endpoint in endpoints_first(usable)
    ]
