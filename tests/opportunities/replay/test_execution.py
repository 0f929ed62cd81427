"""Taking what was found: later, at other prices, as much as stands there."""

from pathlib import Path
from typing import Any

import pytest

from tests.opportunities.replay.playing import played, rows_write
from tests.opportunities.replay.test_episodes import at
from tests.opportunities.replay.test_rows import CHEAP, DEAR, T, row


def taken(tmp_path: Path, rows: list[dict[str, Any]], *arguments: object) -> dict[str, Any]:
    path = rows_write(tmp_path / "rows.jsonl", rows)
    (line, *_) = played(tmp_path / "out", "--quotes", path, "--execute", "--default-taker-fee", "0", *arguments)
    return line["execution"]


def test_it_is_filled_at_the_prices_of_the_moment_after_the_latency(tmp_path: Path) -> None:
    rows = [*at(0, CHEAP, DEAR), *at(0.25, DEAR, bid=101), *at(0.2501, DEAR, bid=90, ask=91)]
    execution = taken(tmp_path, rows)
    assert execution == {
        "at": T + 0.25,
        "outcome": "filled",
        "reason": "",
        "notional": 200.0,
        "net_edge": pytest.approx(0.01),
        "profit": pytest.approx(2.0),
        "size_known": True,
    }
    assert taken(tmp_path, rows, "--latency", "251")["profit"] == pytest.approx(-20.0)
    assert taken(tmp_path, rows, "--latency", "0")["profit"] == pytest.approx(4.0)


def test_no_more_is_ordered_than_was_wanted_and_no_more_filled_than_stands(tmp_path: Path) -> None:
    assert taken(tmp_path, at(0, CHEAP, DEAR), "--size", "50")["notional"] == pytest.approx(50.0)
    rows = [*at(0, CHEAP, DEAR), *at(0.1, CHEAP, ask_size=0.5)]
    execution = taken(tmp_path, rows)
    assert (execution["outcome"], execution["notional"]) == ("partial", 50.0)
    assert execution["reason"] == "less stood at the best prices by then"


def test_a_quote_that_is_gone_or_old_can_not_be_taken(tmp_path: Path) -> None:
    gone = taken(tmp_path, [*at(0, CHEAP, DEAR), *at(0.1, DEAR, bid=None)])
    assert (gone["outcome"], gone["profit"], gone["net_edge"]) == ("missed", 0.0, None)
    assert taken(tmp_path, at(0, CHEAP, DEAR), "--latency", "5001")["reason"] == "a leg had no quote any more"
    assert taken(tmp_path, at(0, CHEAP, DEAR), "--latency", "5000")["outcome"] == "filled"


def test_an_unknown_size_is_taken_for_enough_and_said_so(tmp_path: Path) -> None:
    rows = at(0, CHEAP | {"ask_size": None}, DEAR | {"bid_size": None})
    execution = taken(tmp_path, rows)
    assert (execution["notional"], execution["size_known"]) == (1000.0, False)
    in_ether = [one | {"symbol": "BTC/ETH"} for one in rows]
    assert taken(tmp_path, in_ether)["outcome"] == "missed"


def test_fees_turn_a_small_edge_into_a_loss(tmp_path: Path) -> None:
    rows = [*at(0, CHEAP, DEAR), *at(0.1, DEAR, bid=100.1)]
    assert taken(tmp_path, rows, "--taker-fee", "a=0.001", "b=0.001")["profit"] < 0


def test_a_cycle_is_put_in_and_got_out_in_its_first_currency(tmp_path: Path) -> None:
    rows = at(
        0,
        row("a", 99, 100, bid_size=10, ask_size=10),
        row("a", 0.1, 0.11, "ETH/BTC", bid_size=900, ask_size=20),
        row("a", 12, 13, "ETH/USDT", bid_size=900, ask_size=900),
    )
    execution = taken(tmp_path, rows, "--size", "110")
    # 110 USDT buy 1.1 BTC, these 10 ETH, these 120 USDT.
    assert execution["outcome"] == "filled"
    assert execution["notional"] == pytest.approx(110)
    assert execution["profit"] == pytest.approx(10)
    assert taken(tmp_path, rows)["notional"] == pytest.approx(20 * 0.11 * 100)


def test_the_tables_say_what_taking_them_came_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    taken(tmp_path, [*at(0, CHEAP, DEAR), *at(0.25, DEAR, bid=101)])
    told = capsys.readouterr().err
    assert "4.00 USD" in told
    assert "2.00 USD" in told
    assert "not risk-free" in told or "nothing here is risk-free" in told
