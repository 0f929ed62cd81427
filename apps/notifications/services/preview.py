"""How words would arrive on each channel: their length, and what would be cut."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings

from apps.core import clock
from apps.core.exceptions import ArbEdgeError
from apps.notifications.channels.base import Channel
from apps.notifications.channels.registry import CHANNELS
from apps.notifications.channels.text import length
from apps.notifications.enums import Answer, TextFormat
from apps.notifications.exceptions import ChannelOffError
from apps.notifications.services.book import Ready
from apps.notifications.services.feedback import PATH
from apps.notifications.services.messages import Filling, texts_make
from apps.notifications.templating.locales import reader_of
from apps.notifications.types import OutboundMessage

# Longer than anything a template can make.
_UNBOUNDED = 10_000_000


@dataclass(frozen=True, slots=True)
class Preview:
    """A message as one channel would send it. Lengths are in the channel's unit: UTF-16 units, for JSON bytes.

    `lost` is what of the text would be cut; `error` says why there is no message, `off` that it is the channel's
    configuration and not the words."""

    channel: str
    limit: int
    subject: str = ""
    body: str = ""
    length: int = 0
    full_length: int = 0
    lost: str = ""
    error: str = ""
    off: bool = False


def previews(ready: Ready, facts: Mapping[str, Any], *, locale: str = "", timezone: str = "UTC") -> list[Preview]:
    """The words filled with `facts`, on every channel that could take them."""
    words = ready.words
    filling = Filling(
        facts=facts,
        origin=settings.ORIGIN,
        elapsed_s=0,
        created_at=clock.now(),
        reader=reader_of(locale or words.locale, timezone),
        # As long as real ones; they lead nowhere.
        feedback={one.value: f"{settings.PUBLIC_URL}{PATH}{'x' * 84}" for one in Answer},
    )
    return [_preview(name, ready, filling) for name in ((words.channel,) if words.channel else CHANNELS.names())]


def _preview(name: str, ready: Ready, filling: Filling) -> Preview:
    kind = CHANNELS.get(name)
    try:
        channel = _channel(kind)
    except ChannelOffError as error:
        return Preview(name, kind.max_length, error=error.message, off=True)
    try:
        texts = texts_make(ready, filling, channel)
        message = OutboundMessage("preview", "", texts.subject, texts.body, texts.plain)
        sent = channel.fitted(message)
        full = _FULL[kind.text_format](kind, message)
    except ArbEdgeError as error:
        return Preview(name, kind.max_length, error=error.message)
    size = _LENGTH[kind.text_format]
    short = size(sent.body) < size(full)
    return Preview(
        channel=name,
        limit=kind.max_length,
        subject=sent.subject,
        body=sent.body,
        length=size(sent.body),
        full_length=size(full),
        # Channels drop from the end and put an ellipsis there.
        lost=full[len(sent.body.rstrip("….\n")) :] if short else "",
    )


def _channel(kind: type[Channel]) -> Channel:
    """The channel as configured, or as it would be: nothing is sent, so nothing has to be switched on."""
    return kind({row.name: getattr(settings, row.setting) for row in kind.settings}, timeout_s=1.0)


def _full_plain(_: type[Channel], message: OutboundMessage) -> str:
    return message.body


def _full_html(kind: type[Channel], message: OutboundMessage) -> str:
    """In the channel's own markup, as if it took any length."""
    roomy = _channel(kind)
    roomy.max_length = _UNBOUNDED  # type: ignore[misc]
    return roomy.fitted(replace(message, subject="")).body


_FULL = {TextFormat.PLAIN: _full_plain, TextFormat.HTML: _full_html, TextFormat.JSON: _full_plain}


def _bytes(text: str) -> int:
    return len(text.encode())


_LENGTH = {TextFormat.PLAIN: length, TextFormat.HTML: length, TextFormat.JSON: _bytes}
