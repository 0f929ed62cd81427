"""django-celery-beat's pages in the theme's clothes, with audited writes."""

from typing import Any

from django.contrib import admin
from django_celery_beat.admin import ClockedScheduleAdmin as BeatClockedAdmin
from django_celery_beat.admin import CrontabScheduleAdmin as BeatCrontabAdmin
from django_celery_beat.admin import PeriodicTaskAdmin as BeatTaskAdmin
from django_celery_beat.admin import PeriodicTaskForm, TaskSelectWidget
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from apps.core.admin.base import AuditedAdmin, ReadOnlyInline, display

for model in (PeriodicTask, IntervalSchedule, CrontabSchedule, SolarSchedule, ClockedSchedule):
    admin.site.unregister(model)


class TaskSelect(UnfoldAdminSelectWidget, TaskSelectWidget):  # type: ignore[misc]
    """The list of registered tasks, styled."""


class TaskForm(PeriodicTaskForm):  # type: ignore[misc]
    """Both ways to name a task, styled."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["regtask"].widget = TaskSelect()
        self.fields["task"].widget = UnfoldAdminTextInputWidget()


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(BeatTaskAdmin, AuditedAdmin):  # type: ignore[misc]
    """What beat sends and how often; an edit here survives the next start."""

    form = TaskForm
    list_display = ("name", "enabled", "show_schedule", "queue", "expire_seconds", "last_run_at", "total_run_count")
    list_filter = ("enabled", "queue", "one_off")
    search_fields = ("name", "task")
    date_hierarchy = None
    change_form_template = None

    @display("schedule")
    def show_schedule(self, task: PeriodicTask) -> str:
        """The one schedule that is set."""
        return str(task.interval or task.crontab or task.solar or task.clocked or "–")


class TaskInline(ReadOnlyInline):
    """Tasks that follow a schedule."""

    model = PeriodicTask
    fields = ("name", "task", "enabled")
    readonly_fields = fields
    verbose_name_plural = "tasks on this schedule"


class ScheduleAdmin(AuditedAdmin):
    """Common part of the schedules."""

    inlines = (TaskInline,)


@admin.register(IntervalSchedule)
class IntervalScheduleAdmin(ScheduleAdmin):
    """Every so often."""

    list_display = ("__str__", "every", "period")
    list_filter = ("period",)
    search_fields = ("every",)


@admin.register(CrontabSchedule)
class CrontabScheduleAdmin(ScheduleAdmin):
    """At calendar times."""

    list_display = BeatCrontabAdmin.list_display
    fields = BeatCrontabAdmin.fields
    readonly_fields = BeatCrontabAdmin.readonly_fields
    search_fields = ("minute", "hour")


@admin.register(SolarSchedule)
class SolarScheduleAdmin(ScheduleAdmin):
    """By the sun."""

    list_display = ("event", "latitude", "longitude")
    search_fields = ("event",)


@admin.register(ClockedSchedule)
class ClockedScheduleAdmin(ScheduleAdmin):
    """Once, at a fixed time."""

    list_display = BeatClockedAdmin.list_display
    fields = BeatClockedAdmin.fields
    search_fields = ("clocked_time",)
