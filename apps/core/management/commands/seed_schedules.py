"""Creates the missing django-celery-beat rows from `SCHEDULES` in celeryconfig."""

from importlib import import_module
from typing import Any

from celery import current_app
from django.core.management.base import BaseCommand, CommandError

from apps.core.exceptions import OperatorError
from apps.core.schedules import schedules_seed


class Command(BaseCommand):
    help = "Create the missing periodic tasks from celeryconfig.SCHEDULES; never changes an existing one."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Seed, and say what was made."""
        schedules = import_module("celeryconfig").SCHEDULES
        current_app.loader.import_default_modules()
        try:
            made = schedules_seed(schedules=schedules, known_tasks=tuple(current_app.tasks))
        except OperatorError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"{len(made)} of {len(schedules)} schedules created{': ' if made else '.'}{', '.join(made)}")
