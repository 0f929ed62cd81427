"""The beat scheduler: django-celery-beat's, with each message stamped with the slot it stands for."""

from typing import Any

from celery import schedules
from django_celery_beat.schedulers import DatabaseScheduler, ModelEntry

from apps.core import clock
from apps.core.slots import SLOT_HEADER, slot_start_ms

# Crontabs, the sun and fixed times fire at most once a minute.
CALENDAR_PERIOD_S = 60.0


class Scheduler(DatabaseScheduler):  # type: ignore[misc]  # django-celery-beat has no types
    """Stamps when it sends, by the row's own period: an operator's edit of the interval needs nothing else."""

    def reserve(self, entry: ModelEntry) -> ModelEntry:
        """Advance `entry`; both it and its successor carry the slot, since beat sends either."""
        following = super().reserve(entry)
        for stamped in (entry, following):
            stamped.options.setdefault("headers", {})[SLOT_HEADER] = slot_start_ms(
                clock.to_ms(clock.wall_now()), period_s(stamped.schedule)
            )
        return following


def period_s(schedule: Any) -> float:
    """Seconds between two runs of a Celery schedule; a minute for calendars."""
    # crontab subclasses another base; only plain intervals are `schedule` itself.
    if type(schedule) is schedules.schedule:
        return float(schedule.run_every.total_seconds())  # type: ignore[attr-defined]
    return CALENDAR_PERIOD_S
