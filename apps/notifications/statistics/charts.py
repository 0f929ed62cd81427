"""A report as the page of charts shows it: rows of words and numbers, and series for the script."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from apps.notifications.channels.registry import CHANNELS
from apps.notifications.statistics.cells import Cell
from apps.notifications.statistics.report import Compared, Filters, Report, Span, Step, Troubles, report

SPANS: Final = {
    "day": ("24 hours", timedelta(days=1), Step.HOUR),
    "week": ("7 days", timedelta(days=7), Step.HOUR),
    "month": ("30 days", timedelta(days=30), Step.DAY),
    "quarter": ("90 days", timedelta(days=90), Step.DAY),
}
HEAD: Final = ("", "ended", "success", "before", "tries each", "min", "mean", "p50", "p95", "p99", "max", "p95 before")
TROUBLES_HEAD: Final = ("", "times", "share", "before", "codes")
CHARTS: Final = (
    ("outcomes", "What became of deliveries"),
    ("success", "Delivered, per cent"),
    ("latency", "From due to delivered"),
    ("tries", "Tries per delivery"),
    ("troubles", "Why tries failed"),
)
_CODES_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Page:
    """What the template shows; `data` is for the script alone."""

    span: str
    spans: dict[str, str]
    channels: tuple[str, ...]
    filters: dict[str, str]
    as_of: datetime | None
    charts: tuple[tuple[str, str], ...]
    tables: list[tuple[str, tuple[str, ...], list[tuple[str, ...]]]]
    data: dict[str, Any]


def page(asked: Mapping[str, str], *, now: datetime) -> Page:
    """Everybody's deliveries of the span that is asked for; a span that there is not is the last day."""
    span = asked.get("span", "")
    span = span if span in SPANS else "day"
    _, length, step = SPANS[span]
    # PostgreSQL takes no NUL in a text, and no name has one.
    filters = {name: asked.get(name, "").replace("\0", "") for name in ("channel", "provider", "template")}
    found = report(
        span=Span.around(now - length, now, step),
        filters=Filters(**{name: value for name, value in filters.items() if value}),
    )
    return Page(
        span=span,
        spans={name: words for name, (words, _, _) in SPANS.items()},
        channels=tuple(CHANNELS.names()),
        filters=filters,
        as_of=found.as_of,
        charts=CHARTS,
        tables=[
            ("Channels", HEAD, [_row("all", found.total), *_rows(found.channels)]),
            ("Providers", HEAD, _rows(found.providers)),
            ("Templates", HEAD, _rows(found.templates)),
            ("Why tries failed", TROUBLES_HEAD, _trouble_rows(found.errors)),
            ("Why deliveries failed", TROUBLES_HEAD, _trouble_rows(found.reasons)),
        ],
        data=_data(found, step),
    )


def _data(found: Report, step: Step) -> dict[str, Any]:
    cells = [point.counted for point in found.series]
    percentiles = [_seconds(cell.latency.percentiles_us(0.5, 0.95, 0.99)) for cell in cells]
    return {
        "labels": [f"{point.at:%d %b %H:%M}" if step is Step.HOUR else f"{point.at:%d %b}" for point in found.series],
        "outcomes": {
            name: [getattr(cell, name) for cell in cells] for name in ("delivered", "failed", "dead", "expired")
        },
        "success": [None if cell.success_rate is None else round(100 * cell.success_rate, 3) for cell in cells],
        "tries": [None if cell.attempts_mean is None else round(cell.attempts_mean, 3) for cell in cells],
        "latency": {name: [row[place] for row in percentiles] for place, name in enumerate(("p50", "p95", "p99"))},
        "troubles": {
            "labels": [one.trouble for one in found.errors],
            "now": [one.count for one in found.errors],
            "before": [one.before for one in found.errors],
        },
    }


def _rows(found: Iterable[Compared]) -> list[tuple[str, ...]]:
    return [_row(one.name or "–", one) for one in found]


def _row(name: str, one: Compared) -> tuple[str, ...]:
    now, before = one.now, one.before
    p50, p95, p99 = _seconds(now.latency.percentiles_us(0.5, 0.95, 0.99))
    least, mean, most = _seconds([now.latency.min_us, now.latency.mean_us, now.latency.max_us])
    [p95_before] = _seconds(before.latency.percentiles_us(0.95))
    tries = "–" if now.attempts_mean is None else f"{now.attempts_mean:.2f}"
    times = (least, mean, p50, p95, p99, most, p95_before)
    return (name, f"{now.deliveries:,}", _rate(now), _rate(before), tries, *map(_shown, times))


def _trouble_rows(found: Iterable[Troubles]) -> list[tuple[str, ...]]:
    return [
        (
            one.trouble.replace("_", " "),
            f"{one.count:,}",
            f"{100 * one.share:.1f} %",
            f"{one.before:,}",
            ", ".join(f"{code} {count:,}" for code, count in list(one.codes.items())[:_CODES_SHOWN]),
        )
        for one in found
    ]


def _rate(cell: Cell) -> str:
    return "–" if cell.success_rate is None else f"{100 * cell.success_rate:.2f} %"


def _seconds(times: Iterable[float | None]) -> list[float | None]:
    return [None if time is None else round(time / 1e6, 4) for time in times]


def _shown(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds:.3f} s"
