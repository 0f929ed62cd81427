"""Undelivered mail: from a mail server's pipe, or out of a mailbox."""

import mailbox
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.core import clock
from apps.core.exceptions import PermanentError
from apps.notifications.bounces import MAX_BYTES, bounces_read
from apps.notifications.services.bounces import BounceReport, bounces_take


class Command(BaseCommand):
    help = (
        "Take bounces (RFC 3464): one mail from standard input, as a mail server's pipe gives it, or every mail of a "
        "Maildir, where those that were taken are removed and all others stay."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Where the mail comes from."""
        parser.add_argument("--maildir", type=Path, help="a Maildir with bounces; without it: standard input")

    def handle(self, *args: Any, **options: Any) -> None:
        """Read, write down, and say what came of it."""
        folder: Path | None = options["maildir"]
        if folder is None:
            try:
                report = self._taken(sys.stdin.buffer.read(MAX_BYTES + 1))
            except PermanentError as error:
                raise CommandError(error.message) from error
        else:
            report = self._emptied(folder)
        self.stdout.write(
            f"{report.hard} hard and {report.soft} soft bounces, {report.given_up} endpoints switched off, "
            f"{report.ignored} known before or not ours"
        )

    def _emptied(self, folder: Path) -> BounceReport:
        if not (folder / "new").is_dir():
            raise CommandError(f"{folder} is no Maildir.")
        total = BounceReport()
        box = mailbox.Maildir(folder, create=False)
        for key in sorted(box.keys()):
            try:
                one = self._taken(box.get_bytes(key))
            except PermanentError as error:
                self.stderr.write(f"{key} stays: {error.message}")
                continue
            except KeyError:
                # Another process has taken it meanwhile.
                continue
            box.discard(key)
            total.hard += one.hard
            total.soft += one.soft
            total.given_up += one.given_up
            total.ignored += one.ignored
        return total

    def _taken(self, raw: bytes) -> BounceReport:
        return bounces_take(bounces=bounces_read(raw), now=clock.now())
