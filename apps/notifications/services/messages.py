"""From a notification and an endpoint to the message that a channel is handed."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from apps.notifications import rendering
from apps.notifications.channels.base import Channel
from apps.notifications.channels.text import plain_from_html
from apps.notifications.enums import TextFormat
from apps.notifications.exceptions import TemplateError
from apps.notifications.models import Delivery, Notification
from apps.notifications.services.templates import template_pick
from apps.notifications.types import OutboundMessage

LIVE = "live"


def message_make(
    *, delivery: Delivery, channel: Channel, credentials: Mapping[str, str], now: datetime
) -> OutboundMessage:
    """The message of a delivery whose notification, user and endpoint are loaded. Raises TemplateError."""
    notification = delivery.notification
    locale: str = notification.user.locale
    context = _context(notification, now)
    words = template_pick(name=notification.template, channel=channel.name, locale=locale)
    subject = _marked(rendering.render(words.subject, context, html=False).strip(), notification.origin, "[{}] {}")
    body = _BODIES[channel.text_format](words.body, context, notification)
    if channel.text_format is TextFormat.JSON:
        body = _payload(notification, context, subject, body)
    return OutboundMessage(
        delivery_id=str(delivery.pk),
        address=delivery.endpoint.address,
        subject=subject,
        body=body,
        text_body=_plain_twin(notification, context, channel, locale, body),
        credentials=credentials,
    )


def _context(notification: Notification, now: datetime) -> dict[str, Any]:
    elapsed_s = max(0, int((now - notification.created_at).total_seconds()))
    return {**notification.context, "origin": notification.origin, "elapsed_s": elapsed_s}


def _plain(source: str, context: Mapping[str, Any], notification: Notification) -> str:
    text = rendering.render(source, context, html=False)
    return _marked(text, notification.origin, "{} – not real data\n{}")


def _html(source: str, context: Mapping[str, Any], notification: Notification) -> str:
    text = rendering.render(source, context, html=True)
    return _marked(text, notification.origin, "<b>{} – not real data</b>\n{}")


_BODIES = {TextFormat.PLAIN: _plain, TextFormat.HTML: _html, TextFormat.JSON: _plain}


def _marked(text: str, origin: str, form: str) -> str:
    # In code and not in a template: no edit may make sandbox data look real.
    return text if origin == LIVE else form.format(origin.upper(), text)


def _plain_twin(
    notification: Notification, context: Mapping[str, Any], channel: Channel, locale: str, body: str
) -> str:
    """The same message without markup: from the words for any channel, else from the marked-up text."""
    if channel.text_format is not TextFormat.HTML:
        return ""
    try:
        words = template_pick(name=notification.template, channel="", locale=locale)
    except TemplateError:
        return plain_from_html(body)
    return _plain(words.body, context, notification)


def _payload(notification: Notification, context: Mapping[str, Any], subject: str, text: str) -> str:
    """The JSON of a webhook: made from the facts, so that no template can break it or leave one out."""
    return json.dumps(
        {
            "type": notification.template,
            "timestamp": notification.created_at.isoformat(),
            "data": {**context, "subject": subject, "text": text},
        },
        ensure_ascii=False,
        allow_nan=False,
    )
