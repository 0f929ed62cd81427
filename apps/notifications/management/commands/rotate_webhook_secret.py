"""A new signing secret for a webhook, for operators."""

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.core import audit, clock
from apps.core.exceptions import PermanentError
from apps.notifications.services.rotation import endpoint_secret_rotate


class Command(BaseCommand):
    help = "Give a webhook endpoint a new signing secret, printed once; the old one keeps signing for a while as well."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which one."""
        parser.add_argument("endpoint", type=UUID, help="the endpoint's id")

    def handle(self, *args: Any, **options: Any) -> None:
        """Rotate, and print what its owner has to be told."""
        endpoint_id: UUID = options["endpoint"]
        try:
            made = endpoint_secret_rotate(endpoint_id=endpoint_id, now=clock.wall_now())
        except PermanentError as error:
            raise CommandError(error.message) from error
        audit.record(actor_id=None, action="endpoint_secret_rotated", target=f"notifications.Endpoint:{endpoint_id}")
        self.stdout.write(
            f"{made.secret}\nThe old secret signs as well until {made.previous_until:%Y-%m-%d %H:%M} UTC."
        )
