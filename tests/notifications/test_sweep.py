"""What dead workers and lost messages leave behind."""

from datetime import timedelta
from typing import Any

import pytest

from apps.core import clock, events, redis
from apps.core.exceptions import PermanentError
from apps.notifications.enums import DeliveryState, NotificationState, Outcome
from apps.notifications.models import Delivery, DeliveryAttempt, Notification
from apps.notifications.services import deliver, deliveries_sweep, delivery_replay, endpoint_disable
from apps.notifications.services.lease import deliveries_lease
from apps.notifications.types import DeliveriesDue
from tests.notifications.people import endpoint_new, notification_new, user_new
from tests.notifications.sink import Answer, Sink

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("templates")]
HOUR = timedelta(hours=1)


@pytest.fixture
def rung(django_capture_on_commit_callbacks: Any) -> Any:
    """Sweeps at `now` and gives what it rang for."""

    def sweep(now: Any) -> list[tuple[str, ...]]:
        heard: list[DeliveriesDue] = []
        events.subscribe(DeliveriesDue, heard.append)
        try:
            with django_capture_on_commit_callbacks(execute=True):
                deliveries_sweep(now=now)
        finally:
            events.unsubscribe(DeliveriesDue, heard.append)
        return [event.priorities for event in heard]

    return sweep


def leased(user: Any, **fields: Any) -> Delivery:
    notification_new(user, **{"expires_at": clock.now() + 24 * HOUR, **fields})
    (row,) = deliveries_lease(priority="high", limit=1, send_seconds=20, now=clock.now())
    return row


def test_a_lease_outlives_its_batch_by_the_margin(sink: Sink) -> None:
    user = user_new()
    endpoint_new(user, "telegram", "42")
    row = leased(user)
    assert row.lease_until is not None
    assert row.lease_until - clock.now() > timedelta(seconds=49)
    assert row.state == DeliveryState.SENDING


def test_a_lease_that_holds_is_left_alone(sink: Sink, rung: Any) -> None:
    user = user_new()
    endpoint_new(user, "telegram", "42")
    leased(user)
    assert rung(clock.now()) == []
    assert Delivery.objects.get().state == DeliveryState.SENDING


def test_an_ended_lease_counts_as_an_attempt_and_is_due_again(sink: Sink, rung: Any) -> None:
    user = user_new()
    endpoint_new(user, "telegram", "42")
    leased(user)
    assert rung(clock.now() + HOUR) == [("high",)]
    row = Delivery.objects.get()
    assert (row.state, row.attempts, row.lease_token) == (DeliveryState.PENDING, 1, None)
    assert DeliveryAttempt.objects.get().outcome == Outcome.LOST


def test_a_message_that_kills_its_workers_ends_as_a_dead_letter(sink: Sink, rung: Any, settings: Any) -> None:
    settings.DELIVERY_ATTEMPTS = 2
    user = user_new()
    endpoint_new(user, "telegram", "42")
    leased(user)
    now = clock.now() + HOUR
    rung(now)
    assert deliveries_lease(priority="high", limit=1, send_seconds=20, now=now)
    rung(now + HOUR)
    assert Delivery.objects.get().state == DeliveryState.DEAD
    assert Notification.objects.get().state == NotificationState.DEAD


def test_the_sweep_rings_for_what_is_due_most_urgent_first(sink: Sink, rung: Any) -> None:
    user = user_new()
    endpoint_new(user, "telegram", "42")
    notification_new(user, priority="low")
    notification_new(user, priority="critical")
    notification_new(user, priority="medium")
    Delivery.objects.filter(priority="medium").update(next_attempt_at=clock.wall_now() + HOUR)
    assert rung(clock.now() + timedelta(seconds=1)) == [("critical", "low")]


def dead_letter(sink: Sink, settings: Any) -> Delivery:
    settings.DELIVERY_ATTEMPTS = 1
    user = user_new()
    endpoint_new(user, "telegram", "42")
    notification_new(user)
    sink.answers = [Answer(500)]
    deliver(priority="high")
    row = Delivery.objects.get()
    assert row.state == DeliveryState.DEAD
    return row


def test_a_dead_letter_can_be_replayed(sink: Sink, settings: Any) -> None:
    row = dead_letter(sink, settings)
    delivery_replay(delivery_id=row.pk)
    assert Notification.objects.get().state == NotificationState.PENDING
    redis.state().flushdb()  # the chat's second between two messages
    assert deliver(priority="high").delivered == 1
    row.refresh_from_db()
    assert (row.state, row.attempts) == (DeliveryState.DELIVERED, 1)
    assert Notification.objects.get().state == NotificationState.DELIVERED


def test_only_dead_letters_that_still_matter_are_replayed(sink: Sink, settings: Any) -> None:
    row = dead_letter(sink, settings)
    Notification.objects.update(expires_at=clock.now())
    with pytest.raises(PermanentError) as caught:
        delivery_replay(delivery_id=row.pk)
    assert caught.value.code == "expired"
    Delivery.objects.update(state=DeliveryState.DELIVERED)
    with pytest.raises(PermanentError) as caught:
        delivery_replay(delivery_id=row.pk)
    assert caught.value.code == "not_dead"
    with pytest.raises(PermanentError) as caught:
        delivery_replay(delivery_id=row.notification_id)
    assert caught.value.code == "not_found"
    assert deliver(priority="high").delivered == 0


def test_a_replay_to_a_disabled_endpoint_dies_again_with_the_reason(sink: Sink, settings: Any) -> None:
    row = dead_letter(sink, settings)
    endpoint_disable(endpoint_id=row.endpoint_id, reason="gone for good")
    delivery_replay(delivery_id=row.pk)
    sink.reset()
    deliver(priority="high")
    assert sink.arrived == []
    row.refresh_from_db()
    assert row.state == DeliveryState.DEAD
    assert "gone for good" in row.last_error
