"""Dead letters: answers that failed validation, kept as they came, to be looked at and read again."""

import logging
import zlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec
from django.conf import settings
from django.db import transaction
from django.db.models import F

from apps.core import clock, loop
from apps.core.exceptions import ArbEdgeError, PermanentError
from apps.markets import selectors
from apps.markets.enums import LetterState, SnapshotKind
from apps.markets.exchanges.columns import RawAnswer
from apps.markets.models import DeadLetter, Exchange
from apps.markets.services import keys
from apps.markets.services.clean import answer_clean
from apps.markets.validate import refusals_text

logger = logging.getLogger(__name__)

# A feed that stays broken is noted once a minute: its newest body replaces the one before.
NOTE_EVERY: Final = timedelta(seconds=60)
# The largest bulk answers of real exchanges are about 3 MB.
BODY_MAX: Final = 16_000_000
# Reading asks nobody, but the exchange's markets may have to be loaded first.
READ_TIMEOUT_S: Final = 45.0

# When this process last noted (exchange, kind, trouble): a thousand polls of a broken feed cost no thousand writes.
_noted: dict[tuple[str, SnapshotKind, str], datetime] = {}


def letter_note(
    *, exchange: str, kind: SnapshotKind, trouble: str, reason: str, raw: Sequence[RawAnswer], now: datetime
) -> None:
    """Keep an answer that failed validation as the open letter of its feed and `trouble` (a code, such as "rows").

    At most once a minute and process; `count` says in how many such minutes it came. An answer that came from
    nowhere (`raw` is empty) or is larger than BODY_MAX is only counted and described."""
    key = (exchange, kind, trouble)
    if timedelta(0) <= now - _noted.get(key, datetime.min.replace(tzinfo=now.tzinfo)) < NOTE_EVERY:
        return
    _noted[key] = now
    body = msgspec.json.encode(raw)
    kept = bool(raw) and len(body) <= BODY_MAX
    values = {
        "reason": reason[:500],
        "last_at": now,
        "body": zlib.compress(body, 6) if kept else b"",
        "body_bytes": len(body) if raw else 0,
    }
    with transaction.atomic():
        letter, created = DeadLetter.objects.select_for_update().get_or_create(
            exchange_id=exchange,
            kind=kind,
            trouble=trouble,
            state=LetterState.OPEN,
            defaults=values | {"first_at": now},
        )
        if not created:
            DeadLetter.objects.filter(id=letter.id).update(count=F("count") + 1, **values)
    if created:
        logger.warning("%s %s: kept as dead letter %d (%s): %s", exchange, kind, letter.id, trouble, reason)


def letter_replay(*, letter_id: int) -> DeadLetter:
    """Read a kept answer again with today's code and today's markets, as of the moment it came.

    The exchange is asked for its markets only, where this process has not loaded them. The outcome is written to the
    letter, which counts as replayed once a row of it is usable. What it holds is history: it becomes no newest
    snapshot. Raises DeadLetter.DoesNotExist; PermanentError(code="no_body") for a letter without its body."""
    letter = DeadLetter.objects.select_related("exchange").get(id=letter_id)
    if not letter.body:
        raise PermanentError(f"Dead letter {letter.id} has no body to read again.", code="no_body")
    kind = SnapshotKind(letter.kind)
    try:
        outcome, usable = _read_again(letter.exchange, kind, bytes(letter.body))
    except ArbEdgeError as error:
        outcome, usable = f"still unreadable: {error.message}", False
    letter.outcome = outcome[:500]
    if usable:
        letter.state = LetterState.REPLAYED
    letter.save(update_fields=["outcome", "state"])
    return letter


def letter_dismiss(*, letter_id: int) -> None:
    """Close an open letter; the same trouble opens a new one when it comes again."""
    DeadLetter.objects.filter(id=letter_id, state=LetterState.OPEN).update(state=LetterState.DISMISSED)


def letters_prune(*, now: datetime) -> int:
    """Delete the letters whose trouble was last seen longer ago than LETTER_DAYS; how many."""
    count, _ = DeadLetter.objects.filter(last_at__lt=now - timedelta(days=settings.LETTER_DAYS)).delete()
    return count


def _read_again(exchange: Exchange, kind: SnapshotKind, body: bytes) -> tuple[str, bool]:
    raw = tuple(msgspec.json.decode(zlib.decompress(body), type=list[RawAnswer]))
    adapter = keys.feed_adapter(exchange, kind)
    reply = loop.run(adapter.reread(kind, raw), timeout=READ_TIMEOUT_S)
    index = selectors.market_index(exchange.id, kind)
    snapshot, refused = answer_clean(
        exchange=exchange.id,
        kind=kind,
        reply=reply,
        index=index,
        offset_ms=exchange.clock_offset_ms,
        answered_at=reply.exchange_at or reply.received_at,
        constant_hours=adapter.constant_hours,
    )
    rows = len(snapshot.market_id)
    told = len(reply.value.symbols)
    words = f"{rows} of {told} rows usable; {refusals_text(refused) or 'none refused'}"
    return f"{clock.now():%Y-%m-%d %H:%M} UTC: {words}", rows > 0
