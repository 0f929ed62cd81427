"""A person's own order: the first address, then the second, then the third; and no further than their route."""

from typing import Any

import pytest

from apps.notifications.models import Delivery, DeliveryAttempt
from apps.notifications.services import deliver, endpoint_change
from tests.notifications.people import endpoint_new, notification_new, user_new
from tests.notifications.sink import Answer, Sink

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("templates")]


def tried() -> list[tuple[str, str]]:
    """Where it was tried, in that order, and how it ended there."""
    rows = DeliveryAttempt.objects.order_by("started_at").values_list("delivery__endpoint__label", "outcome")
    return list(rows)


def test_the_third_gets_what_the_first_two_could_not_take(sink: Sink, settings: Any) -> None:
    settings.DELIVERY_ATTEMPTS = 1
    user = user_new()
    for position, label in ((2, "third"), (0, "first"), (1, "second"), (3, "fourth")):
        endpoint_new(user, "webhook", f"{sink.url}/{label}", label=label, position=position)
    sink.always = {"/first": Answer(500, "oops"), "/second": Answer(400, "no")}
    row = notification_new(user)
    deliver(priority="high")
    assert tried() == [("first", "temporary"), ("second", "permanent"), ("third", "delivered")]
    row.refresh_from_db()
    assert row.state == "delivered"
    states = dict(Delivery.objects.values_list("endpoint__label", "state"))
    assert states == {"first": "failed", "second": "failed", "third": "delivered"}


def test_another_order_counts_from_the_next_message_on(sink: Sink) -> None:
    user = user_new()
    first = endpoint_new(user, "webhook", f"{sink.url}/first", label="first", position=0)
    endpoint_new(user, "webhook", f"{sink.url}/second", label="second", position=1)
    endpoint_change(endpoint_id=first.pk, position=2)
    notification_new(user)
    deliver(priority="high")
    assert tried() == [("second", "delivered")]


def test_the_last_one_leaves_a_dead_letter_that_says_why(sink: Sink, settings: Any) -> None:
    settings.DELIVERY_ATTEMPTS = 1
    user = user_new()
    for position, label in enumerate(("first", "second", "third")):
        endpoint_new(user, "webhook", f"{sink.url}/{label}", label=label, position=position)
    sink.always = {"/": Answer(503, "closed")}
    row = notification_new(user)
    deliver(priority="high")
    assert [label for label, _ in tried()] == ["first", "second", "third"]
    row.refresh_from_db()
    assert row.state == "dead"
    assert "http_503" in Delivery.objects.get(state="dead").last_error
