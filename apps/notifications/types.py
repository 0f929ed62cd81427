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
    """A message somebody owes to a person; `dedupe_key` makes owing it twice impossible."""

    user_id: UUID
    template: str
    context: Mapping[str, Any]
    priority: str
    dedupe_key: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class OutboundMessage:
    """One rendered message for one endpoint: all a channel gets to see.

    `delivery_id` stays the same over retries, so providers and receivers can tell a repeat from a new message.
    `credentials` are the endpoint's decrypted secrets; `repr` never shows them nor the address.
    """

    delivery_id: str
    address: str = field(repr=False)
    subject: str
    body: str
    text_body: str = ""
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Sent:
    """The provider took the message. `new_address` is set where it told us the recipient has moved."""

    provider_message_id: str = ""
    new_address: str = ""
