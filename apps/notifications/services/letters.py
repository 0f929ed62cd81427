"""Letters of a lower room, which can't reach anybody itself, become messages like all others."""

import logging
from datetime import datetime
from uuid import UUID

from django.db import transaction

from apps.accounts.selectors import letters_owed
from apps.accounts.services import letters_posted
from apps.accounts.types import LetterOwed
from apps.core import clock
from apps.core.exceptions import PermanentError
from apps.notifications.enums import Priority
from apps.notifications.models import Endpoint
from apps.notifications.services.endpoints import endpoint_create, endpoint_verify
from apps.notifications.services.notifications import notifications_create
from apps.notifications.types import NotificationDraft

logger = logging.getLogger(__name__)

BATCH = 100
_ADDRESS_CHANNEL = "email"


def letters_post(*, now: datetime) -> int:
    """Owe what is written, oldest first; how many. A letter is taken once, because its message has its id as key."""
    posted = 0
    while letters := letters_owed(now=clock.wall_now(), at_most=BATCH):
        with transaction.atomic():
            addresses = {one.id: _address(one) for one in letters if one.to_address}
            drafts = [_draft(one, addresses.get(one.id), now) for one in letters]
            notifications_create(drafts=[one for one in drafts if one is not None], now=now)
            letters_posted([one.id for one in letters], now=clock.wall_now())
        posted += len(letters)
    return posted


def _draft(letter: LetterOwed, endpoint_id: UUID | None, now: datetime) -> NotificationDraft | None:
    if letter.to_address and endpoint_id is None:
        # Along the person's other routes it would reach whoever reads there.
        logger.warning("Letter %s goes nowhere: the account's address is none that mail can be sent to", letter.id)
        return None
    return NotificationDraft(
        user_id=letter.user_id,
        template="notice",
        context={},
        priority=Priority.HIGH,
        dedupe_key=f"letter:{letter.id}",
        # Letters count by real time, messages by the time of the app, which a replay moves.
        expires_at=now + (letter.expires_at - clock.wall_now()),
        endpoint_id=endpoint_id,
        confirms=letter.to_address,
        sealed={"title": letter.title, "text": letter.text},
    )


def _address(letter: LetterOwed) -> UUID | None:
    """The endpoint of the address that the account signs in with; what its owner did with one they have stays. None
    where the address can be no endpoint."""
    mine = Endpoint.objects.filter(user_id=letter.user_id, channel=_ADDRESS_CHANNEL, address__iexact=letter.email)
    known = mine.first()
    if known is None:
        try:
            known = endpoint_create(user_id=letter.user_id, channel=_ADDRESS_CHANNEL, address=letter.email)
        except PermanentError:
            return None
    if letter.proven:
        endpoint_verify(endpoint_id=known.pk)
    return known.pk
