"""Seeding the schedule rows."""

from io import StringIO
from typing import Any, cast

import pytest
from django.core.management import CommandError, call_command
from django_celery_beat.models import IntervalSchedule, PeriodicTask

import celeryconfig
from apps.core.exceptions import OperatorError
from apps.core.schedules import Schedule, schedules_seed

pytestmark = pytest.mark.django_db
KNOWN = ("markets.poll", "celery.ping")


def schedule(**fields: Any) -> Schedule:
    made = {
        "name": "markets.poll", "task": "markets.poll", "every": 5, "queue": "market.quotes", "owner": "markets",
        "description": "Read the exchanges.", **fields,
    }  # fmt: skip
    return cast("Schedule", made)


def test_missing_rows_are_made_as_they_are_written() -> None:
    rows = [schedule(kwargs={"n": 1}, expire_seconds=3), schedule(name="second", every=1)]
    assert schedules_seed(schedules=rows, known_tasks=KNOWN) == ["markets.poll", "second"]
    first, second = PeriodicTask.objects.order_by("name")
    assert (first.task, first.kwargs, first.expire_seconds) == ("markets.poll", '{"n": 1}', 3)
    assert (first.interval.every, first.interval.period) == (5, IntervalSchedule.SECONDS)
    assert first.description == "Read the exchanges. (owner: markets)"
    assert (second.expire_seconds, second.enabled) == (1, True)


def test_an_operators_edits_and_own_rows_stay() -> None:
    schedules_seed(schedules=[schedule()], known_tasks=KNOWN)
    edited = PeriodicTask.objects.get()
    edited.enabled, edited.kwargs, edited.expire_seconds = False, '{"mine": 1}', 4
    edited.interval = IntervalSchedule.objects.create(every=7, period=IntervalSchedule.SECONDS)
    edited.save()
    before = PeriodicTask.objects.values().get()
    assert schedules_seed(schedules=[schedule(), schedule(name="new")], known_tasks=KNOWN) == ["new"]
    assert PeriodicTask.objects.values().get(name="markets.poll") == before


def test_intervals_are_shared_even_where_there_are_two_of_the_same() -> None:
    for _ in range(2):
        IntervalSchedule.objects.create(every=5, period=IntervalSchedule.SECONDS)
    schedules_seed(schedules=[schedule()], known_tasks=KNOWN)
    assert IntervalSchedule.objects.count() == 2


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"task": "markets.pole"}, "no task 'markets.pole'"),
        ({"every": 0}, "`every` must be"),
        ({"every": 0.5}, "`every` must be"),
        ({"expire_seconds": 5}, "below `every`"),
        ({"expire_seconds": 0}, "below `every`"),
        ({"expire_seconds": 2.5}, "below `every`"),
        ({"name": "good"}, "used twice"),
    ],
)
def test_a_wrong_list_is_refused_before_anything_is_written(wrong: dict[str, Any], why: str) -> None:
    with pytest.raises(OperatorError, match=why):
        schedules_seed(schedules=[schedule(name="good"), schedule(**wrong)], known_tasks=KNOWN)
    assert not PeriodicTask.objects.exists()


def test_the_command_reads_the_celery_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(celeryconfig, "SCHEDULES", (schedule(task="celery.accumulate"),))
    for said in ("1 of 1 schedules created: markets.poll\n", "0 of 1 schedules created.\n"):
        out = StringIO()
        call_command("seed_schedules", stdout=out)
        assert out.getvalue() == said


def test_the_command_says_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(celeryconfig, "SCHEDULES", (schedule(task="nobody.home"),))
    with pytest.raises(CommandError, match=r"no task 'nobody\.home'"):
        call_command("seed_schedules")
