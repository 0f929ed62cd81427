"""One message made from its template, against Jinja2 alone with the same words: no sandbox, no types, no channel."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import jinja2
from django.conf import settings

from apps.accounts.models import User
from apps.notifications.channels.registry import CHANNELS
from apps.notifications.models import Delivery, Endpoint, Notification
from apps.notifications.services import book as books
from apps.notifications.services.book import Book, Words
from apps.notifications.services.messages import message_make
from apps.notifications.services.templates import SHIPPED
from apps.notifications.templating.variables import declared
from tests.notifications.people import FACTS

ROUNDS = 7
MESSAGES = 300
# What checking every value, writing figures for their reader and the channel's own markup may cost.
MOST = 10.0
CREATED = datetime(2026, 1, 5, 12, tzinfo=UTC)


def figures() -> Iterator[dict[str, Any]]:
    """Microseconds of CPU a message, the least of rounds in turns; `render_fitted` is with the channel's own markup."""
    ours, fitted, control = _makers()
    for name, one in (("render", ours), ("render_fitted", fitted)):
        found: list[float] = []
        bare: list[float] = []
        for _ in range(ROUNDS):
            found.append(_cpu_us(one))
            bare.append(_cpu_us(control))
        value, least = min(found), min(bare)
        yield {
            "bench": name,
            "value": round(value, 1),
            "unit": "us",
            "control": round(least, 1),
            "ratio": round(value / least, 2),
            "ok": value / least <= MOST,
        }


def _makers() -> tuple[Callable[[], object], Callable[[], object], Callable[[], object]]:
    source = (SHIPPED / "opportunity.telegram.en.html.j2").read_text(encoding="utf-8")
    subject, _, body = source.partition("\n\n")
    words = _words(1, "opportunity", subject, body)
    footer = _words(2, "feedback", "", (SHIPPED / "feedback.any.en.html.j2").read_text(encoding="utf-8").strip())
    kept = Book({(words.name, "telegram", "en"): (words,)}, {1: words, 2: footer})
    channel = CHANNELS.get("telegram").from_config({"token": "t", "url": "https://t.test"}, timeout_s=1)
    row = _delivery()

    def ours() -> object:
        return message_make(delivery=row, channel=channel, credentials={}, now=CREATED)

    def with_markup() -> object:
        return channel.fitted(message_make(delivery=row, channel=channel, credentials={}, now=CREATED))

    # No row is read: the book is there, and it is not looked after while this lasts.
    moment = time.monotonic()
    books._kept = books._Kept(kept, (), moment + 1e6, moment + 1e6)
    environment = jinja2.Environment(autoescape=True, loader=jinja2.DictLoader({"feedback": footer.body}))
    environment.filters |= {"duration": lambda s: f"{int(s)} s", "moment": str, "capitalize": str.capitalize}
    bare_subject, bare_body = environment.from_string(subject), environment.from_string(body)
    facts = FACTS | {"origin": "live", "elapsed_s": 0, "feedback": {"useful": "https://x", "not_useful": "https://y"}}

    def control() -> object:
        return bare_subject.render(facts), bare_body.render(facts)

    return ours, with_markup, control


def _words(pk: int, name: str, subject: str, body: str) -> Words:
    return Words(
        pk=pk,
        name=name,
        channel="telegram",
        locale="en",
        version=1,
        variant="",
        weight=100,
        markup="html",
        subject=subject,
        body=body,
        variables=declared(_declarations(name)),
        pins={"feedback": 2} if name == "opportunity" else {},
    )


def _declarations(name: str) -> Any:
    return json.loads((SHIPPED / f"{name}.json").read_text(encoding="utf-8"))


def _delivery() -> Delivery:
    user = User(email="bench@example.test", locale="en", timezone="UTC")
    notification = Notification(
        user=user, template="opportunity", context=FACTS, origin=settings.ORIGIN, created_at=CREATED, expires_at=CREATED
    )
    endpoint = Endpoint(user=user, channel="telegram", address="42")
    return Delivery(notification=notification, endpoint=endpoint, channel="telegram", priority="high")


def _cpu_us(one: Callable[[], object]) -> float:
    before = time.process_time()
    for _ in range(MESSAGES):
        one()
    return (time.process_time() - before) / MESSAGES * 1e6
