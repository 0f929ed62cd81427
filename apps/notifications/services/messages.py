"""From a notification and an endpoint to the message that a channel is handed."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from html import escape
from typing import Any

import orjson

from apps.notifications.channels.base import Channel
from apps.notifications.enums import Answer, Markup, TextFormat
from apps.notifications.models import Delivery, Notification
from apps.notifications.services.book import Ready, Words, book
from apps.notifications.services.feedback import feedback_links
from apps.notifications.services.sealed import sealed_facts
from apps.notifications.services.unsubscribe import unsubscribe_url
from apps.notifications.templating.locales import Reader, reader_of
from apps.notifications.templating.rich import markdown_of, plain_of
from apps.notifications.templating.variables import filled
from apps.notifications.types import Attached, Button, OutboundMessage

LIVE = "live"
_CUT = "…"


@dataclass(frozen=True, slots=True)
class Filling:
    """What words are filled with: the facts of a message, where its data is from, how old it is and who reads it.

    `buttons`: the channel shows the feedback's links by itself."""

    facts: Mapping[str, Any]
    origin: str
    elapsed_s: int
    created_at: datetime
    reader: Reader
    feedback: Mapping[str, str]
    buttons: bool = False
    files: Sequence[Attached] = ()


@dataclass(frozen=True, slots=True)
class Texts:
    """One message's texts; `plain` is the twin of an HTML body."""

    subject: str
    body: str
    plain: str


@dataclass(frozen=True, slots=True)
class _Same:
    """All that decides on a message's texts; two that are equal get the same ones, each with its own links."""

    template_id: int | None
    facts: bytes
    origin: str
    elapsed_s: int
    created_at: datetime
    reader: Reader
    channel_name: str
    buttons: bool
    # How long each link is: where a text is cut must not hang on whose links are in it.
    links: tuple[int, ...]
    ready: Ready = field(compare=False)
    filling: Filling = field(compare=False)
    channel: Channel = field(compare=False)

    @classmethod
    def of(cls, ready: Ready, filling: Filling, channel: Channel) -> "_Same":
        return cls(
            ready.words.pk,
            _facts_key(filling.facts),
            filling.origin,
            filling.elapsed_s,
            filling.created_at,
            filling.reader,
            channel.name,
            filling.buttons,
            tuple(map(len, filling.feedback.values())),
            ready,
            filling,
            channel,
        )


def _facts_key(facts: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(facts)
    except orjson.JSONEncodeError:
        # Half characters, and whole numbers beyond 64 bits, which contexts may have.
        return json.dumps(facts).encode()


def _texts_shared(same: _Same) -> Texts:
    kept, theirs = _texts_kept(same)
    own = same.filling.feedback
    return kept if own is theirs else Texts(*(_relinked(text, theirs, own) for text in astuple(kept)))


# An alert goes to many people in the same second, in the same words.
@lru_cache(maxsize=512)
def _texts_kept(same: _Same) -> tuple[Texts, Mapping[str, str]]:
    return texts_make(same.ready, same.filling, same.channel), same.filling.feedback


def _relinked(text: str, theirs: Mapping[str, str], own: Mapping[str, str]) -> str:
    for name, link in theirs.items():
        text = text.replace(link, own[name])
    return text


def message_make(
    *,
    delivery: Delivery,
    channel: Channel,
    credentials: Mapping[str, str],
    now: datetime,
    files: Sequence[Attached] = (),
) -> OutboundMessage:
    """The message of a delivery whose notification, user and endpoint are loaded; notes on it whose words it took.

    Raises TemplateError, also where a variable that the words need has no value."""
    notification = delivery.notification
    user = notification.user
    templates = book()
    words = templates.pick(
        name=notification.template, channel=channel.name, locale=user.locale, reader=str(notification.user_id)
    )
    delivery.template_id = words.pk
    ready = templates.ready(words)
    links = feedback_links(delivery.pk) if "feedback" in ready.body.names else {}
    filling = replace(
        _filling(notification, now, links), buttons=bool(links) and channel.shows(links.values()), files=files
    )
    # What is of one reader alone is not kept.
    shared = not (notification.sealed or files)
    texts = _texts_shared(_Same.of(ready, filling, channel)) if shared else texts_make(ready, filling, channel)
    return OutboundMessage(
        delivery_id=str(delivery.pk),
        address=delivery.endpoint.address,
        subject=texts.subject,
        body=texts.body,
        text_body=texts.plain,
        credentials=credentials,
        priority=delivery.priority,
        link=_link(filling.facts),
        lasts_s=_lasts_s(notification, now),
        unsubscribe_url=unsubscribe_url(delivery.endpoint_id) if channel.unsubscribable else "",
        attachments=tuple(files),
        buttons=_buttons(links, texts) if filling.buttons else (),
    )


def headline(notification: Notification, *, now: datetime) -> str:
    """One plain line that says what a message (its user loaded) was about: its subject. Raises TemplateError."""
    user, templates = notification.user, book()
    words = templates.pick(name=notification.template, channel="", locale=user.locale, reader=str(user.pk))
    ready = templates.ready(words)
    filling = _filling(notification, now, {})
    return ready.subject.render(_values(ready, filling), filling.reader).strip()


def texts_make(ready: Ready, filling: Filling, channel: Channel) -> Texts:
    """The texts for one channel, in its format. Raises TemplateError."""
    subject, text = _rendered(ready, filling)
    return _WRITE[channel.text_format](ready.words, filling, channel, subject, text)


def payload_make(notification: Notification, *, now: datetime, files: Sequence[Attached]) -> dict[str, Any]:
    """A message (its user loaded) as the JSON of webhooks, with its words in every form. Raises TemplateError."""
    user, templates = notification.user, book()
    words = templates.pick(name=notification.template, channel="", locale=user.locale, reader=str(user.pk))
    ready = templates.ready(words)
    # Nothing is delivered here: there is nothing to say of a delivery.
    filling = replace(_filling(notification, now, {}), buttons=True, files=files)
    return _payload(words, filling, *_rendered(ready, filling), rich=True)


def _rendered(ready: Ready, filling: Filling) -> tuple[str, str]:
    values = _values(ready, filling)
    subject = _marked(ready.subject.render(values, filling.reader).strip(), filling.origin, "[{}] {}")
    return subject, ready.body.render(values, filling.reader)


def _filling(notification: Notification, now: datetime, feedback: Mapping[str, str]) -> Filling:
    user = notification.user
    return Filling(
        facts={**notification.context, **sealed_facts(notification)},
        origin=notification.origin,
        elapsed_s=max(0, int((now - notification.created_at).total_seconds())),
        created_at=notification.created_at,
        reader=reader_of(user.locale, user.timezone),
        feedback=feedback,
    )


def _values(ready: Ready, filling: Filling) -> dict[str, Any]:
    return {
        **filled(ready.variables, filling.facts, filling.reader),
        "origin": filling.origin,
        "elapsed_s": filling.elapsed_s,
        "feedback": filling.feedback,
        "buttons": filling.buttons,
    }


def _buttons(links: Mapping[str, str], texts: Texts) -> tuple[Button, ...]:
    """None where the words have the links in them all the same."""
    if any(url in texts.body for url in links.values()):
        return ()
    return tuple(Button(Answer(name).label.capitalize(), url) for name, url in links.items())


def _html_body(words: Words, filling: Filling, text: str) -> str:
    # Plain words keep their lines; a channel with a markup of its own sees a block like any other.
    body = text if words.markup == Markup.HTML else f'<div style="white-space: pre-line">{escape(text)}</div>'
    return _marked(body, filling.origin, "<b>{} – not real data</b>\n{}")


def _plain_body(words: Words, filling: Filling, text: str) -> str:
    body = plain_of(text) if words.markup == Markup.HTML else text
    return _marked(body, filling.origin, "{} – not real data\n{}")


def _html(words: Words, filling: Filling, channel: Channel, subject: str, text: str) -> Texts:
    marked = _html_body(words, filling, text)
    return Texts(subject, marked, plain_of(marked) if channel.wants_plain else "")


def _plain(words: Words, filling: Filling, _: Channel, subject: str, text: str) -> Texts:
    return Texts(subject, _plain_body(words, filling, text), "")


def _json(words: Words, filling: Filling, channel: Channel, subject: str, text: str) -> Texts:
    if words.markup == Markup.HTML:
        full = _dumped(_payload(words, filling, subject, text, rich=True))
        # The same words once more in other formats are the first to go where there is no room.
        if len(_octets(full)) <= channel.max_length:
            return Texts(subject, full, "")
    return Texts(subject, _within(_payload(words, filling, subject, text, rich=False), channel.max_length), "")


def _payload(words: Words, filling: Filling, subject: str, text: str, *, rich: bool) -> dict[str, Any]:
    """Made from the facts, so that no template can break it or leave one out."""
    data = {**filling.facts, "origin": filling.origin, "elapsed_s": filling.elapsed_s, "subject": subject}
    data["text"] = _plain_body(words, filling, text)
    if rich:
        data["html"] = _html_body(words, filling, text)
        data["markdown"] = markdown_of(data["html"])
    payload: dict[str, Any] = {"type": words.name, "timestamp": filling.created_at.isoformat(), "data": data}
    if filling.files:
        payload["attachments"] = [
            {"filename": one.filename, "content_type": one.content_type, "size": one.size, "url": one.url}
            for one in filling.files
        ]
    return payload


_WRITE = {TextFormat.PLAIN: _plain, TextFormat.HTML: _html, TextFormat.JSON: _json}


def _within(payload: Mapping[str, Any], limit: int) -> str:
    """The payload in at most `limit` bytes as far as its words (text and subject) can be cut: the facts, of which the
    words were made, are never."""
    data = payload["data"]
    for name in ("text", "subject"):
        over = len(_octets(_dumped(payload))) - limit
        if over <= 0:
            break
        words = _octets(data[name])
        data[name] = words[: max(0, len(words) - over - len(_octets(_CUT)))].decode(errors="ignore") + _CUT
    return _dumped(payload)


def _octets(text: str) -> bytes:
    # What is no Unicode is taken out where the message is sent; until then it takes the room of what replaces it.
    return text.encode(errors="surrogatepass")


def _dumped(payload: Mapping[str, Any]) -> str:
    return json.dumps(payload, ensure_ascii=False, allow_nan=False)


def _marked(text: str, origin: str, form: str) -> str:
    # In code and not in a template: no edit may make sandbox data look real.
    return text if origin == LIVE else form.format(origin.upper(), text)


def _link(facts: Mapping[str, Any]) -> str:
    """The `url` of the facts, where they have one."""
    url = facts.get("url")
    return url if isinstance(url, str) else ""


def _lasts_s(notification: Notification, now: datetime) -> int:
    return max(0, int((notification.expires_at - now).total_seconds()))
