"""What mobile networks say later of a text message that the gateway took
(https://www.twilio.com/docs/messaging/guides/track-outbound-message-status)."""

import logging
from datetime import datetime
from uuid import UUID

from django.db import transaction

from apps.notifications.channels.sms import number_is_gone
from apps.notifications.enums import DeliveryState
from apps.notifications.models import Delivery
from apps.notifications.services.farewell import endpoint_give_up
from apps.notifications.services.journal import with_note
from apps.notifications.services.takeback import delivery_take_back

logger = logging.getLogger(__name__)

_ARRIVED = frozenset({"delivered", "read"})
_FAILED = frozenset({"failed", "undelivered"})


def sms_status_take(*, delivery_id: UUID, sid: str, status: str, error: int, now: datetime) -> bool:
    """Write the news down; False where it came before the delivery's own result was written, so that it has to come
    again. The same news twice counts once.

    What did not arrive goes to the next endpoint of its route; a number that can take nothing is switched off."""
    if status not in _ARRIVED | _FAILED:
        return True
    with transaction.atomic():
        texts = Delivery.objects.select_for_update(of=("self",)).filter(channel="sms")
        delivery = texts.select_related("endpoint", "notification").filter(pk=delivery_id).first()
        if delivery is None:
            logger.info("News came of a text message that is not known any more")
            return True
        if delivery.state == DeliveryState.SENDING:
            return False
        if delivery.provider_message_id != sid:
            # Of an earlier try, after which the message was sent once more.
            return True
        code = f"twilio_{error}" if status in _FAILED else "confirmed"
        known = {note["code"] for note in delivery.notes} | set(delivery.attempt_rows.values_list("code", flat=True))
        if code in known:
            return True
        if status in _ARRIVED:
            delivery.notes = with_note(delivery.notes, code, "The phone has it, its network says.", at=now)
            delivery.save(update_fields=["notes"])
            return True
        gone = number_is_gone(error)
        reason = f"The network did not hand it over: {status} ({error})."
        delivery_take_back(delivery=delivery, code=code, reason=reason, lasting=gone, now=now)
        if gone:
            endpoint_give_up(endpoint=delivery.endpoint, reason=reason, now=now)
    return True
