"""Pictures of an opportunity as SVG, made on the server: readable in light and dark, without script or style sheet."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from html import escape
from typing import Final

from apps.opportunities.waterfall import Step

_WIDTH: Final = 720
_LABELS, _FIGURES, _PAD = 150, 110, 16
_ROW, _BAR = 34, 20
_TOP, _BOTTOM = 64, 34
_INK, _FAINT, _GRID = "#1f2937", "#6b7280", "#d1d5db"
_TOTAL, _COST, _GAIN = "#2563eb", "#dc2626", "#16a34a"


@dataclass(frozen=True, slots=True)
class Caption:
    """What a picture is of: `title` and `words` above it, `note` (where its data comes from) below it."""

    title: str
    words: str
    note: str


@dataclass(frozen=True, slots=True)
class Point:
    """The net edge (a fraction) at one moment."""

    at: datetime
    net_edge: Decimal


def waterfall_svg(steps: Sequence[Step], caption: Caption) -> str:
    """One bar per step: totals from nothing, costs to the left of where the last step ended."""
    low = min([Decimal(0), *(min(step.start, step.end) for step in steps)])
    high = max([Decimal(0), *(max(step.start, step.end) for step in steps)])
    left, right = _LABELS, _WIDTH - _FIGURES

    def x(value: Decimal) -> float:
        share = (value - low) / (high - low) if high > low else Decimal(0)
        return round(left + float(share) * (right - left), 1)

    height = _TOP + _ROW * len(steps) + _BOTTOM
    parts = [_line(x(Decimal(0)), _TOP - 6, x(Decimal(0)), height - _BOTTOM, _GRID)]
    for place, step in enumerate(steps):
        y = _TOP + _ROW * place
        begin, end = sorted((x(step.start), x(step.end)))
        figure = percent(step.end if step.total else step.change, sign=not step.total)
        weight = "bold" if step.total else "normal"
        parts += [
            _text(left - 10, y + 15, step.label, anchor="end", weight=weight),
            # A step too small to be seen is a hair line all the same.
            f'<rect x="{begin}" y="{y}" width="{max(end - begin, 1):.1f}" height="{_BAR}" fill="{_colour(step)}"/>',
            _text(_WIDTH - _PAD, y + 15, figure, anchor="end", weight=weight),
        ]
        if place + 1 < len(steps):
            parts.append(_line(x(step.end), y + _BAR, x(step.end), y + _ROW, _FAINT))
    told = ", ".join(f"{step.label} {percent(step.end if step.total else step.change)}" for step in steps)
    return _svg(height, caption, told, parts)


def history_svg(points: Sequence[Point], caption: Caption) -> str:
    """The net edge over time (oldest first, at least one point), with its least and its greatest."""
    height, left, right = 260, _PAD + 84, _WIDTH - _PAD
    top, bottom = _TOP, height - _BOTTOM - 24
    edges = [point.net_edge for point in points]
    low, high = min([Decimal(0), *edges]), max([Decimal(0), *edges])
    span = (points[-1].at - points[0].at).total_seconds()

    def place(point: Point) -> str:
        along = (point.at - points[0].at).total_seconds() / span if span else 0.5
        up = float((point.net_edge - low) / (high - low)) if high > low else 0.0
        return f"{left + along * (right - left):.1f},{bottom - up * (bottom - top):.1f}"

    line = " ".join(place(point) for point in points)
    first, last = (f"{point.at:%Y-%m-%d %H:%M:%S} UTC" for point in (points[0], points[-1]))
    parts = [
        _line(left, bottom, right, bottom, _GRID),
        _line(left, top, right, top, _GRID),
        _text(left - 8, bottom + 4, percent(low), anchor="end"),
        _text(left - 8, top + 4, percent(high), anchor="end"),
        f'<polyline points="{line}" fill="none" stroke="{_TOTAL}" stroke-width="2"/>',
        *(f'<circle cx="{at}" cy="{up}" r="2.5" fill="{_TOTAL}"/>' for at, up in _pairs(line)),
        _text(left, bottom + 20, first, colour=_FAINT),
        _text(right, bottom + 20, last, anchor="end", colour=_FAINT),
    ]
    told = f"from {percent(edges[0])} at {first} to {percent(edges[-1])} at {last}"
    return _svg(height, caption, told, parts)


def percent(edge: Decimal, *, sign: bool = False) -> str:
    """A fraction as `0.2441 %`; with `sign` a plus stands before what is not negative."""
    return f"{edge * 100:{'+' if sign else ''}.4f}\N{NO-BREAK SPACE}%".replace("-", "\N{MINUS SIGN}")


def _svg(height: int, caption: Caption, told: str, parts: Sequence[str]) -> str:
    name = _safe(f"{caption.title}: {caption.words}")
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{name}"',
            f' width="{_WIDTH}" height="{height}" font-family="sans-serif" font-size="13">',
            f"<title>{name}</title>",
            f"<desc>{_safe(told)}. {_safe(caption.note)}</desc>",
            f'<rect width="{_WIDTH}" height="{height}" rx="8" fill="#ffffff"/>',
            _text(_PAD, 26, caption.title, weight="bold"),
            _text(_PAD, 45, caption.words, colour=_FAINT),
            *parts,
            _text(_PAD, height - 12, caption.note, colour=_FAINT),
            "</svg>",
        ]
    )


def _safe(words: str) -> str:
    """Names come from exchanges: without what XML does not allow, and escaped."""
    return escape("".join(letter for letter in words if letter.isprintable()))


def _pairs(line: str) -> list[tuple[str, str]]:
    return [(at, up) for at, _, up in (pair.partition(",") for pair in line.split())]


def _colour(step: Step) -> str:
    if step.total and step.end >= 0:
        return _TOTAL
    return _COST if (step.end if step.total else step.change) < 0 else _GAIN


def _line(x1: float, y1: float, x2: float, y2: float, colour: str) -> str:
    return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{colour}"/>'


def _text(x: float, y: float, words: str, *, anchor: str = "start", weight: str = "normal", colour: str = _INK) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-weight="{weight}" fill="{colour}">{_safe(words)}</text>'
