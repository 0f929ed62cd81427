"""What readers say of messages, by signed links in them: no sign-in, no look by a robot counts."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.db import IntegrityError, transaction

from apps.core.exceptions import PermanentError
from apps.notifications.enums import Answer
from apps.notifications.models import Delivery, MessageFeedback

# An opinion that comes later says little about the words.
LASTS: Final = timedelta(days=30)
PATH: Final = "/api/v1/notifications/feedback/"
_CODES: Final = {Answer.USEFUL: "u", Answer.NOT_USEFUL: "n"}
_ANSWERS: Final = {code: answer for answer, code in _CODES.items()}


def feedback_links(delivery_id: UUID | str) -> dict[str, str]:
    """The address of each answer to one delivery; whoever has it may give the answer, for LASTS."""
    return {answer.value: f"{settings.PUBLIC_URL}{PATH}{_signed(delivery_id, code)}" for answer, code in _CODES.items()}


def feedback_read(*, token: str) -> tuple[UUID, Answer]:
    """The delivery and the answer of a link. PermanentError(code="feedback_expired" | "feedback_invalid")."""
    try:
        words = _signer().unsign(token, max_age=LASTS)
        return UUID(words[:-1]), _ANSWERS[words[-1:]]
    except signing.SignatureExpired:
        raise PermanentError("This link has expired.", code="feedback_expired") from None
    except (signing.BadSignature, ValueError, KeyError):
        raise PermanentError("This link is not one of ours.", code="feedback_invalid") from None


def feedback_give(*, token: str, now: datetime) -> bool:
    """Count the answer of a link; False where it was counted before. PermanentError as `feedback_read`, also where the
    delivery is gone."""
    delivery_id, answer = feedback_read(token=token)
    delivery = Delivery.objects.filter(pk=delivery_id).only("pk", "template_id").first()
    if delivery is None:
        raise PermanentError("The message of this link is no longer kept.", code="feedback_expired")
    try:
        with transaction.atomic():
            _, made = MessageFeedback.objects.get_or_create(
                delivery=delivery, answer=answer, defaults={"template_id": delivery.template_id, "given_at": now}
            )
    except IntegrityError:
        # The delivery was deleted in between.
        raise PermanentError("The message of this link is no longer kept.", code="feedback_expired") from None
    return made


def _signed(delivery_id: UUID | str, code: str) -> str:
    return _signer().sign(f"{UUID(str(delivery_id)).hex}{code}")


def _signer() -> signing.TimestampSigner:
    return signing.TimestampSigner(sep=".", salt="apps.notifications.feedback")
