"""`manage.py archive info | export | flush | compact`: what the archive holds, and rows of it as a file."""

from argparse import ArgumentParser
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any, cast

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.table import Table

from apps.core import clock
from apps.core.exceptions import ArbEdgeError
from apps.markets import archive
from apps.markets.enums import SnapshotKind

FORMATS = ("csv", "jsonl", "parquet")


class Command(BaseCommand):
    """Looks at the archive and takes rows out of it."""

    help = "The archive of quotes and funding rates: what it holds (info), rows as a file (export), care by hand."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """A sub-command and its options."""
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("info", help="kinds, days, rows and bytes, and what waits in the spool")
        actions.add_parser("flush", help="store what waits in the spool and is finished")
        actions.add_parser("compact", help="make one part of each finished day's, delete what is too old")
        export = actions.add_parser("export", help="write rows to a file")
        export.add_argument("out", type=Path, metavar="OUT", help="the file to write; must not exist")
        export.add_argument("--kind", required=True, choices=[kind.value for kind in SnapshotKind])
        export.add_argument("--exchange", action="append", default=[], help="only this one (may be repeated)")
        export.add_argument("--symbol", action="append", default=[], help="only this one (may be repeated)")
        export.add_argument("--from", dest="since", type=moment, help="ISO 8601, UTC unless it says (default: all)")
        export.add_argument("--to", dest="until", type=moment, help="ISO 8601, exclusive (default: now)")
        export.add_argument("--format", choices=FORMATS, default="csv")

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        """Do it; what is wrong is told in words."""
        try:
            getattr(self, f"_{action}")(options)
        except ArbEdgeError as error:
            raise CommandError(error.message) from error

    def _info(self, _: dict[str, Any]) -> None:
        info = archive.info()
        table = Table("kind", "day", "exchanges", "parts", "rows", "bytes", title="Archive")
        for day in info.days:
            figures = (day.exchanges, day.parts, day.rows, day.bytes)
            table.add_row(str(day.kind), day.day.isoformat(), *(f"{figure:,}" for figure in figures))
        Console(file=cast("IO[str]", self.stdout), width=100).print(table)
        self.stdout.write(f"Spool: {info.segments} segments, {info.spooled_bytes:,} bytes.")
        if info.dropped.segments:
            at = datetime.fromtimestamp(info.dropped.last_at, UTC)
            self.stdout.write(
                f"The spool was full: {info.dropped.segments} segments ({info.dropped.bytes:,} bytes) dropped, "
                f"the last at {at:%Y-%m-%d %H:%M:%S} UTC. See ARCHIVE_SPOOL_MB, and whether the storage is there."
            )

    def _flush(self, _: dict[str, Any]) -> None:
        self.stdout.write(f"{archive.flush()} segments stored.")

    def _compact(self, _: dict[str, Any]) -> None:
        report = archive.upkeep(budget_s=float("inf"))
        self.stdout.write(
            f"{report.compacted} partitions compacted, of {report.parts} parts; {report.days_deleted} days deleted."
        )

    def _export(self, options: dict[str, Any]) -> None:
        out: Path = options["out"]
        since: datetime = options["since"] or datetime(1970, 1, 1, tzinfo=UTC)
        # A day ahead: samples are named after our own clock, which may be a replay's.
        until: datetime = options["until"] or clock.now() + timedelta(days=1)
        if out.exists():
            raise CommandError(f"{out} exists: give another name, or delete it.")
        if since >= until:
            raise CommandError(f"--from {since.isoformat()} is not before --to {until.isoformat()}.")
        rows = archive.export(
            out,
            format=options["format"],
            kind=SnapshotKind(options["kind"]),
            since=since,
            until=until,
            exchanges=tuple(options["exchange"]),
            symbols=tuple(options["symbol"]),
        )
        self.stdout.write(f"{rows:,} rows written to {out}.")


def moment(text: str) -> datetime:
    """An ISO 8601 moment, in UTC where it names no zone."""
    value = datetime.fromisoformat(text)
    return value if value.tzinfo else value.replace(tzinfo=UTC)
