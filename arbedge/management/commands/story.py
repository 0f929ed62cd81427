"""`manage.py story`: tells at the terminal what happens, in words, until it is stopped."""

import signal
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from apps.core import clock, events
from apps.opportunities.selectors import opportunity_alert
from arbedge.story import Story

# How long one wait for news may take; it bounds how late a summary and a stop can be.
_WAIT_MS = 1000


class Command(BaseCommand):
    help = "Tell what happens, in words: exchanges read, opportunities found, messages delivered."

    def add_arguments(self, parser: CommandParser) -> None:
        """How often the frequent things are summed up."""
        parser.add_argument("--every", type=float, default=10.0, help="seconds between summaries (default 10)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Follow the news from now on."""
        stopping = False

        def stop(*_: object) -> None:
            nonlocal stopping
            stopping = True

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, stop)
        story = Story(opportunity_alert)
        last_id = "$"
        due = time.monotonic() + options["every"]
        while not stopping:
            for news_id, kind, data in events.news_read(last_id, block_ms=_WAIT_MS):
                last_id = news_id
                self._say(story.tell(kind, data))
            if time.monotonic() >= due:
                self._say(story.summary())
                due = time.monotonic() + options["every"]

    def _say(self, lines: list[str]) -> None:
        for line in lines:
            self.stdout.write(f"{clock.now():%H:%M:%S}  {line}")
