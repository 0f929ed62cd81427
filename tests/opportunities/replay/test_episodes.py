"""Sightings become opportunities with a beginning and an end, whatever the order of the rows."""

import random
from pathlib import Path
from typing import Any

import pytest

from tests.opportunities.replay.generated import market_of
from tests.opportunities.replay.playing import Line, played, rows_write
from tests.opportunities.replay.test_rows import CHEAP, DEAR, T, row


def times(lines: list[Line]) -> list[tuple[float, float, float, int]]:
    return [(*(line[name] - T for name in ("first_seen", "last_seen", "best_at")), line["sightings"]) for line in lines]


def at(seconds: float, *rows: dict[str, Any], **changes: Any) -> list[dict[str, Any]]:
    return [one | changes | {"ts": T + seconds} for one in rows]


def test_it_lasts_as_long_as_it_is_seen_again_and_shows_its_best_moment(tmp_path: Path) -> None:
    rows = [*at(0, CHEAP, DEAR), *at(3, DEAR, bid=102.5), *at(4, CHEAP), *at(64, CHEAP, DEAR, bid=98)]
    lines = played(tmp_path / "out", "--quotes", rows_write(tmp_path / "rows.jsonl", rows))
    assert times(lines) == [(0, 4, 3, 3)]
    assert lines[0]["legs"][1]["price"] == 102.5


def test_not_seen_for_a_minute_it_is_over_and_then_another_one(tmp_path: Path) -> None:
    rows = [*at(0, CHEAP, DEAR), *at(60, CHEAP, DEAR), *at(120.001, CHEAP, DEAR)]
    lines = played(tmp_path / "out", "--quotes", rows_write(tmp_path / "rows.jsonl", rows))
    assert times(lines) == [(0, 60, 0, 2), (pytest.approx(120.001), pytest.approx(120.001), pytest.approx(120.001), 1)]


def test_a_quote_of_another_market_is_no_sighting(tmp_path: Path) -> None:
    rows = [*at(0, CHEAP, DEAR), *at(2, row("c", 99, 103)), *at(4, row("a", 5, 6, "ETH/USDT"))]
    lines = played(tmp_path / "out", "--quotes", rows_write(tmp_path / "rows.jsonl", rows))
    assert times(lines) == [(0, 0, 0, 1)]


def test_an_edge_across_dollars_is_looked_at_when_their_rate_comes_and_gone_when_it_is_old(tmp_path: Path) -> None:
    usdc = row("b", 102, 103, "BTC/USDC")
    rate = row("c", 0.9995, 0.9996, "USDC/USDT")
    for when, expected in ((0, [(3, 3, 3, 1)]), (3, [(3, 3, 3, 1)]), (4.5, [(4.5, 4.5, 4.5, 1)]), (5.5, [])):
        rows = [*at(1, CHEAP), *at(3, usdc), *at(when, rate), *at(5.4, row("d", 1, 2, "ETH/USDT"))]
        lines = played(tmp_path / "out", "--quotes", rows_write(tmp_path / "rows.jsonl", rows), "--max-skew", "4")
        assert times(lines) == expected
    later = rows_write(tmp_path / "rows.jsonl", [*at(0, rate), *at(5, CHEAP, usdc)])
    assert played(tmp_path / "out", "--quotes", later, "--max-skew", "4") == []


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_the_rows_of_different_moments_is_all_the_same(tmp_path: Path, seed: int) -> None:
    rows, settled = market_of(seed, moments=10)
    funding = rows_write(tmp_path / "settled.jsonl", settled)
    by_time = sorted(rows, key=lambda one: one["ts"])
    # Of two rows of one market and moment the later one counts: only whole markets change places.
    markets = sorted({(one["exchange"], one["symbol"]) for one in rows})
    random.Random(seed).shuffle(markets)
    by_market = sorted(rows, key=lambda one: markets.index((one["exchange"], one["symbol"])))
    found = [
        played(tmp_path / "out", "--funding", funding, "--quotes", rows_write(tmp_path / f"{at}.jsonl", order))
        for at, order in enumerate((rows, by_time, by_market))
    ]
    assert found[0]
    keys = [sorted(map(str, lines)) for lines in found]
    assert keys[0] == keys[1] == keys[2]
