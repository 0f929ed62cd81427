"""Digests: owed once whoever looks, to everybody in turn, and cheaply beside many messages that came too late."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from django.db import connection

from apps.accounts.models import User
from apps.core import clock, config
from apps.notifications.enums import DeliveryState, NotificationState
from apps.notifications.models import Delivery, Notification, ReachPreferences
from apps.notifications.services import deliver, digests, digests_send, reach_set
from apps.notifications.services.quiet import quiet_now
from tests.notifications.people import endpoint_new, notification_new, user_new
from tests.notifications.sink import Answer, Sink

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
LATER = NOON + timedelta(minutes=1)

pytestmark = pytest.mark.usefixtures("templates")


def missed(user: User, times: int = 1) -> None:
    """Messages of the user that a limit kept back until it was too late."""
    made = [notification_new(user, now=NOON).pk for _ in range(times)]
    Delivery.objects.filter(notification__in=made).update(
        state=DeliveryState.EXPIRED, last_error="rate_limit: Its turn comes later.", finished_at=NOON
    )
    Notification.objects.filter(pk__in=made).update(state=NotificationState.EXPIRED, finished_at=NOON)


def reader(**fields: Any) -> User:
    user = user_new(**fields)
    endpoint_new(user, "telegram", str(user.pk.int % 10**9))
    return user


def digested() -> list[Any]:
    return list(Notification.objects.filter(template="digest").values_list("user_id", flat=True))


@pytest.mark.django_db(transaction=True)
def test_two_workers_owe_one_digest_also_where_they_see_different_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    user = reader()
    missed(user)
    # Both have looked before either writes; another message comes too late in between.
    both_looked = threading.Barrier(2)

    def looked(people: Any, *, now: datetime) -> Any:
        found = quiet_now(people, now=now)
        if both_looked.wait(30) == 0:
            missed(user)
        return found

    monkeypatch.setattr(digests, "quiet_now", looked)
    sent: list[int] = []

    def work() -> None:
        try:
            sent.append(digests_send(now=LATER))
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert (sorted(sent), digested()) == ([0, 1], [user.pk])


@pytest.mark.django_db
def test_who_was_told_or_sleeps_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "PEOPLE_MAX", 1)
    sleeper, first, second = reader(), reader(), reader()
    reach_set(user_id=sleeper.pk, wishes={"quiet_from": time(9), "quiet_to": time(18)}, now=clock.now())
    for user in (sleeper, first, second):
        missed(user)
    assert [digests_send(now=LATER + timedelta(minutes=minute)) for minute in range(3)] == [1, 1, 0]
    assert set(digested()) == {first.pk, second.pk}


@pytest.mark.django_db
def test_many_messages_are_counted_and_only_the_newest_are_read(django_assert_max_num_queries: Any) -> None:
    user = reader()
    missed(user, 3)
    with django_assert_max_num_queries(20) as few:
        assert digests_send(now=LATER) == 1
    ReachPreferences.objects.all().delete()
    Notification.objects.filter(template="digest").delete()
    missed(user, 30)
    with django_assert_max_num_queries(len(few)):
        assert digests_send(now=LATER) == 1
    context = Notification.objects.get(template="digest").context
    assert (context["count"], len(context["lines"]), context["more"]) == (33, 10, 23)


@pytest.mark.django_db
def test_what_ended_of_late_is_found_by_an_index() -> None:
    plan = digests._missed(LATER).explain()
    assert "notifications_finished" in plan or connection.vendor != "sqlite", plan


@pytest.fixture
def own_values() -> Iterator[None]:
    """What a test configures is of no other one."""
    config.forget()
    yield
    config.forget()


@pytest.mark.django_db
@pytest.mark.usefixtures("own_values")
def test_a_persons_full_hour_ends_in_a_digest(sink: Sink) -> None:
    config.config_set(key="notifications.user_per_hour", value=1, actor_id=None)
    user = reader()
    for _ in range(4):
        notification_new(user)
    deliver(priority="high")
    assert sorted(Notification.objects.values_list("state", flat=True)) == ["delivered", *["expired"] * 3]
    assert digests_send(now=clock.now()) == 1
    assert Notification.objects.get(template="digest").context["count"] == 3


@pytest.mark.django_db
def test_a_providers_long_pause_ends_in_a_digest(sink: Sink) -> None:
    user = reader()
    notification_new(user)
    sink.answers = [Answer(429, json.dumps({"parameters": {"retry_after": 10_072}}))]
    deliver(priority="high")
    # The chat's tap is closed: our own word for it.
    notification_new(user)
    deliver(priority="high")
    found = list(Delivery.objects.order_by("created_at").values_list("state", "last_error"))
    assert [(state, error.partition(":")[0]) for state, error in found] == [
        ("expired", "http_429"),
        ("expired", "rate_limit"),
    ]
    assert digests_send(now=clock.now()) == 1
    assert Notification.objects.get(template="digest").context["count"] == 2


@pytest.mark.django_db
def test_whose_turn_came_after_its_time_is_in_the_digest(sink: Sink) -> None:
    user = reader()
    for _ in range(2):
        notification_new(user)
    deliver(priority="high", seconds=0.2)
    waiting = Delivery.objects.get(state="pending")
    # Whoever should have sent it then was busy.
    Delivery.objects.filter(pk=waiting.pk).update(next_attempt_at=clock.wall_now())
    Notification.objects.filter(pk=waiting.notification_id).update(expires_at=clock.now())
    deliver(priority="high")
    waiting.refresh_from_db()
    assert waiting.last_error == "rate_limit: It came too late to be worth sending."
    assert digests_send(now=clock.now()) == 1
