"""One effect per beat slot: claims, the stamping scheduler, and a worker that gets the same slot twice."""

import json
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from celery import schedules
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask
from hypothesis import given
from hypothesis import strategies as st

from apps.core import redis
from apps.core.beat import Scheduler, period_s
from apps.core.models import ScheduleSlot
from apps.core.slots import claim_for, slot_claim, slot_start_ms
from tests.core import work

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_first_claim_wins_and_older_slots_are_gone() -> None:
    assert slot_claim(name="poll", slot_ms=5000)
    assert not slot_claim(name="poll", slot_ms=5000)
    assert not slot_claim(name="poll", slot_ms=0)
    assert slot_claim(name="poll", slot_ms=10_000)
    assert slot_claim(name="other", slot_ms=5000)
    assert ScheduleSlot.objects.get(name="poll").last_slot == 10_000


def test_a_row_that_appears_between_looking_and_creating_is_a_lost_claim(monkeypatch: pytest.MonkeyPatch) -> None:
    slot_claim(name="poll", slot_ms=5000)
    monkeypatch.setattr("django.db.models.query.QuerySet.exists", lambda _: False)
    assert not slot_claim(name="poll", slot_ms=5000)


@given(st.integers(0, 2**42), st.integers(1, 86_400))
def test_a_slot_starts_at_a_multiple_of_the_period_and_holds_its_moment(at_ms: int, period: int) -> None:
    start = slot_start_ms(at_ms, period)
    assert start % (period * 1000) == 0
    assert start <= at_ms < start + period * 1000


def test_a_longer_period_after_an_edit_does_not_block_the_schedule() -> None:
    assert slot_claim(name="poll", slot_ms=slot_start_ms(1_000_007_000, 1))
    assert slot_claim(name="poll", slot_ms=slot_start_ms(1_000_020_000, 10))


def test_messages_that_are_not_from_beat_pass() -> None:
    assert claim_for({})
    assert claim_for({"trace": "x"})
    assert not ScheduleSlot.objects.exists()


def test_a_beat_without_the_stamp_runs_and_says_what_to_do(caplog: pytest.LogCaptureFixture) -> None:
    assert claim_for({"periodic_task_name": "poll"})
    assert "apps.core.beat.Scheduler" in caplog.text


@pytest.mark.parametrize(
    ("schedule", "seconds"),
    [(schedules.schedule(timedelta(seconds=5)), 5.0), (schedules.crontab(minute="*/5"), 60.0)],
)
def test_the_period_comes_from_the_schedule(schedule: Any, seconds: float) -> None:
    assert period_s(schedule) == seconds


def row(name: str = "poll", **fields: Any) -> PeriodicTask:
    if not fields:
        fields["interval"] = IntervalSchedule.objects.create(every=3600, period=IntervalSchedule.SECONDS)
    return PeriodicTask.objects.create(name=name, task="tests.work", headers='{"mine": 1}', **fields)


def tick() -> None:
    """What one beat process does when everything is due."""
    beat = Scheduler(app=work.app, lazy=True)
    for entry in beat.all_as_schedule().values():
        beat.reserve(entry)
        beat.apply_entry(entry, producer=None)
    beat.close()


def sent() -> list[dict[str, Any]]:
    return [json.loads(raw)["headers"] for raw in redis.state().lrange("core-tests", 0, -1)]


def test_two_beats_have_one_effect_per_slot(redis_state: None) -> None:
    row()
    for moment in ("2026-11-22T10:00:01Z", "2026-11-22T10:59:58Z"):
        with time_machine.travel(moment, tick=False):
            tick()
    first, second = sent()
    assert first["periodic_task_name"] == second["periodic_task_name"] == "poll"
    assert first["slot_ms"] == second["slot_ms"] == 1_795_341_600_000
    assert first["mine"] == 1
    assert work.drain(1) == ["run"]
    assert work.waiting() == 0
    assert ScheduleSlot.objects.get(name="poll").last_slot == first["slot_ms"]


def test_the_next_slot_has_its_own_effect(redis_state: None) -> None:
    row()
    slot_claim(name="poll", slot_ms=1000)
    tick()
    assert work.drain(1) == ["run"]


def test_calendars_have_slots_of_a_minute(redis_state: None) -> None:
    row(crontab=CrontabSchedule.objects.create())
    tick()
    assert sent()[0]["slot_ms"] % 60_000 == 0


def test_a_retry_of_a_claimed_run_is_the_same_run(redis_state: None) -> None:
    headers: Any = {"periodic_task_name": "poll", "slot_ms": 5000}
    work.work.apply_async(headers=headers)
    work.work.apply_async(headers=headers, retries=1)  # type: ignore[call-arg]
    assert work.drain(2) == ["run", "run"]
