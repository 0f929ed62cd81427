"""A new signing secret for a webhook, without a message that its receiver can't check."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from apps.core import config
from apps.core.exceptions import PermanentError
from apps.notifications.channels.webhook import WebhookChannel, rotated, secret_new
from apps.notifications.models import Endpoint
from apps.notifications.services.endpoints import endpoint_change, endpoint_credentials


@dataclass(frozen=True, slots=True)
class Rotation:
    """The new secret, to be shown once, and until when messages are signed with the one before as well."""

    secret: str
    previous_until: datetime


def endpoint_secret_rotate(*, endpoint_id: UUID, now: datetime, secret: str = "") -> Rotation:
    """Give a webhook a new signing secret (the owner's, or a made one) beside which the present one stays for
    `notifications.webhook_overlap_h` hours of real time (`now`); an earlier one ends at once.

    PermanentError: code "not_found", "not_signed" where the channel signs nothing, "bad_credentials" for weak ones."""
    with transaction.atomic():
        endpoint = Endpoint.objects.select_for_update().filter(pk=endpoint_id).first()
        if endpoint is None:
            raise PermanentError("There is no such endpoint.", code="not_found")
        if endpoint.channel != WebhookChannel.name:
            raise PermanentError("Only webhooks have a signing secret.", code="not_signed")
        until = now + timedelta(hours=config.get("notifications.webhook_overlap_h"))
        chosen = secret or secret_new()
        endpoint_change(
            endpoint_id=endpoint_id, credentials=rotated(endpoint_credentials(endpoint), chosen, until=until)
        )
    return Rotation(chosen, until)
