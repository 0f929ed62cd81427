"""Running the command, and its lines beside those of the slow replay."""

import json
from collections.abc import Iterable, Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from tests.opportunities.replay.slow import Result, Ring, Seen

Line = dict[str, Any]


def rows_write(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """The rows as a file."""
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def played(out: Path, *arguments: object) -> list[Line]:
    """The lines that `manage.py replay` writes."""
    call_command("replay", "--out", str(out), *map(str, arguments), stdout=StringIO())
    return [json.loads(line) for line in out.read_text().splitlines()]


def assert_same(lines: Sequence[Line], result: Result) -> None:
    """The same opportunities, with the same figures."""
    mine = {(line["first_seen"], line["kind"], _legs(line)): line for line in lines if len(line["legs"]) < 4}
    theirs = {(float(one.first), *one.best.key): one for one in result.found}
    assert len(mine) == sum(len(line["legs"]) < 4 for line in lines)
    assert mine.keys() == theirs.keys()
    for key, line in mine.items():
        one = theirs[key]
        assert (line["last_seen"], line["best_at"]) == (float(one.last), float(one.best_at))
        assert line["sightings"] == one.times
        assert_figures(line, one.best)
    assert_same_rings([line for line in lines if len(line["legs"]) == 4], result.rings)


def assert_same_rings(lines: Sequence[Line], rings: Sequence[Ring]) -> None:
    """Each line is a cycle of four trades that there was at its moments, and each that is needed has its line."""
    there = {(float(ring.at), *ring.seen.key): ring.seen for ring in rings}
    for line in lines:
        for moment in ("first_seen", "last_seen"):
            assert (line[moment], line["kind"], _legs(line)) in there
        assert_figures(line, there[line["best_at"], line["kind"], _legs(line)])
    for ring in rings:
        if ring.needed:
            mine = [line for line in lines if (line["kind"], _legs(line)) == ring.seen.key]
            assert any(line["first_seen"] <= float(ring.at) <= line["last_seen"] for line in mine)


def assert_figures(line: Line, seen: Seen) -> None:
    """The same legs in the same order, edges and size."""
    assert line["symbol"] == seen.legs[0][1]
    assert [tuple(leg[name] for name in ("exchange", "symbol", "side", "price", "fee")) for leg in line["legs"]] == [
        (*leg[:3], float(leg[3]), float(leg[4])) for leg in seen.legs
    ]
    assert line["gross_edge"] == pytest.approx(float(seen.gross), rel=1e-12, abs=1e-15)
    assert line["net_edge"] == pytest.approx(float(seen.net), rel=1e-12, abs=1e-15)
    if seen.notional is None:
        assert line["max_notional"] is None
    else:
        assert line["max_notional"] == pytest.approx(float(seen.notional), rel=1e-9)


def _legs(line: Line) -> frozenset[tuple[str, str, str]]:
    return frozenset((leg["exchange"], leg["symbol"], leg["side"]) for leg in line["legs"])
