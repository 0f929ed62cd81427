"""Stores that hang, break off or come back at the wrong moment while messages are being sent."""

import sys
import threading
import time
from datetime import timedelta
from typing import Any

import pytest
import redis as redis_py
from django.db import OperationalError, connection, transaction

from apps.core import clock, redis_client
from apps.core import redis as stores
from apps.notifications.enums import DeliveryState, NotificationState
from apps.notifications.models import Delivery, Notification
from apps.notifications.services import deliver
from apps.notifications.services import results as results_module
from apps.notifications.services.lease import deliveries_lease
from apps.notifications.services.results import Settled, results_write
from apps.notifications.services.states import Happened, Result
from tests.notifications.people import endpoint_new, notification_new, user_new
from tests.notifications.sink import Answer, Sink

# The package has a function of the same name.
LOOP = sys.modules["apps.notifications.services.deliver"]
pytestmark = pytest.mark.usefixtures("templates")


@pytest.mark.django_db
def test_results_are_written_before_redis_is_asked_anything(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    notification_new(endpoint_new(user_new(), "telegram", "1").user)
    seen: list[str] = []

    def away(*_: Any) -> None:
        seen.append(Delivery.objects.get().state)
        raise redis_py.TimeoutError("paused")

    monkeypatch.setattr("apps.core.breaker._KNOWN.run", away)
    deliver(priority="high")
    # Before the send its state was asked for; after it, the row was delivered already.
    assert seen[-1] == DeliveryState.DELIVERED


@pytest.mark.django_db
def test_a_batch_that_was_prepared_too_slowly_is_not_sent(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    notification_new(endpoint_new(user_new(), "telegram", "1").user)
    monkeypatch.setattr(LOOP, "START_S", -1.0)
    deliver(priority="high", seconds=0.3)
    assert sink.arrived == []
    row = Delivery.objects.get()
    assert (row.state, row.attempts) == (DeliveryState.PENDING, 0)


@pytest.mark.django_db
def test_a_database_that_goes_away_while_results_are_written_repeats_no_message(
    sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        notification_new(endpoint_new(user_new(), "telegram", str(number + 1)).user)
    monkeypatch.setattr(connection, "close", lambda: None)
    real, failures = results_module.notifications_settle, [OperationalError("terminating connection")] * 2

    def torn(**options: Any) -> None:
        real(**options)
        if failures:
            raise failures.pop()

    monkeypatch.setattr(results_module, "notifications_settle", torn)
    assert deliver(priority="high").delivered == 5
    assert failures == []
    assert len(sink.arrived) == 5
    assert set(Delivery.objects.values_list("state", flat=True)) == {DeliveryState.DELIVERED}


@pytest.mark.django_db
def test_a_database_that_goes_away_between_batches_still_gets_what_is_under_way(
    sink: Sink, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.DELIVERY_BATCH = 2
    for number in range(4):
        notification_new(endpoint_new(user_new(), "telegram", str(number + 1)).user)
    sink.always = {"/bot": Answer(delay_s=0.3, body='{"ok": true, "result": {"message_id": 1}}')}
    monkeypatch.setattr(connection, "close", lambda: None)
    leases = 0

    def lease(**options: Any) -> list[Delivery]:
        nonlocal leases
        leases += 1
        if leases > 1:
            raise OperationalError("terminating connection")
        return deliveries_lease(**options)

    monkeypatch.setattr(LOOP, "deliveries_lease", lease)
    assert deliver(priority="high").delivered == 2
    assert Delivery.objects.filter(state=DeliveryState.PENDING).count() == 2
    monkeypatch.setattr(LOOP, "deliveries_lease", deliveries_lease)
    assert deliver(priority="high").delivered == 2
    assert len(sink.arrived) == 4


@pytest.mark.django_db(transaction=True)
def test_a_message_is_finished_even_if_its_two_routes_end_at_the_same_moment(sink: Sink) -> None:
    if not connection.features.has_select_for_update:
        pytest.skip("SQLite lets one writer in at a time")
    user = user_new()
    endpoint_new(user, "telegram", "1", route=0)
    endpoint_new(user, "telegram", "2", route=1)
    notification_new(user)
    now = clock.now()
    rows = deliveries_lease(priority="high", limit=2, send_seconds=20, now=clock.wall_now())
    other = threading.Thread(target=_second, args=(rows[1], now))
    with transaction.atomic():
        results_write([Settled(rows[0], Result(Happened.DELIVERED), None, now, now)], now=now)
        other.start()
        # The other worker is in the middle of its own write now, or waits for ours.
        time.sleep(0.5)
    other.join(20)
    assert Notification.objects.get().state == NotificationState.DELIVERED


def _second(row: Delivery, now: Any) -> None:
    results_write([Settled(row, Result(Happened.DELIVERED), None, now, now)], now=now)
    connection.close()


@pytest.mark.django_db
def test_a_clock_that_stands_still_stops_neither_retries_nor_leases(sink: Sink, settings: Any) -> None:
    settings.REPLAY_AT = clock.wall_now() - timedelta(days=900)
    settings.REPLAY_STARTED_AT = None
    user = user_new()
    endpoint_new(user, "telegram", "1")
    for _ in range(2):
        notification_new(user)
    # The second one's turn is a second later, which never comes on the replayed clock.
    deadline = time.monotonic() + 15
    while Delivery.objects.filter(state=DeliveryState.PENDING).exists() and time.monotonic() < deadline:
        deliver(priority="high")
        time.sleep(0.1)
    assert len(sink.arrived) == 2
    (row,) = Delivery.objects.all()[:1]
    assert row.next_attempt_at > clock.wall_now() - timedelta(minutes=1)


def test_after_a_time_out_redis_is_left_alone_for_a_moment(redis_state: None, monkeypatch: pytest.MonkeyPatch) -> None:
    client = stores.state()
    asked = 0

    def hangs(*_: Any, **__: Any) -> None:
        nonlocal asked
        asked += 1
        raise redis_py.TimeoutError("paused")

    monkeypatch.setattr(redis_py.Redis, "execute_command", hangs)
    for _ in range(20):
        with pytest.raises(redis_py.TimeoutError):
            client.get("x")
    assert asked == 1
    monkeypatch.undo()
    time.sleep(redis_client.AWAY_S)
    assert client.get("x") is None
