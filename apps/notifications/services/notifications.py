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
from apps.core.rows import rows_insert
from apps.notifications.enums import NotificationState, Priority
from apps.notifications.models import Delivery, Endpoint, Notification
from apps.notifications.services.routes import Place, endpoints_named, places_first
from apps.notifications.services.sealed import seal
from apps.notifications.types import DeliveriesDue, NotificationDraft

CONTEXT_BYTES = 16_000
NO_ENDPOINT = "There is no verified endpoint."
# How JSON of ASCII begins what PostgreSQL refuses; pairs of surrogates begin so too, and are looked at for nothing.
_NOT_STORED = ("\\u0000", "\\ud")
_DELIVERY = ("notification_id", "endpoint_id", "channel", "priority", "next_attempt_at", "created_at")


def notification_create(
    *,
    user_id: UUID,
    template: str,
    context: Mapping[str, Any],
    priority: str,
    dedupe_key: str,
    expires_at: datetime,
    now: datetime,
    endpoint_id: UUID | None = None,
    confirms: bool = False,
    sealed: Mapping[str, str] | None = None,
    send_at: datetime | None = None,
    bundle: str = "",
) -> Notification | None:
    """Owe one message; None where one with that `dedupe_key` is owed or was sent already."""
    draft = NotificationDraft(
        user_id=user_id,
        template=template,
        context=context,
        priority=priority,
        dedupe_key=dedupe_key,
        expires_at=expires_at,
        endpoint_id=endpoint_id,
        confirms=confirms,
        sealed=sealed or {},
        send_at=send_at,
        bundle=bundle,
    )
    made = notifications_create(drafts=[draft], now=now)
    return made[0] if made else None


def notifications_create(*, drafts: Sequence[NotificationDraft], now: datetime) -> list[Notification]:
    """Owe many messages, in this order; those whose `dedupe_key` is known already are left out of the answer.

    Four queries, however many, one more where drafts name their endpoint and one where some are left out. Who has no
    usable endpoint gets a row in state `dead` that says so. PermanentError(code="bad_context" | "bad_send_at") refuses
    all of them."""
    # One message for many is checked, and made ready for the database, once.
    contexts: dict[int, dict[str, Any]] = {}
    for draft in drafts:
        if id(draft.context) not in contexts:
            contexts[id(draft.context)] = _checked(draft)
    unique = {draft.dedupe_key: _drafted(draft, contexts[id(draft.context)], now) for draft in drafts}
    named = {draft.dedupe_key: draft.endpoint_id for draft in drafts if draft.endpoint_id is not None}
    with transaction.atomic():
        fields = [field.attname for field in Notification._meta.concrete_fields]
        values = [[getattr(row, name) for name in fields] for row in unique.values()]
        made = list(unique.values())
        if rows_insert(Notification, fields, values, ignore_conflicts=True) < len(made):
            stored = set(Notification.objects.filter(pk__in=[row.pk for row in made]).values_list("pk", flat=True))
            made = [row for row in made if row.pk in stored]
        routes = places_first(user_ids={row.user_id for row in made if row.dedupe_key not in named})
        only = endpoints_named(
            named.values(), unverified={row.to_endpoint_id for row in made if row.confirms and row.to_endpoint_id}
        )
        usable: dict[UUID, Sequence[Endpoint | Place]] = {
            row.pk: only.get(named[row.dedupe_key], []) if row.dedupe_key in named else routes.get(row.user_id, [])
            for row in made
        }
        # Real time: when a try is due must not hang on a replayed clock.
        due_at = clock.wall_now()
        waits = {row.pk: max(timedelta(0), row.send_at - now) for row in made if row.send_at is not None}
        deliveries = [
            # A microsecond apart, so that who comes first in the drafts is leased first.
            (row.pk, endpoint.pk, endpoint.channel, row.priority, at, now)
            for place, row in enumerate(made)
            for at in (due_at + waits.get(row.pk, timedelta(0)) + timedelta(microseconds=place),)
            for endpoint in usable[row.pk]
        ]
        rows_insert(Delivery, _DELIVERY, deliveries)
        nowhere = [row for row in made if not usable[row.pk]]
        for row in nowhere:
            row.state, row.reason, row.finished_at = NotificationState.DEAD, NO_ENDPOINT, now
        Notification.objects.bulk_update(nowhere, ["state", "reason", "finished_at"], batch_size=100)
        if deliveries:
            events.publish(DeliveriesDue(tuple(sorted({row.priority for row in made if usable[row.pk]}))))
    return made


def _checked(draft: NotificationDraft) -> dict[str, Any]:
    try:
        text = json.dumps(draft.context, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise PermanentError(f"The context of {draft.dedupe_key} is no JSON: {error}", code="bad_context") from error
    if len(text) > CONTEXT_BYTES:
        raise PermanentError(f"The context of {draft.dedupe_key} is too large.", code="bad_context")
    if any(escape in text for escape in _NOT_STORED):
        return {str(name): _storable(value) for name, value in draft.context.items()}
    return dict(draft.context)


def _storable(value: Any) -> Any:
    """The same without NUL and with a mark for each half of a surrogate pair: PostgreSQL's JSON holds neither."""
    if isinstance(value, str):
        return value.replace("\0", "").encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, Mapping):
        return {str(name): _storable(part) for name, part in value.items()}
    return [_storable(part) for part in value] if isinstance(value, list | tuple) else value


def _drafted(draft: NotificationDraft, context: dict[str, Any], now: datetime) -> Notification:
    if draft.send_at is not None and draft.send_at >= draft.expires_at:
        raise PermanentError(f"{draft.dedupe_key} would be sent after it has expired.", code="bad_send_at")
    row = Notification(
        user_id=draft.user_id,
        template=draft.template,
        context=context,
        priority=Priority(draft.priority),
        dedupe_key=draft.dedupe_key,
        origin=settings.ORIGIN,
        created_at=now,
        send_at=draft.send_at,
        expires_at=draft.expires_at,
        to_endpoint_id=draft.endpoint_id,
        confirms=draft.confirms,
        bundle=draft.bundle,
    )
    row.sealed = seal(row, draft.sealed)
    return row
