"""The ledger of deliveries, for people."""

from typing import Any

from django.core.management.base import BaseCommand

from apps.core import clock
from apps.notifications.enums import DeliveryState
from apps.notifications.selectors import deliveries_ledger, oldest_due_s


class Command(BaseCommand):
    help = "Count deliveries by state and channel, and say how long the oldest due one has been waiting."

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the table and the oldest due delivery's age."""
        now = clock.wall_now()
        rows = deliveries_ledger()
        for row in rows:
            open_ = row.state in (DeliveryState.PENDING, DeliveryState.SENDING)
            due = f"  oldest due {row.oldest_due:%Y-%m-%d %H:%M:%S}" if open_ else ""
            self.stdout.write(f"{row.state:<10} {row.channel:<10} {row.count:>8,}{due}")
        waited_s = oldest_due_s(now=now)
        self.stdout.write(f"{sum(row.count for row in rows):,} deliveries, the oldest due one waits {waited_s:.1f} s")
