"""`manage.py audit verify | export`: is the audit trail whole, and what does it say."""

import csv
import json
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.core import audit, audit_chain, clock


class Command(BaseCommand):
    """Walks the chain, or writes records out."""

    help = "Verify the audit trail's chain, or export records."

    def add_arguments(self, parser: CommandParser) -> None:
        """What to do, and with which part."""
        todo = parser.add_subparsers(dest="todo", required=True)
        verify = todo.add_parser("verify", help="walk the chain; exit status 1 names the first broken record")
        verify.add_argument(
            "--head", metavar="POSITION:DIGEST", help="a head noted earlier, which has to be in it still"
        )
        export = todo.add_parser("export", help="write records, oldest first")
        export.add_argument("--since", metavar="TIME", help="ISO 8601; from this moment on")
        export.add_argument("--until", metavar="TIME", help="ISO 8601; before this moment")
        export.add_argument("--format", choices=("jsonl", "csv"), default="jsonl", help="%(default)s")
        export.add_argument("--out", type=Path, help="file to write; the output without it")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do what was asked for."""
        if options["todo"] == "verify":
            self._verify(options["head"])
        else:
            self._export(options)

    def _verify(self, head: str | None) -> None:
        verdict = audit_chain.verify(now=clock.wall_now(), noted=None if head is None else _head(head))
        if verdict.trouble:
            raise CommandError(f"Broken. {verdict.trouble} Before it {verdict.records} records are whole.")
        self.stdout.write(f"{verdict.records} records are whole, {verdict.waiting} wait for the chain.")
        self.stdout.write(f"Head {verdict.position}:{verdict.digest}")

    def _export(self, options: dict[str, Any]) -> None:
        since, until = _moment(options["since"]), _moment(options["until"])
        out: Path | None = options["out"]
        audit.record(
            actor_id=None,
            action="audit.exported",
            target="core.AuditRecord:*",
            changes={"since": options["since"], "until": options["until"]},
        )
        opened: AbstractContextManager[Any] = nullcontext(self.stdout)
        if out is not None:
            out.touch(mode=0o600)
            opened = out.open("w", newline="")
        with opened as file:
            _WRITERS[options["format"]](file, audit_chain.exported(since=since, until=until))


def _jsonl(file: IO[str], rows: Iterable[dict[str, Any]]) -> None:
    for row in rows:
        file.write(json.dumps(row, sort_keys=True) + "\n")


def _csv(file: IO[str], rows: Iterable[dict[str, Any]]) -> None:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(audit.COLUMNS)
    for row in rows:
        cells = row | {"changes": json.dumps(row["changes"], sort_keys=True)}
        writer.writerow([_cell(cells[name]) for name in audit.COLUMNS])


def _cell(value: Any) -> Any:
    # A spreadsheet would run what begins like a formula, and agents are written by strangers.
    return f"'{value}" if isinstance(value, str) and value[:1] in tuple("=+-@\t\r") else value


_WRITERS = {"jsonl": _jsonl, "csv": _csv}


def _head(text: str) -> tuple[int, str]:
    position, _, digest = text.partition(":")
    if not position.isdigit() or len(digest) != 64:
        raise CommandError("Write the head as verify told it: POSITION:DIGEST.")
    return int(position), digest


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(f"{text!r} is no ISO 8601 time.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
