"""Store the shipped message templates that are missing."""

from typing import Any

from django.core.management.base import BaseCommand

from apps.notifications.services import templates_seed


class Command(BaseCommand):
    help = "Store the shipped message templates that are missing; never changes one that is there."

    def handle(self, *args: Any, **options: Any) -> None:
        """Seed and say what was made."""
        made = templates_seed()
        for row in made:
            self.stdout.write(f"template {row}")
        if not made:
            self.stdout.write("all templates are there")
