"""Store the shipped rules of technical signals that are missing."""

from typing import Any

from django.core.management.base import BaseCommand

from apps.core import clock
from apps.opportunities.services import rules_seed


class Command(BaseCommand):
    help = "Store the shipped rules of technical signals that are missing; never changes one that is there."

    def handle(self, *args: Any, **options: Any) -> None:
        """Seed and say what was made."""
        made = rules_seed(now=clock.now())
        for rule in made:
            self.stdout.write(f"rule {rule}")
        if not made:
            self.stdout.write("all rules are there")
