"""One replay from its files to its opportunities."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from apps.core.exceptions import PermanentError
from apps.opportunities.replay.episodes import Episode
from apps.opportunities.replay.execution import Taker
from apps.opportunities.replay.funding import Fundings, settled_rates
from apps.opportunities.replay.listings import Listings
from apps.opportunities.replay.losses import Losses
from apps.opportunities.replay.rows import fundings_read, quotes_read
from apps.opportunities.replay.sources import Source
from apps.opportunities.replay.sweep import Limits, Sweep
from apps.opportunities.replay.tape import Tape
from apps.opportunities.strategies.base import Strategy

# (what is being done, how much of it is done, how much there is)
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Terms:
    """What a replay looks for and with which fees (fractions, by exchange, else the default) and funding intervals
    (hours, by exchange)."""

    strategies: Sequence[Strategy]
    limits: Limits
    fees: Mapping[str, float]
    default_fee: float
    intervals: Mapping[str, float]
    taker: Taker | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a replay found, in the order of first sightings; of how many rows and markets, in how many scans."""

    episodes: list[Episode]
    rows: int
    markets: int
    scans: int
    losses: Losses
    # Exchanges whose fee nobody gave.
    assumed: list[str]


def replay(source: Source, fundings: Sequence[Path], terms: Terms, progress: Progress) -> Outcome:
    """Play a recording. Raises PermanentError where there is nothing in it to play."""
    listings, losses = Listings(terms.fees, terms.default_fee), Losses()
    read = _sized(progress, "funding", fundings)
    settled, told = fundings_read(fundings, listings, losses, read)
    sweep = Sweep(
        listings=listings,
        strategies=terms.strategies,
        limits=terms.limits,
        fundings=Fundings(settled_rates(settled, listings, terms.intervals), told),
        intervals=terms.intervals,
        losses=losses,
        taker=terms.taker,
    )
    rows = (_parquet if source.is_parquet else _rows)(source, sweep, progress)
    if not rows:
        raise PermanentError("\n".join(["There is no row to play.", *losses.lines()]), code="nothing_there")
    sweep.finish()
    names = {one.exchange for one in listings.all}
    return Outcome(
        episodes=sorted(sweep.episodes.all, key=lambda one: one.first.at),
        rows=rows,
        markets=len(listings.all),
        scans=sweep.scans,
        losses=losses,
        assumed=sorted(names - terms.fees.keys()),
    )


def _rows(source: Source, sweep: Sweep, progress: Progress) -> int:
    read = _sized(progress, "reading", source.files)
    tape = quotes_read(source.files, sweep.listings, sweep.losses, read)
    total = len(tape.prices)
    sweep.play(tape, lambda done: progress("replaying", done, total))
    return total


def _parquet(source: Source, sweep: Sweep, progress: Progress) -> int:
    # Not at the top: pyarrow takes its time to load.
    from apps.opportunities.replay.parquet import parquet_open, parquet_tapes

    files = parquet_open(source.files)
    total = files.rows
    done = 0

    def play(tape: Tape) -> int:
        sweep.play(tape, lambda rows: progress("replaying", done + rows, total))
        return len(tape.prices)

    for tape in parquet_tapes(files, sweep.listings, sweep.losses):
        done += play(tape)
    return done


def _sized(progress: Progress, what: str, files: Sequence[Path]) -> Callable[[Path, int], None]:
    """Progress over the bytes of several files."""
    sizes = {path: path.stat().st_size for path in files if path.exists()}
    seen: dict[Path, int] = {}

    def told(path: Path, bytes_read: int) -> None:
        seen[path] = bytes_read
        progress(what, sum(seen.values()), sum(sizes.values()))

    return told


def limits_of(*, horizon_h: Decimal, min_net_edge: Decimal, max_skew_s: Decimal, max_price_ratio: float) -> Limits:
    """The limits of a replay, from seconds and fractions."""
    return Limits(horizon_h, min_net_edge, round(max_skew_s * 1_000_000), max_price_ratio)
