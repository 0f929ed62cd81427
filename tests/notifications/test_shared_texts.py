"""One alert to many people: its words are made once for all who read the same, and for nobody else."""

import re
import uuid
from datetime import timedelta
from typing import Any

import pytest
import time_machine

from apps.core import clock
from apps.notifications.enums import Answer
from apps.notifications.services import deliver, messages, template_create
from apps.notifications.services.feedback import feedback_read
from tests.notifications.people import endpoint_new, notification_new, user_new
from tests.notifications.sink import Sink

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("templates")]


def test_readers_of_the_same_words_share_them_and_others_get_their_own(
    sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, real = [], messages.texts_make

    def make(*given: Any) -> Any:
        made.append(given)
        return real(*given)

    monkeypatch.setattr(messages, "texts_make", make)
    with time_machine.travel(clock.now() + timedelta(seconds=1), tick=False):
        now = clock.now()
        for number, timezone in enumerate(("UTC", "UTC", "UTC", "Asia/Tokyo", "Asia/Tokyo"), start=1):
            person = user_new(timezone=timezone)
            endpoint_new(person, "webhook", f"{sink.url}/{number}")
            notification_new(person, now=now, dedupe_key=f"same:{number}")
        assert deliver(priority="high").delivered == 5
    assert len(made) == 2
    told = {one.path: one.json["data"] for one in sink.arrived}
    texts = {path: data["text"] for path, data in told.items()}
    assert "12:04" in texts["/4"]  # 03:04 UTC
    assert "12:04" in texts["/5"]
    assert "12:04" not in texts["/1"] + texts["/2"] + texts["/3"]


def test_everybody_gets_their_own_links(sink: Sink) -> None:
    template_create(name="asked", markup="html", body='<a href="{{ feedback.useful }}">Useful</a>', variables=[])
    now = clock.now()
    for number in (1, 2, 3):
        person = user_new()
        endpoint_new(person, "webhook", f"{sink.url}/{number}")
        notification_new(person, template="asked", context={}, now=now, dedupe_key=f"links:{number}")
    assert deliver(priority="high").delivered == 3
    for one in sink.arrived:
        (token,) = re.findall(r"/feedback/([^\"]+)", one.json["data"]["html"])
        assert feedback_read(token=token) == (uuid.UUID(one.headers["webhook-id"]), Answer.USEFUL)


def test_what_only_the_recipient_may_read_is_not_kept(sink: Sink) -> None:
    messages._texts_kept.cache_clear()
    for number in (1, 2):
        person = user_new()
        endpoint_new(person, "webhook", f"{sink.url}/{number}")
        words = {"text": f"secret {number}"}
        notification_new(person, template="notice", context={"title": "Code"}, sealed=words, dedupe_key=f"{number}")
    assert deliver(priority="high").delivered == 2
    texts = {one.path: one.json["data"]["text"] for one in sink.arrived}
    assert {path: f"secret {path[1:]}" in text for path, text in texts.items()} == {"/1": True, "/2": True}
    assert messages._texts_kept.cache_info().currsize == 0


@pytest.mark.parametrize("fact", [2**70, "half of one: \ud83d", "none at all: \0"])
def test_facts_that_are_no_strict_json_are_told_all_the_same(sink: Sink, fact: Any) -> None:
    person = user_new()
    endpoint_new(person, "webhook", f"{sink.url}/hook")
    notification_new(person, template="notice", context={"title": "t", "text": "told", "more": fact})
    assert deliver(priority="high").delivered == 1
    assert "told" in sink.arrived[0].json["data"]["text"]
