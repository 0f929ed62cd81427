"""`manage.py setup`: bring an installation to the state that this version needs. Safe to run at any time, any number
of times: it creates what is missing and never overwrites what an operator changed."""

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand

from apps.markets.services import exchanges_setup


class Command(BaseCommand):
    help = "Migrate the database, then create missing schedules, templates, rules of signals and exchange rows."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the steps in order; the first that fails stops the command."""
        call_command("migrate", interactive=False, verbosity=0, stdout=self.stdout)
        for step in ("seed_schedules", "seed_templates", "seed_rules"):
            call_command(step, stdout=self.stdout)
        created = exchanges_setup()
        self.stdout.write(f"{len(created)} exchanges created{': ' if created else '.'}{', '.join(created)}")
        self.stdout.write(self.style.SUCCESS("The installation is set up."))
