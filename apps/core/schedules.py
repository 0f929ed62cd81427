"""Schedules as data: the rows of django-celery-beat that are missing are made, an operator's edits stay."""

import json
from collections.abc import Sequence
from typing import Any, NotRequired, TypedDict

from django.db import transaction
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from apps.core.exceptions import OperatorError


class Schedule(TypedDict):
    """One periodic message; `every` and `expire_seconds` in whole seconds, `owner` the room that answers for it."""

    name: str
    task: str
    every: int
    owner: str
    description: str
    expire_seconds: NotRequired[int]
    kwargs: NotRequired[dict[str, Any]]


def schedules_seed(*, schedules: Sequence[Schedule], known_tasks: Sequence[str]) -> list[str]:
    """Create the rows whose name is missing and return those names; existing rows are not touched, edited or disabled.

    Raises OperatorError naming everything that is wrong with the list, before anything is written. Without
    `expire_seconds` a message expires just before its successor comes (a second at the least)."""
    problems = [problem for schedule in schedules for problem in _problems(schedule, known_tasks)]
    names = [schedule["name"] for schedule in schedules]
    problems += [f"{name}: the name is used twice" for name in sorted({n for n in names if names.count(n) > 1})]
    if problems:
        raise OperatorError("The schedules are not usable: " + "; ".join(problems) + ".", code="bad_schedules")
    with transaction.atomic():
        present = set(PeriodicTask.objects.filter(name__in=names).values_list("name", flat=True))
        missing = [schedule for schedule in schedules if schedule["name"] not in present]
        for schedule in missing:
            _create(schedule)
    return [schedule["name"] for schedule in missing]


def _create(schedule: Schedule) -> None:
    every = schedule["every"]
    interval = IntervalSchedule.objects.filter(every=every, period=IntervalSchedule.SECONDS).first()
    if interval is None:
        interval = IntervalSchedule.objects.create(every=every, period=IntervalSchedule.SECONDS)
    PeriodicTask.objects.create(
        name=schedule["name"],
        task=schedule["task"],
        interval=interval,
        kwargs=json.dumps(schedule.get("kwargs", {})),
        expire_seconds=schedule.get("expire_seconds", max(1, every - 1)),
        description=f"{schedule['description']} (owner: {schedule['owner']})",
    )


def _problems(schedule: Schedule, known_tasks: Sequence[str]) -> list[str]:
    name, every = schedule["name"], schedule["every"]
    expires = schedule.get("expire_seconds", max(1, every - 1))
    found = []
    if schedule["task"] not in known_tasks:
        found.append(f"{name}: there is no task {schedule['task']!r}")
    if not isinstance(every, int) or every < 1:
        found.append(f"{name}: `every` must be whole seconds, at least 1")
    # An unread message must not outlive its successor's coming; within one second that cannot be had.
    elif not isinstance(expires, int) or not 1 <= expires <= max(1, every - 1):
        found.append(f"{name}: `expire_seconds` must be whole seconds, at least 1 and below `every`")
    return found
