"""`manage.py exchanges_reach`: say which configured exchanges answer; fail if none does."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.markets.services import exchanges_reach


class Command(BaseCommand):
    help = "Say which of the configured exchanges can be reached from here; exit status 1 if none can."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Ask each once."""
        reasons = exchanges_reach()
        lines = [f"{name}: {reason or 'answers'}" for name, reason in reasons.items()]
        if all(reasons.values()):
            raise CommandError(
                "No exchange can be reached from here:\n  " + "\n  ".join(lines) + "\n"
                "Check the network and EXCHANGES, or use `make run`, which needs no network."
            )
        self.stdout.write("\n".join(lines))
