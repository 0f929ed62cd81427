"""Digests: owed once whoever looks, to everybody in turn, and cheaply beside many messages that came too late."""

import threading
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from django.db import connection

from apps.accounts.models import User
from apps.core import clock
from apps.notifications.enums import DeliveryState, NotificationState
from apps.notifications.models import Delivery, Notification, ReachPreferences
from apps.notifications.services import digests, digests_send, reach_set
from apps.notifications.services.quiet import quiet_now
from tests.notifications.people import endpoint_new, notification_new, user_new

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
