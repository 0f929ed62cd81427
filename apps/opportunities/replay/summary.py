"""What a replay came to, as a table: how many, how good, for how long, and what they were worth."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal
from statistics import quantiles

from rich.table import Table

from apps.markets.conversion import DOLLARS
from apps.opportunities.replay.episodes import Episode
from apps.opportunities.replay.execution import Execution


def summary_table(episodes: Sequence[Episode], kinds: Sequence[str], *, title: str) -> Table:
    """A row per kind. "If taken" is the profit of taking each at its first sighting, at once."""
    table = Table(title=title, title_justify="left")
    table.add_column("kind")
    for name in ("found", "net edge 50 %", "90 %", "best", "lasted 50 %", "longest", "size 50 %", "if taken"):
        table.add_column(name, justify="right")
    for kind in kinds:
        mine = [one for one in episodes if one.best.strategy.kind.value == kind]
        table.add_row(kind, str(len(mine)), *(_figures(mine) if mine else ["–"] * 7))
    return table


def execution_table(episodes: Sequence[Episode], kinds: Sequence[str], *, title: str) -> Table:
    """A row per kind: what taking each of them came to."""
    table = Table(title=title, title_justify="left")
    table.add_column("kind")
    for name in ("filled", "partial", "missed", "won", "net edge 50 %", "notional", "profit"):
        table.add_column(name, justify="right")
    for kind in kinds:
        tried = [
            one.execution for one in episodes if one.execution is not None and one.best.strategy.kind.value == kind
        ]
        table.add_row(kind, *_taken(tried))
    return table


def _figures(mine: Sequence[Episode]) -> list[str]:
    edges = [one.best.net for one in mine]
    lifetimes = [one.lifetime_s for one in mine]
    sizes = [one.best.notional for one in mine if one.best.notional is not None and one.best.quote in DOLLARS]
    taken = [(one.first.quote, Decimal(repr(one.first.net * one.first.notional)))
             for one in mine if one.first.notional is not None]  # fmt: skip
    return [
        f"{_quantile(edges, 50):.4%}",
        f"{_quantile(edges, 90):.4%}",
        f"{max(edges):.4%}",
        f"{_quantile(lifetimes, 50):,.1f} s",
        f"{max(lifetimes):,.1f} s",
        f"{_quantile(sizes, 50):,.0f} USD" if sizes else "unknown",
        _money(taken),
    ]


def _taken(tried: Sequence[Execution]) -> list[str]:
    done = [one for one in tried if one.net_edge is not None]
    counts = [sum(one.outcome == outcome for one in tried) for outcome in ("filled", "partial", "missed")]
    return [
        *(f"{count:,}" for count in counts),
        f"{sum(one.profit > 0 for one in done) / len(done):.0%}" if done else "–",
        f"{_quantile([float(one.net_edge or 0) for one in done], 50):.4%}" if done else "–",
        _money((one.quote, one.notional) for one in done),
        _money((one.quote, one.profit) for one in done),
    ]


def _quantile(values: Sequence[float], percent: int) -> float:
    return values[0] if len(values) == 1 else quantiles(values, n=100, method="inclusive")[percent - 1]


def _money(amounts: Iterable[tuple[str, Decimal]]) -> str:
    """Sums per currency; dollars of all issuers as one, to look at and not to account by."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for quote, amount in amounts:
        sums["USD" if quote in DOLLARS else quote] += amount
    if not sums:
        return "–"
    ordered = sorted(sums.items(), key=lambda item: (item[0] != "USD", item[0]))
    return ", ".join(f"{amount:,.2f} USD" if quote == "USD" else f"{amount:.6g} {quote}" for quote, amount in ordered)
