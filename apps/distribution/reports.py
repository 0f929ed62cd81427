"""A person's report as CSV and as a page: what they were told of in a span of time, and how it reached them. Pure."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from html import escape
from typing import Any, Final

COLUMNS: Final = (
    "told_at", "kind", "symbol", "net_edge_percent", "peak_net_edge_percent", "strength", "size_usd", "profit", "quote",
    "status", "channels", "seconds",
)  # fmt: skip
# A spreadsheet takes a cell that begins like this for a formula.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Line:
    """One opportunity that somebody was told of; `facts` are empty where it is no longer kept. `channels` tells where
    it went and what became of it there, `seconds` how fast the fastest was."""

    told_at: datetime
    kind: str
    facts: Mapping[str, Any]
    channels: str
    seconds: float | None


def report_csv(lines: Sequence[Line]) -> bytes:
    """RFC 4180 with a header; edges in per cent, moments in UTC."""
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(COLUMNS)
    writer.writerows([_harmless(cell) for cell in _cells(line)] for line in lines)
    return stream.getvalue().encode()


def report_html(lines: Sequence[Line], *, title: str, note: str) -> bytes:
    """A page of its own, without script or anything from elsewhere."""
    head = "".join(f"<th>{escape(name.replace('_', ' '))}</th>" for name in COLUMNS)
    rows = "\n".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in _cells(line))}</tr>" for line in lines)
    page = f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>
<style>body{{font:14px sans-serif;margin:2em}}table{{border-collapse:collapse}}td,th{{border:1px solid #d1d5db;
padding:4px 8px;text-align:left}}</style>
<h1>{escape(title)}</h1><p>{escape(note)}</p>
<table><thead><tr>{head}</tr></thead><tbody>
{rows}
</tbody></table></html>
"""
    return page.encode()


def _cells(line: Line) -> list[str]:
    facts = line.facts
    return [
        line.told_at.isoformat(timespec="seconds"),
        line.kind,
        str(facts.get("symbol", "")),
        _percent(facts.get("net_edge")),
        _percent(facts.get("peak_net_edge")),
        "" if facts.get("strength") is None else f"{facts['strength']:.2f}",
        "" if "size" not in facts else f"{facts['size']:.2f}",
        "" if "profit" not in facts else f"{facts['profit']:.2f}",
        str(facts.get("quote", "")),
        str(facts.get("status", "")),
        line.channels,
        "" if line.seconds is None else f"{line.seconds:.1f}",
    ]


def _percent(edge: Decimal | None) -> str:
    return "" if edge is None else f"{edge * 100:.4f}"


def _harmless(cell: str) -> str:
    # A negative figure is none of it: spreadsheets read those as what they are.
    negative = cell.startswith("-") and cell[1:2].isdigit()
    return f"'{cell}" if cell.startswith(_FORMULA) and not negative else cell
