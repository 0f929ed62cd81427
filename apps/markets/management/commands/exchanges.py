"""`manage.py exchanges`: what is known of each exchange and feed, as a table."""

from typing import IO, Any, cast

from django.core.management.base import BaseCommand
from rich.console import Console
from rich.table import Table

from apps.markets import selectors, services
from apps.markets.types import FeedStatus


class Command(BaseCommand):
    """Prints exchanges and feeds; creates the rows of newly configured exchanges first."""

    help = "Show the exchanges and how each of their feeds does (state, reason, age)."

    def handle(self, *args: Any, **options: Any) -> None:
        """Print both tables."""
        services.exchanges_setup()
        console = Console(file=cast("IO[str]", self.stdout), width=160)
        console.print(_exchanges())
        console.print(_feeds(selectors.feeds_status()))


def _exchanges() -> Table:
    table = Table("exchange", "enabled", "status", "clock", "markets loaded", "reason", title="Exchanges")
    for exchange in selectors.exchanges_all():
        loaded = exchange.markets_loaded_at
        table.add_row(
            exchange.id,
            "yes" if exchange.enabled else "no",
            exchange.get_status_display(),
            f"{exchange.clock_offset_ms:+d} ms",
            loaded.strftime("%Y-%m-%d %H:%M:%S") if loaded else "never",
            exchange.status_reason,
        )
    return table


def _feeds(feeds: list[FeedStatus]) -> Table:
    table = Table("exchange", "kind", "state", "age", "rows", "refused", "latency", "reason", title="Feeds")
    for feed in feeds:
        table.add_row(
            feed.exchange,
            feed.kind.value,
            feed.state.label,
            "never" if feed.age_s is None else f"{feed.age_s:.0f} s",
            str(feed.rows),
            str(feed.refused),
            "" if feed.latency_ms is None else f"{feed.latency_ms} ms",
            feed.reason,
        )
    return table
