"""Providers, receivers and rows that mean harm or are just broken: nobody else's messages may suffer."""

import json
from typing import Any

import pytest

from apps.core import clock
from apps.core.exceptions import PermanentError
from apps.notifications.channels.webhook import WebhookChannel
from apps.notifications.enums import DeliveryState
from apps.notifications.models import Delivery, DeliveryAttempt, Endpoint
from apps.notifications.services import deliver
from apps.notifications.services.lease import deliveries_lease
from apps.notifications.services.results import Settled, results_write
from apps.notifications.services.states import Happened, Result
from tests.notifications.mailbox import Mailbox
from tests.notifications.people import endpoint_new, notification_new, user_new
from tests.notifications.sink import Answer, Sink

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("templates")]


def delivered() -> int:
    return Delivery.objects.filter(state=DeliveryState.DELIVERED).count()


def waits_s(row: Delivery) -> float:
    return (row.next_attempt_at - clock.wall_now()).total_seconds()


def test_two_messages_in_one_flush_to_a_moved_chat_leave_it_switched_on(sink: Sink) -> None:
    endpoint = endpoint_new(user_new(), "telegram", "42")
    for _ in range(2):
        notification_new(endpoint.user)
    now = clock.now()
    rows = deliveries_lease(priority="high", limit=5, send_seconds=20, now=now)
    arrived = Result(Happened.DELIVERED, new_address="43")
    results_write([Settled(row, arrived, None, now, now) for row in rows], now=now)
    endpoint.refresh_from_db()
    assert (endpoint.address, endpoint.usable) == ("43", True)
    assert delivered() == 2


@pytest.mark.parametrize("chat_id", [None, "x" * 600, {"a": 1}, True, 0])
def test_a_garbled_move_is_not_followed(sink: Sink, chat_id: Any) -> None:
    endpoint = endpoint_new(user_new(), "telegram", "42")
    notification_new(endpoint.user)
    sink.always = {"/bot": Answer(400, json.dumps({"ok": False, "parameters": {"migrate_to_chat_id": chat_id}}))}
    deliver(priority="high")
    endpoint.refresh_from_db()
    assert endpoint.address == "42"
    assert Delivery.objects.get().state == DeliveryState.DEAD
    assert [one.json["chat_id"] for one in sink.arrived] == ["42"]


def test_nul_bytes_in_an_answer_do_not_keep_the_neighbours_results_from_being_written(sink: Sink) -> None:
    for path in ("nul", "a", "b", "c"):
        endpoint = endpoint_new(user_new(), "webhook", f"{sink.url}/{path}")
        notification_new(endpoint.user)
    sink.always = {"/nul": Answer(400, "bad\x00ly \ufffd")}
    report = deliver(priority="high")
    assert (report.delivered, report.failed) == (3, 1)
    assert "badly" in Delivery.objects.get(state=DeliveryState.DEAD).last_error
    assert "badly" in DeliveryAttempt.objects.get(outcome="permanent").reason


def test_mail_servers_may_speak_latin(mailbox: Mailbox, settings: Any) -> None:
    settings.DELIVERY_ATTEMPTS = 1
    mailbox.replies["RCPT"] = "554 Nachricht f\udcfcr Sie verboten"
    notification_new(endpoint_new(user_new(), "email", "a@example.test").user)
    deliver(priority="high")
    row = Delivery.objects.get()
    assert row.state == DeliveryState.DEAD
    assert "Nachricht f?r Sie" in row.last_error


def test_a_row_that_cannot_be_prepared_fails_alone(sink: Sink, caplog: pytest.LogCaptureFixture) -> None:
    broken = endpoint_new(user_new(), "webhook", f"{sink.url}/a")
    notification_new(broken.user)
    Endpoint.objects.filter(pk=broken.pk).update(address="http://[s3cret-path")
    for number in range(3):
        notification_new(endpoint_new(user_new(), "telegram", str(number + 1)).user)
    report = deliver(priority="high")
    assert (report.delivered, report.failed) == (3, 1)
    assert Delivery.objects.get(endpoint=broken).state == DeliveryState.DEAD
    assert "s3cret" not in caplog.text


def test_a_chat_with_a_long_queue_does_not_make_another_chat_wait(sink: Sink) -> None:
    flooder, other = user_new(), user_new()
    endpoint_new(flooder, "telegram", "1")
    endpoint_new(other, "telegram", "2")
    for _ in range(60):
        notification_new(flooder)
    notification_new(other)
    notification_new(other)
    deliver(priority="high", seconds=0)
    deliver(priority="high", seconds=0.5)
    held = Delivery.objects.filter(state=DeliveryState.PENDING, notification__user=other)
    assert all(waits_s(row) < 5 for row in held)
    last = Delivery.objects.filter(notification__user=flooder).order_by("-next_attempt_at").first()
    assert last is not None
    assert waits_s(last) > 20


@pytest.mark.parametrize("status", [429, 500])
def test_a_strangers_url_on_the_same_host_stays_reachable(sink: Sink, status: int) -> None:
    for _ in range(6):
        notification_new(endpoint_new(user_new(), "webhook", f"{sink.url}/theirs").user)
    sink.always = {"/theirs": Answer(status, "no", {"Retry-After": "86400"} if status == 429 else {})}
    deliver(priority="high", seconds=0)
    deliver(priority="high", seconds=0.5)
    mine = endpoint_new(user_new(), "webhook", f"{sink.url}/mine")
    notification_new(mine.user)
    sink.arrived.clear()
    deliver(priority="high", seconds=0.5)
    assert "/mine" in sink.paths()
    assert delivered() == 1


@pytest.mark.parametrize("body", ["x" * 3_000_000, "\x00" * 10])
def test_a_webhook_that_took_the_message_is_not_asked_again_whatever_it_says(sink: Sink, body: str) -> None:
    notification_new(endpoint_new(user_new(), "webhook", f"{sink.url}/hook").user)
    sink.always = {"/hook": Answer(200, body)}
    deliver(priority="high")
    assert delivered() == len(sink.arrived) == 1


def test_sends_that_hang_do_not_keep_others_from_starting(sink: Sink, settings: Any) -> None:
    settings.DELIVERY_CONCURRENCY, settings.DELIVERY_BATCH, settings.DELIVERY_TIMEOUT_S = 4, 4, 10
    notification_new(endpoint_new(user_new(), "webhook", f"{sink.url}/hang").user)
    for number in range(8):
        notification_new(endpoint_new(user_new(), "telegram", str(number + 1)).user)
    # It hangs until all the others have come: for ever, if they wait for it.
    sink.always = {"/hang": Answer(arrivals=9)}
    deliver(priority="high", seconds=20)
    assert delivered() == 9


@pytest.mark.parametrize(
    "url",
    ["http://169.254.169.254/latest/meta-data", "http://2130706433/", "http://[::ffff:10.0.0.1]/", "http://0x7f.1/",
     "http://[64:ff9b::a9fe:a9fe]/", "http://[2002:7f00:1::]/", "https://100.100.100.200/", "http://0/",
     "https://user:pw@example.com/", "http://127.1:8000/", "http://[fe80::1%25lo]/"],
)  # fmt: skip
def test_an_inside_address_is_refused_where_it_is_typed(url: str) -> None:
    with pytest.raises(PermanentError) as caught:
        WebhookChannel.address_clean(url)
    assert caught.value.code in ("bad_address", "address_blocked")
