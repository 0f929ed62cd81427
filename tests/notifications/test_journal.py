"""Why a delivery waited, and messages that are not to be sent before a moment."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from apps.core import clock, limits
from apps.core import redis as stores
from apps.core.exceptions import PermanentError
from apps.notifications.models import Delivery, Notification
from apps.notifications.services import deliver
from apps.notifications.services.journal import NOTES_MAX, noted
from apps.notifications.services.states import Happened, Result
from tests.notifications.people import endpoint_new, notification_new, user_new
from tests.notifications.sink import Answer, Sink

AT = datetime(2026, 1, 5, 12, tzinfo=UTC)


def waits(code: str) -> Result:
    return Result(Happened.LIMITED, code, f"because of {code}", wait_s=1)


def test_the_same_reason_again_is_one_note_that_counts() -> None:
    notes: list[dict[str, Any]] = []
    for second, code in enumerate(("a", "a", "b", "a")):
        notes = noted(notes, waits(code), at=AT + timedelta(seconds=second))
    assert [(note["code"], note["times"]) for note in notes] == [("a", 2), ("b", 1), ("a", 1)]
    assert notes[0]["since"] < notes[0]["until"]


def test_only_the_newest_notes_are_kept_and_a_try_leaves_none() -> None:
    notes: list[dict[str, Any]] = []
    for number in range(2 * NOTES_MAX):
        notes = noted(notes, waits(f"c{number}"), at=AT)
    assert [note["code"] for note in notes] == [f"c{number}" for number in range(NOTES_MAX, 2 * NOTES_MAX)]
    assert noted(notes, Result(Happened.TEMPORARY, "http_500"), at=AT) == notes


@pytest.mark.django_db
@pytest.mark.usefixtures("templates")
def test_a_deliverys_row_tells_every_step(sink: Sink) -> None:
    user = user_new()
    endpoint_new(user, "telegram", "42")
    notification_new(user, expires_at=clock.now() + timedelta(hours=1))
    limits.close_tap(f"notify:telegram:{sink.netloc}", 30)
    deliver(priority="high", seconds=0.5)
    row = Delivery.objects.get()
    assert [(note["code"], note["times"]) for note in row.notes] == [("rate_limit", 1)]
    assert sink.arrived == []
    sink.answers = [Answer(500, "oops")]
    with time_machine.travel(clock.wall_now() + timedelta(minutes=1), tick=True):
        Delivery.objects.update(next_attempt_at=clock.wall_now())
        stores.state().flushdb()
        deliver(priority="high", seconds=0.5)
    row.refresh_from_db()
    assert (len(row.notes), row.attempt_rows.get().code) == (1, "http_500")


@pytest.mark.django_db
@pytest.mark.usefixtures("templates")
def test_a_scheduled_message_is_sent_at_its_time(sink: Sink) -> None:
    user = user_new()
    endpoint_new(user, "telegram", "42")
    with time_machine.travel(AT, tick=False) as traveller:
        notification_new(user, send_at=AT + timedelta(hours=2), expires_at=AT + timedelta(hours=3))
        assert deliver(priority="high").next_in_s == pytest.approx(7200)
        assert sink.arrived == []
        traveller.move_to(AT + timedelta(hours=2, seconds=1))
        assert deliver(priority="high").delivered == 1


@pytest.mark.django_db
def test_nothing_is_scheduled_for_after_its_end() -> None:
    user = user_new()
    with pytest.raises(PermanentError, match="after it has expired"):
        notification_new(user, send_at=AT + timedelta(hours=3), expires_at=AT + timedelta(hours=3))
    assert not Notification.objects.exists()
