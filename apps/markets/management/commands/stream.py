"""Stream quotes and order books over websockets; feeds that are not pushed go on being polled."""

import signal
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.markets import services


class Command(BaseCommand):
    """Run one of these, beside the market workers, until it is told to stop."""

    help = "Streams quotes of STREAM_EXCHANGES over websockets into the same store that polls fill. Run one process."

    def add_arguments(self, parser: CommandParser) -> None:
        """`--exchanges` instead of the setting."""
        parser.add_argument(
            "--exchanges", default="", help="ids with commas between them (default: the setting STREAM_EXCHANGES)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Stream until SIGTERM or SIGINT."""
        words = [word.strip() for word in options["exchanges"].split(",")]
        exchanges = tuple(dict.fromkeys(word for word in words if word)) or settings.STREAM_EXCHANGES
        if not exchanges:
            raise CommandError("Nothing to stream: set STREAM_EXCHANGES, or say --exchanges binance,bybit,okx.")
        problems = [problem for problem in map(services.stream_problem, exchanges) if problem]
        if problems:
            raise CommandError("; ".join(problems) + ".")
        services.exchanges_setup()
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        self.stdout.write(f"Streaming {', '.join(exchanges)} every {settings.STREAM_EVERY_MS} ms.")
        services.stream_run(exchanges=exchanges, stop=stop)
