"""`manage.py replay`: recorded quotes through the strategies; what would have been found, as JSON lines and a table."""

from argparse import ArgumentTypeError
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

from apps.core.exceptions import ArbEdgeError, PermanentError
from apps.core.money import to_decimal
from apps.markets import archive
from apps.opportunities.replay.execution import Taker
from apps.opportunities.replay.running import Outcome, Terms, limits_of, replay
from apps.opportunities.replay.sources import Source, source_of
from apps.opportunities.replay.summary import execution_table, summary_table
from apps.opportunities.replay.writing import episodes_write
from apps.opportunities.strategies.base import Strategy
from apps.opportunities.strategies.registry import strategies_all

_WIDTH = 140


def number(text: str) -> Decimal:
    """A decimal number."""
    try:
        return to_decimal(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error


def _not_negative(text: str) -> Decimal:
    value = number(text)
    if value < 0:
        raise ArgumentTypeError(f"{text} is negative")
    return value


def _above_zero(text: str) -> Decimal:
    value = number(text)
    if value <= 0:
        raise ArgumentTypeError(f"{text} is not above 0")
    return value


def fee(text: str) -> Decimal:
    """A taker fee as a fraction of what is traded."""
    value = number(text)
    if not 0 <= value < 1:
        raise ArgumentTypeError(f"{text} is no fee in [0, 1): 0.1 % is 0.001")
    return value


def day(text: str) -> date:
    """A day, as ISO 8601 writes it."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is no day: write 2026-01-31") from error


def named(parse: Callable[[str], Decimal]) -> Callable[[str], tuple[str, Decimal]]:
    """`EXCHANGE=…`; exchange names are free text, so the last `=` counts."""

    def both(text: str) -> tuple[str, Decimal]:
        name, sign, value = text.rpartition("=")
        if not sign or not name:
            raise ArgumentTypeError(f"{text!r} is not EXCHANGE=NUMBER")
        return name, parse(value)

    return both


class Command(BaseCommand):
    """Reads files, writes a file; needs neither database nor Redis."""

    help = (
        "Plays recorded quotes through the strategies and writes one JSON line per opportunity. Rows are JSON objects, "
        "one a line: {ts, exchange, symbol, bid, bid_size, ask, ask_size, [mark, index, funding_rate, interval_h, "
        "next_funding_ts, contract_size]}; ts in Unix seconds, ccxt's unified symbols, sizes in base units or null."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """What to play, with which costs, what to look for, and where to write it."""
        kinds = [strategy.kind.value for strategy in _strategies()]
        several: dict[str, Any] = {"nargs": "+", "action": "extend"}
        words = {
            "quotes": "*.jsonl, *.jsonl.gz, or the archive's Parquet files (its folder will do)",
            "archive": "the archive itself, wherever ARCHIVE_URL says it is, instead of --quotes",
            "from": "with --archive: the first day, as 2026-01-31 (default: all)",
            "to": "with --archive: the last day (default: all)",
            "funding": "settled fundings: rows of ts, exchange, symbol, funding_rate, [interval_h]",
            "kind": "only these kinds (default: all)",
            "taker_fee": "an exchange's taker fee, as a fraction",
            "default_taker_fee": "the taker fee of all others (default: %(default)s)",
            "funding_interval": "hours between fundings, where the rows don't say",
            "horizon": "hours that fundings are collected for (default: %(default)s)",
            "min_net_edge": "the net edge that has to be exceeded, as a fraction (default: %(default)s)",
            "max_skew": "seconds that quotes of one opportunity may be apart (default: %(default)s)",
            "max_price_ratio": "prices further apart than this are not of one asset (default: %(default)s)",
            "execute": "simulate taking each one, --latency ms after it is first seen",
            "latency": "milliseconds until the orders are filled (default: %(default)s)",
            "size": "dollars that are put into each at most (default: %(default)s)",
            "out": "where the JSON lines go; an earlier file is replaced",
        }
        options: dict[str, dict[str, Any]] = {
            "quotes": {"type": Path, "default": [], "metavar": "FILE|DIR", **several},
            "archive": {"action": "store_true"},
            "from": {"dest": "since", "type": day, "default": date.min, "metavar": "DAY"},
            "to": {"dest": "until", "type": day, "default": date.max, "metavar": "DAY"},
            "funding": {"type": Path, "default": [], "metavar": "FILE", **several},
            "kind": {"choices": kinds, "default": [], **several},
            "taker_fee": {"type": named(fee), "default": [], "metavar": "EXCHANGE=0.001", **several},
            "default_taker_fee": {"type": fee, "default": Decimal("0.001")},
            "funding_interval": {"type": named(_above_zero), "default": [], "metavar": "EXCHANGE=8", **several},
            "horizon": {"type": _above_zero, "default": Decimal(24)},
            "min_net_edge": {"type": number, "default": Decimal("0.0005")},
            "max_skew": {"type": _not_negative, "default": Decimal(5)},
            "max_price_ratio": {"type": _not_negative, "default": to_decimal(settings.MAX_PRICE_RATIO)},
            "execute": {"action": "store_true"},
            "latency": {"type": _not_negative, "default": Decimal(250)},
            "size": {"type": _above_zero, "default": Decimal(1000)},
            "out": {"type": Path, "required": True, "metavar": "FILE"},
        }
        for name, facts in options.items():
            parser.add_argument(f"--{name.replace('_', '-')}", help=words[name], **facts)

    def handle(self, *args: Any, **options: Any) -> None:
        """Replay; what is wrong is told in words."""
        out: Path = options["out"]
        if not out.parent.is_dir() or out.is_dir():
            raise CommandError(f"{out} can't be written: name a file in a folder that is there.")
        if bool(options["quotes"]) == options["archive"]:
            raise CommandError("Say what to play: either --quotes FILE|DIR or --archive.")
        console = Console(stderr=True, width=None if Console(stderr=True).is_terminal else _WIDTH)
        terms = _terms(options)
        try:
            with _quotes(options) as quotes, _Bar(console) as bar:
                source = source_of(quotes)
                outcome = replay(source, options["funding"], terms, bar.told)
                episodes_write(outcome.episodes, out, terms.limits.horizon_h)
        except ArbEdgeError as error:
            raise CommandError(error.message) from error
        self._report(console, source, outcome, terms, out)

    def _report(self, console: Console, source: Source, outcome: Outcome, terms: Terms, out: Path) -> None:
        kinds = [strategy.kind.value for strategy in terms.strategies]
        title = (
            f"{len(outcome.episodes):,} opportunities in {outcome.rows:,} quotes read of {outcome.markets:,} markets"
        )
        console.print(summary_table(outcome.episodes, kinds, title=title))
        if terms.taker is not None:
            taken = (
                f"Taken {terms.taker.latency_us / 1000:g} ms after they were first seen, {terms.taker.size} USD each"
            )
            console.print(execution_table(outcome.episodes, kinds, title=taken))
        for line in outcome.losses.lines():
            console.print(line, style="yellow", markup=False, highlight=False)
        if source.ignored:
            console.print(f"Not read: {', '.join(source.ignored)}", style="yellow", markup=False, highlight=False)
        if outcome.assumed:
            names = ", ".join(outcome.assumed)
            console.print(f"Taker fee {terms.default_fee:.4%} taken for: {names}", markup=False, highlight=False)
        console.print("Transfer fees are not considered, and nothing here is risk-free.")
        self.stdout.write(f"{len(outcome.episodes)} opportunities written to {out}")


@contextmanager
def _quotes(options: dict[str, Any]) -> Iterator[list[Path]]:
    """What is to be played; of the archive, which may be in a bucket, a copy of its parts for as long as it is read."""
    if not options["archive"]:
        yield options["quotes"]
        return
    with TemporaryDirectory(prefix="replay-") as folder:
        if not archive.copy(Path(folder), since=options["since"], until=options["until"]):
            raise PermanentError("The archive has no part of these days.", code="nothing_there")
        yield [Path(folder)]


def _strategies() -> list[Strategy]:
    """Those whose opportunities have an edge."""
    return [strategy for strategy in strategies_all() if strategy.family == "arbitrage"]


def _terms(options: dict[str, Any]) -> Terms:
    limits = limits_of(
        horizon_h=options["horizon"],
        min_net_edge=options["min_net_edge"],
        max_skew_s=options["max_skew"],
        max_price_ratio=float(options["max_price_ratio"]),
    )
    taker = Taker(
        latency_us=round(options["latency"] * 1000),
        size=options["size"],
        horizon_h=limits.horizon_h,
        max_skew_us=limits.max_skew_us,
    )
    return Terms(
        strategies=[one for one in _strategies() if not options["kind"] or one.kind.value in options["kind"]],
        limits=limits,
        fees={name: float(value) for name, value in options["taker_fee"]},
        default_fee=float(options["default_taker_fee"]),
        intervals={name: float(value) for name, value in options["funding_interval"]},
        taker=taker if options["execute"] else None,
    )


class _Bar:
    """A progress bar on a terminal; elsewhere nothing is drawn."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn(),
            console=console, disable=not console.is_terminal,
        )  # fmt: skip
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> "_Bar":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def told(self, what: str, done: int, total: int) -> None:
        """So much of it is done."""
        task = self._tasks.get(what)
        if task is None:
            task = self._tasks[what] = self._progress.add_task(what)
        self._progress.update(task, completed=done, total=total)
