"""Undelivered mail that comes back: delivery status notifications (RFC 3464) about messages of ours."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email import message_from_bytes, message_from_string
from email.message import Message
from uuid import UUID

from apps.core.exceptions import PermanentError
from apps.notifications.channels.mail_status import address_is_bad, status_in
from apps.notifications.channels.text import storable

MAX_BYTES = 2_000_000
_ID = r"([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"
_RETURN_PATH = re.compile(rf"\+{_ID}@", re.IGNORECASE)
_MESSAGE_ID = re.compile(rf"<{_ID}@", re.IGNORECASE)
# Where mail servers write whom they handed a mail to.
_TO = ("Delivered-To", "X-Original-To", "Envelope-To", "To")


@dataclass(frozen=True, slots=True)
class Bounce:
    """What became of one message: `hard` where nothing will ever arrive at its address."""

    delivery_id: UUID
    status: str
    words: str

    @property
    def hard(self) -> bool:
        """Whether the address is at fault, for good."""
        return address_is_bad(self.status)


def bounces_read(raw: bytes) -> list[Bounce]:
    """The failures that a mail reports; none where it only says that a message is late, or has arrived.

    PermanentError(code="not_a_bounce") for any other mail, "unknown_bounce" where it names no message of ours. The
    delivery's id is what proves it: only the mail's recipient has been told it."""
    if len(raw) > MAX_BYTES:
        raise PermanentError(f"The mail has more than {MAX_BYTES:,} bytes.", code="not_a_bounce")
    try:
        mail = message_from_bytes(raw)
        parts = list(mail.walk())
    except RecursionError:
        raise PermanentError("The mail is nested too deeply.", code="not_a_bounce") from None
    reports = [part for part in parts if part.get_content_type() == "message/delivery-status"]
    if not reports:
        raise PermanentError("The mail reports no delivery (RFC 3464).", code="not_a_bounce")
    delivery_id = _returned_to(mail) or _quoted(parts)
    if delivery_id is None:
        raise PermanentError("The mail reports a message that is none of ours.", code="unknown_bounce")
    return [
        Bounce(delivery_id, _status(block), _words(block))
        for report in reports
        for block in _recipients(report)
        if _field(block, "Action").lower() == "failed"
    ]


def _recipients(report: Message) -> Iterator[Message]:
    """The blocks that speak of a recipient; the first one speaks of the message."""
    blocks = report.get_payload()
    if isinstance(blocks, list):
        yield from (block for block in blocks if isinstance(block, Message) and "Action" in block)


def _returned_to(mail: Message) -> UUID | None:
    """The delivery in the address that the bounce was sent to."""
    return _first(_RETURN_PATH, (str(value) for name in _TO for value in mail.get_all(name, [])))


def _quoted(parts: Iterable[Message]) -> UUID | None:
    """The delivery in the Message-ID of the mail that is quoted, whole or only its headers."""
    return _first(_MESSAGE_ID, (str(one.get("Message-ID", "")) for part in parts for one in _originals(part)))


def _originals(part: Message) -> Iterator[Message]:
    payload = part.get_payload()
    if part.get_content_type() == "message/rfc822" and isinstance(payload, list):
        yield from (one for one in payload if isinstance(one, Message))
    elif part.get_content_type() == "text/rfc822-headers":
        content = part.get_payload(decode=True)
        yield message_from_string(content.decode(errors="replace") if isinstance(content, bytes) else "")


def _first(pattern: re.Pattern[str], texts: Iterable[str]) -> UUID | None:
    return next((UUID(match[1]) for text in texts if (match := pattern.search(text))), None)


def _status(block: Message) -> str:
    return status_in(_field(block, "Status")) or status_in(_field(block, "Diagnostic-Code"))


def _words(block: Message) -> str:
    told = _field(block, "Diagnostic-Code") or _field(block, "Status")
    return told.partition(";")[2].strip() if told.lower().startswith("smtp;") else told


def _field(block: Message, name: str) -> str:
    return storable(" ".join(str(block.get(name, "")).split()))
