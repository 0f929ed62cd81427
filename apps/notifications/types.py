"""What travels through the notifications room: news for other rooms and the values handed to channels."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from apps.core.events import Event


@dataclass(frozen=True, slots=True)
class DeliveriesDue(Event):
    """Deliveries of these priorities can be sent now."""

    priorities: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DeliveriesFinished(Event):
    """One `deliver` run has ended; `failed` counts what was given up on its endpoint, `retried` what waits again."""

    delivered: int
    retried: int
    failed: int
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NotificationDraft:
    """A message somebody owes to a person; `dedupe_key` makes owing it twice impossible.

    With `endpoint_id` it goes there and nowhere else, instead of along the person's routes, and if it `confirms` that
    address even before it is verified. `sealed` is more of the context, which only the recipient ever sees. Nothing is
    sent before `send_at` (None: at once). The files of `bundle` that are there when it is sent go with it."""

    user_id: UUID
    template: str
    context: Mapping[str, Any]
    priority: str
    dedupe_key: str
    expires_at: datetime
    endpoint_id: UUID | None = None
    confirms: bool = False
    sealed: Mapping[str, str] = field(default_factory=dict, repr=False)
    send_at: datetime | None = None
    bundle: str = ""


@dataclass(frozen=True, slots=True)
class Attached:
    """A file that goes with a message, or at least its `url`; whoever has that may fetch the file while it is kept.

    `content` is None where the channel can't carry files or the file could not be read."""

    filename: str
    content_type: str
    size: int
    url: str = field(repr=False)
    content: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Button:
    """A link under a message."""

    label: str
    url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class OutboundMessage:
    """One rendered message for one endpoint: all a channel gets to see.

    `delivery_id` stays the same over retries, so providers and receivers can tell a repeat from a new message.
    `credentials` are the endpoint's decrypted secrets; `repr` never shows them nor the address. `link` is the page that
    the message is about; `lasts_s` is for how many seconds from now it is worth being shown. `unsubscribe_url` switches
    the endpoint off; empty for channels that have no place for it.
    """

    delivery_id: str
    address: str = field(repr=False)
    subject: str
    body: str
    text_body: str = ""
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    priority: str = "medium"
    link: str = ""
    lasts_s: int = 3600
    unsubscribe_url: str = field(default="", repr=False)
    attachments: tuple[Attached, ...] = ()
    buttons: tuple[Button, ...] = ()


@dataclass(frozen=True, slots=True)
class Sent:
    """The provider took the message. `new_address` is set where it told us the recipient has moved, `pause_s` where it
    said that the next message to this address must wait so many seconds, `note` where not all of it was taken."""

    provider_message_id: str = ""
    new_address: str = ""
    pause_s: float = 0.0
    note: str = ""
