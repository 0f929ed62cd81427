"""What readers say by the links in a message: counted once, never by a look, never from a forged or old link."""

import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.core import signing
from django.test import Client
from pytest_django.fixtures import Settings

from apps.core import clock, config
from apps.core.exceptions import PermanentError
from apps.core.models import AuditRecord
from apps.notifications.enums import Answer
from apps.notifications.models import Delivery, MessageFeedback, Template
from apps.notifications.selectors import template_statistics
from apps.notifications.services import deliver, template_create, variants_shift
from apps.notifications.services.book import book
from apps.notifications.services.feedback import LASTS, feedback_give, feedback_links, feedback_read
from apps.notifications.templating.variants import Tried, place, shares
from tests.notifications.people import endpoint_new, notification_new, user_new
from tests.notifications.sink import Sink

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("templates")]


def sent(sink: Sink) -> Delivery:
    """A delivered alert."""
    user = user_new()
    endpoint_new(user, "telegram", "42")
    notification_new(user)
    deliver(priority="high")
    return Delivery.objects.get(notification__user=user)


def paths(message: dict[str, Any]) -> dict[str, str]:
    """The feedback links of a Telegram message, by their words: its buttons, or those in its text."""
    found = re.findall(r'<a href="([^"]*?/notifications/feedback/[^"]+)">(\w+)<', message["text"])
    for row in message.get("reply_markup", {"inline_keyboard": []})["inline_keyboard"]:
        found += [(button["url"], button["text"]) for button in row]
    return {words: url[url.index("/api/") :] for url, words in found}


def test_the_links_of_a_message_lead_to_a_page_and_only_its_button_counts(sink: Sink, client: Client) -> None:
    delivery = sent(sink)
    assert "Useful?" not in sink.arrived[0].json["text"]
    links = paths(sink.arrived[0].json)
    assert set(links) == {"Useful", "Not useful"}
    for _ in range(3):
        page = client.get(links["Useful"])
        assert page.status_code == 200
        assert "Was this message useful?" in page.content.decode()
        assert client.head(links["Useful"]).status_code == 200
    assert (page["X-Robots-Tag"], page["Referrer-Policy"]) == ("noindex, nofollow", "no-referrer")
    assert not MessageFeedback.objects.exists()
    for _ in range(3):
        assert client.post(links["Useful"]).status_code == 200
    row = MessageFeedback.objects.get()
    assert (row.delivery, row.answer, row.template) == (delivery, Answer.USEFUL, delivery.template)
    assert delivery.template is not None
    assert client.post(links["Not useful"]).status_code == 200
    assert MessageFeedback.objects.count() == 2


def test_where_no_button_is_taken_the_text_has_the_links(sink: Sink, settings: Settings) -> None:
    # Telegram refuses a whole message for a button to a host without a dot.
    settings.PUBLIC_URL = "http://localhost:8000"
    sent(sink)
    message = sink.arrived[0].json
    assert "reply_markup" not in message
    assert set(paths(message)) == {"Yes", "No"}


def test_words_with_links_of_their_own_get_no_second_ones(sink: Sink) -> None:
    template_create(name="own", subject="s", body='<a href="{{ feedback.useful }}">Fine</a>', markup="html")
    user = user_new()
    endpoint_new(user, "telegram", "42")
    notification_new(user, template="own", context={})
    deliver(priority="high")
    message = sink.arrived[0].json
    assert "reply_markup" not in message
    assert set(paths(message)) == {"Fine"}


def test_no_cookie_and_no_form_of_ours_is_needed(sink: Sink) -> None:
    delivery = sent(sink)
    strict = Client(enforce_csrf_checks=True)
    assert strict.post(feedback_links(delivery.pk)["useful"].partition("8000")[2]).status_code == 200
    assert MessageFeedback.objects.count() == 1


@pytest.mark.parametrize("change", ["cut", "flip", "answer", "salt", "empty", "garbage", "nul"])
def test_a_forged_link_is_none_of_ours(sink: Sink, client: Client, change: str) -> None:
    delivery = sent(sink)
    token = feedback_links(delivery.pk)["useful"].rpartition("/")[2]
    value, _, rest = token.partition(".")
    forged = {
        "cut": token[:-1],
        "flip": token[:-1] + ("A" if token[-1] != "A" else "B"),
        "answer": f"{value[:-1]}n.{rest}",
        "salt": signing.TimestampSigner(sep=".", salt="other").sign(value),
        "empty": "x",
        "garbage": "%F0%9F%98%80",
        "nul": "%00",
    }[change]
    for answer in (
        client.get(f"/api/v1/notifications/feedback/{forged}"),
        client.post(f"/api/v1/notifications/feedback/{forged}"),
    ):
        assert answer.status_code == 404
        assert "not one of ours" in answer.content.decode()
    assert not MessageFeedback.objects.exists()


def test_a_link_ends_with_its_time_and_with_its_message(sink: Sink, client: Client) -> None:
    delivery = sent(sink)
    path = feedback_links(delivery.pk)["useful"].partition("8000")[2]
    with time_machine.travel(clock.wall_now() + LASTS + timedelta(seconds=5)):
        assert client.get(path).status_code == 410
        assert client.post(path).status_code == 410
    gone = feedback_links(uuid4())["useful"].rpartition("/")[2]
    assert feedback_read(token=gone)[1] is Answer.USEFUL
    with pytest.raises(PermanentError, match="no longer kept"):
        feedback_give(token=gone, now=clock.now())
    assert not MessageFeedback.objects.exists()


def test_links_are_made_only_where_the_words_ask_for_them(sink: Sink) -> None:
    user = user_new()
    endpoint_new(user, "telegram", "42")
    notification_new(user, template="notice", context={"title": "T", "text": "x"})
    deliver(priority="high")
    assert "feedback" not in sink.arrived[0].body.decode()


# --- variants --------------------------------------------------------------------------------------------------------


def test_a_reader_always_gets_the_same_variant_and_readers_are_spread_by_weight() -> None:
    readers = [f"user-{n}" for n in range(20_000)]
    places = [place("alert", reader, [70, 20, 10]) for reader in readers]
    assert places == [place("alert", reader, [70, 20, 10]) for reader in readers]
    found = [places.count(index) / len(readers) for index in range(3)]
    # Three standard errors of the largest share are one per cent.
    assert found == pytest.approx([0.7, 0.2, 0.1], abs=0.012)
    other = [place("notice", reader, [70, 20, 10]) for reader in readers]
    together = sum(one == two == 1 for one, two in zip(places, other, strict=True)) / len(readers)
    assert together == pytest.approx(0.04, abs=0.006)
    assert place("alert", "anybody", [0, 0]) == place("alert", "anybody", [5]) == place("alert", "anybody", []) == 0
    assert {place("alert", reader, [0, 100]) for reader in readers[:500]} == {1}


def test_shares_follow_the_answers_and_stay_within_their_bounds() -> None:
    even = shares([Tried(1000, 100), Tried(1000, 100)], least=10, seed=1)
    assert sum(even) == 100
    assert 35 <= even[0] <= 65
    better = shares([Tried(1000, 50), Tried(1000, 110)], least=10, seed=1)
    assert better == [10, 90]
    assert better == shares([Tried(1000, 50), Tried(1000, 110)], least=10, seed=1)
    three = shares([Tried(500, 50), Tried(500, 51), Tried(500, 5)], least=50, seed=2)
    assert sum(three) == 100
    assert min(three) >= 33
    slight = shares([Tried(200, 20), Tried(200, 26)], least=5, seed=3)
    assert 50 < slight[1] < 95
    # Answers that outlive their deliveries are no reason to fail.
    assert sum(shares([Tried(0, 3), Tried(0, 0)], least=0, seed=4)) == 100


def _answered(row: Template, delivered: int, useful: int) -> None:
    user = user_new()
    endpoint = endpoint_new(user, "telegram", str(1000 + row.pk))
    now = clock.now()
    owed = [notification_new(user, template="t", context={}) for _ in range(delivered)]
    Delivery.objects.filter(notification__in=owed).delete()
    made = Delivery.objects.bulk_create(
        Delivery(
            notification=one, endpoint=endpoint, channel="telegram", template=row, priority="high", state="delivered",
            next_attempt_at=now, created_at=now, finished_at=now,
        )
        for one in owed
    )  # fmt: skip
    MessageFeedback.objects.bulk_create(
        MessageFeedback(delivery=one, template=row, answer=Answer.USEFUL, given_at=now) for one in made[:useful]
    )


def test_the_share_shifts_to_the_better_variant_only_where_that_is_wanted_and_known() -> None:
    config.forget()
    worse = template_create(name="t", subject="s", body="one", variant="a")
    better = template_create(name="t", subject="s", body="two", variant="b")
    _answered(worse, 30, 1)
    _answered(better, 30, 20)
    assert variants_shift() == 0
    config.config_set(key="notifications.variants_adapt", value=True, actor_id=None)
    assert variants_shift() == 0  # too few yet
    config.config_set(key="notifications.variants_sample", value=30, actor_id=None)
    assert variants_shift() == 2
    worse.refresh_from_db()
    better.refresh_from_db()
    assert (worse.weight, better.weight) == (10, 90)
    assert AuditRecord.objects.filter(action="template.weighed", actor_id="").count() == 2
    assert variants_shift() == 0
    found = {one.variant: one for one in template_statistics(name="t", channel="", locale="en")}
    assert (found["a"].delivered, found["a"].useful, found["b"].useful_rate) == (30, 1, pytest.approx(2 / 3))
    words = [book().pick(name="t", channel="", locale="en", reader=str(n)).variant for n in range(300)]
    assert 10 <= words.count("a") <= 60
    config.forget()


def test_a_new_version_of_a_variant_starts_anew() -> None:
    first = template_create(name="t", subject="s", body="one", variant="a")
    _answered(first, 5, 2)
    second = template_create(name="t", subject="s", body="one!", variant="a")
    found = {one.template_id: one for one in template_statistics(name="t", channel="", locale="en")}
    assert (found[second.pk].delivered, found[second.pk].useful_rate) == (0, None)
    assert (found[first.pk].active, found[first.pk].delivered, found[first.pk].useful) == (False, 5, 2)
