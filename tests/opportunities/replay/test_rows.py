"""What a recording may hold: every row is used, or named with the reason."""

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management.base import CommandError

from tests.opportunities.replay.playing import played, rows_write

MANAGE = Path(__file__).resolve().parents[3] / "manage.py"
T = 1_700_000_000.0


def row(exchange: str, bid: Any, ask: Any, symbol: str = "BTC/USDT", **more: Any) -> dict[str, Any]:
    return {
        "ts": T,
        "exchange": exchange,
        "symbol": symbol,
        "bid": bid,
        "bid_size": 2,
        "ask": ask,
        "ask_size": 3,
    } | more


CHEAP, DEAR = row("a", 99, 100), row("b", 102, 103)


def test_a_line_holds_legs_edges_times_and_size(tmp_path: Path) -> None:
    (line,) = played(tmp_path / "out", "--quotes", rows_write(tmp_path / "rows.jsonl", [CHEAP, DEAR]))
    assert line == {
        "kind": "cross_exchange",
        "symbol": "BTC/USDT",
        "legs": [
            {"exchange": "a", "symbol": "BTC/USDT", "side": "buy", "price": 100.0, "fee": 0.001},
            {"exchange": "b", "symbol": "BTC/USDT", "side": "sell", "price": 102.0, "fee": 0.001},
        ],
        "gross_edge": 0.02,
        "net_edge": pytest.approx(102 * 0.999 / (100 * 1.001) - 1, rel=1e-14),
        "first_seen": T,
        "last_seen": T,
        "max_notional": 200.0,
        "quote": "USDT",
        "best_at": T,
        "sightings": 1,
        "origin": "replay",
    }


def test_funding_counts_at_its_times_and_is_told_with_the_leg(tmp_path: Path) -> None:
    funded: dict[str, Any] = {
        "symbol": "BTC/USDT:USDT",
        "funding_rate": 0.004,
        "interval_h": 4,
        "next_funding_ts": T + 23 * 3600,
    }
    path = rows_write(tmp_path / "rows.jsonl", [row("a", 100, 100), row("b", 100, 100, **funded)])
    (line,) = played(tmp_path / "out", "--quotes", path, "--default-taker-fee", "0")
    assert (line["kind"], line["gross_edge"], line["net_edge"]) == ("spot_perp", 0.004, 0.004)
    assert line["legs"][1] == {
        "exchange": "b", "symbol": "BTC/USDT:USDT", "side": "sell", "price": 100.0, "fee": 0.0,
        "funding_rate": 0.004, "interval_h": 4.0, "next_funding_ts": T + 23 * 3600,
    }  # fmt: skip
    assert played(tmp_path / "out", "--quotes", path, "--default-taker-fee", "0", "--horizon", "22.99") == []
    (line,) = played(tmp_path / "out", "--quotes", path, "--default-taker-fee", "0", "--horizon", "27")
    assert line["gross_edge"] == 0.008


def test_the_edge_has_to_be_exceeded_exactly(tmp_path: Path) -> None:
    # In floats 100.05/100 - 1 is not 0.0005.
    path = rows_write(tmp_path / "rows.jsonl", [row("a", 99, 100), row("b", 100.05, 101)])
    arguments = ("--quotes", path, "--default-taker-fee", "0")
    assert played(tmp_path / "out", *arguments) == []
    assert len(played(tmp_path / "out", *arguments, "--min-net-edge", "0.000499999999")) == 1


@pytest.mark.parametrize(("apart", "found"), [(5, 1), (5.000001, 0)])
def test_quotes_may_be_apart_by_the_skew_to_the_microsecond(tmp_path: Path, apart: float, found: int) -> None:
    path = rows_write(tmp_path / "rows.jsonl", [CHEAP, DEAR | {"ts": T + apart}])
    assert len(played(tmp_path / "out", "--quotes", path)) == found


def test_only_the_kinds_that_are_asked_for_are_looked_for(tmp_path: Path) -> None:
    path = rows_write(tmp_path / "rows.jsonl", [CHEAP, DEAR])
    assert played(tmp_path / "out", "--quotes", path, "--kind", "funding_rate", "triangular") == []
    assert len(played(tmp_path / "out", "--quotes", path, "--kind", "funding_rate", "--kind", "cross_exchange")) == 1


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("{not json", "not readable"),
        ("[1, 2]", "not readable"),
        ('{"ts": 1700000000, "exchange": "b"}', "missing required field `symbol`"),
        (json.dumps(DEAR | {"bid": "much"}), "not readable"),
        (json.dumps(DEAR | {"ts": T * 1000}), "whose ts is no moment in Unix seconds"),
        (json.dumps(DEAR | {"exchange": ""}), "without exchange or symbol"),
        (json.dumps(DEAR | {"bid": None}), "without bid or ask"),
        (json.dumps(DEAR | {"bid": -1}), "whose price is not positive"),
        (json.dumps(DEAR | {"bid": 104}), "crossed (bid above ask)"),
        (json.dumps(DEAR | {"bid_size": 0}), "without size"),
        (b'{"ts": 1700000000, "exchange": "\xff", "symbol": "BTC/USDT"}', "not readable"),
    ],
)
def test_a_bad_row_is_named_and_costs_only_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], bad: str | bytes, reason: str
) -> None:
    path = tmp_path / "rows.jsonl"
    good = [json.dumps(one).encode() for one in (CHEAP, row("c", 102, 103))]
    path.write_bytes(b"\n".join([good[0], b"", bad if isinstance(bad, bytes) else bad.encode(), good[1]]))
    lines = played(tmp_path / "out", "--quotes", path)
    assert [[leg["exchange"] for leg in line["legs"]] for line in lines] == [["a", "c"]]
    told = " ".join(capsys.readouterr().err.split())
    assert reason in told
    assert "1 row " in told
    assert "rows.jsonl:3" in told


@pytest.mark.parametrize(
    ("symbol", "reason"),
    [
        ("BTC/USD:BTC", "of an inverse perpetual without contract_size: b BTC/USD:BTC"),
        ("BTC/USDT:USDT-240329", "of a dated future or an option"),
        ("BTCUSDT", "of a symbol that is not BASE/QUOTE or BASE/QUOTE:SETTLE: b BTCUSDT"),
        ("BTC3L/USDT", "of leveraged tokens or tokenised stocks"),
        ("ETH/BTC:USDT", "of a perpetual paid in a third currency"),
    ],
)
def test_markets_that_are_not_compared_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], symbol: str, reason: str
) -> None:
    rows = [row("a", 99, 100, symbol), row("b", 102, 103, symbol), row("b", 102, 103, symbol, ts=T + 1), CHEAP]
    rows += [row("b", 99, 100)]
    assert played(tmp_path / "out", "--quotes", rows_write(tmp_path / "rows.jsonl", rows)) == []
    told = " ".join(capsys.readouterr().err.split())
    assert "3 rows " in told
    assert reason.split(": b")[0] in told
    assert f"b {symbol}" in told


def test_an_inverse_perpetual_with_contract_size_is_read_and_paired_with_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    funded = {"funding_rate": 0.01, "interval_h": 8, "next_funding_ts": T + 60, "contract_size": 100}
    rows = [row("a", 100, 100, "BTC/USD:BTC", **funded), row("b", 100, 100, "BTC/USD:BTC", **funded), row("c", 99, 99)]
    assert played(tmp_path / "out", "--quotes", rows_write(tmp_path / "rows.jsonl", rows)) == []
    assert "contract_size" not in capsys.readouterr().err


def test_what_can_not_be_traded_any_more_is_not_traded_at_its_last_price(tmp_path: Path) -> None:
    rows = [CHEAP, CHEAP | {"ts": T + 1, "ask": None}, DEAR | {"ts": T + 2}]
    assert played(tmp_path / "out", "--quotes", rows_write(tmp_path / "rows.jsonl", rows)) == []


def test_unknown_sizes_are_unknown(tmp_path: Path) -> None:
    rows = [{name: value for name, value in CHEAP.items() if name != "ask_size"}, DEAR | {"bid_size": None}]
    (line,) = played(tmp_path / "out", "--quotes", rows_write(tmp_path / "rows.jsonl", rows))
    assert line["max_notional"] is None


def test_a_funding_that_is_no_funding_costs_the_row_only_that(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = {"symbol": "BTC/USDT:USDT", "funding_rate": 1.5, "interval_h": 8, "next_funding_ts": T + 60}
    assert played(tmp_path / "out", "--quotes", rows_write(tmp_path / "rows.jsonl", [CHEAP, DEAR | more])) == []
    assert "whose funding_rate is 100 % or more" in capsys.readouterr().err


def test_a_folder_is_played_as_one_recording_whatever_the_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "recording" / "more"
    folder.mkdir(parents=True)
    rows_write(folder.parent / "dear.jsonl", [DEAR])
    (folder / "cheap.jsonl.gz").write_bytes(gzip.compress(json.dumps(CHEAP).encode()))
    (folder / "README.md").write_text("words")
    assert len(played(tmp_path / "out", "--quotes", folder.parent)) == 1
    assert "Not read: README.md" in capsys.readouterr().err


def test_a_file_that_is_broken_off_is_played_as_far_as_it_goes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = gzip.compress(b"".join(json.dumps(one).encode() + b"\n" for one in [CHEAP, DEAR]) * 500)
    (tmp_path / "rows.jsonl.gz").write_bytes(whole[:-20])
    assert len(played(tmp_path / "out", "--quotes", tmp_path / "rows.jsonl.gz")) == 1
    assert "the file is broken off" in " ".join(capsys.readouterr().err.split())


def test_a_name_that_has_two_prices_is_not_one_asset(tmp_path: Path) -> None:
    path = rows_write(tmp_path / "rows.jsonl", [row("a", 0.0099, 0.01), row("b", 3.0, 3.01)])
    assert played(tmp_path / "out", "--quotes", path) == []
    assert len(played(tmp_path / "out", "--quotes", path, "--max-price-ratio", "1000")) == 1


def test_an_earlier_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("old")
    path = rows_write(tmp_path / "rows.jsonl", [CHEAP])
    assert played(tmp_path / "out", "--quotes", path) == []
    assert sorted(one.name for one in tmp_path.iterdir()) == ["out", "rows.jsonl"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--quotes", "nowhere.jsonl"), "nowhere.jsonl is not there"),
        (("--quotes", "empty"), "nothing to replay in empty"),
        (("--quotes", "blank.jsonl"), "no row to play"),
        (("--quotes", "bad.jsonl"), "bad.jsonl:1"),
        (("--quotes", "good.jsonl", "--funding", "nowhere.jsonl"), "nowhere.jsonl can't be read"),
        (("--quotes", "good.jsonl", "--taker-fee", "0.1"), "is not EXCHANGE=NUMBER"),
        (("--quotes", "good.jsonl", "--taker-fee", "a=1"), "is no fee in"),
        (("--quotes", "good.jsonl", "--default-taker-fee=-0.1"), "is no fee in"),
        (("--quotes", "good.jsonl", "--funding-interval", "a=0"), "is not above 0"),
        (("--quotes", "good.jsonl", "--max-skew=-1"), "is negative"),
        (("--quotes", "good.jsonl", "--min-net-edge", "nan"), "is not finite"),
        (("--quotes", "good.jsonl", "--kind", "magic"), "invalid choice"),
        (("--quotes", "good.jsonl", "--out", "no/such/folder"), "can't be written"),
        (("--quotes", "good.jsonl", "some.parquet"), "can't be replayed together"),
        (("--quotes", "some.parquet"), "can't be read"),
    ],
)
def test_what_is_wrong_is_told_in_words_and_leaves_the_earlier_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Path("blank.jsonl").write_text("\n")
    Path("bad.jsonl").write_text("{\n")
    Path("some.parquet").write_text("")
    rows_write(Path("good.jsonl"), [CHEAP])
    Path("out").write_text("old")
    with pytest.raises(CommandError, match=words):
        played(Path("out"), *arguments)
    assert Path("out").read_text() == "old"


def test_it_runs_without_any_environment(tmp_path: Path) -> None:
    path = rows_write(tmp_path / "rows.jsonl", [CHEAP, DEAR])
    command = (sys.executable, MANAGE, "replay", "--quotes", path, "--out", tmp_path / "out")
    # Only the folder that run-time state goes to, which would be made beside the code.
    told = subprocess.run(command, env={"VAR_DIR": str(tmp_path)}, capture_output=True, text=True, timeout=120)
    assert (told.returncode, told.stdout) == (0, f"1 opportunities written to {tmp_path / 'out'}\n"), told.stderr
