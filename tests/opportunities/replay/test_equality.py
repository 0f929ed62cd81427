"""The replay finds exactly what an independent slow one finds, in recordings and in markets full of edges."""

import gzip
import json
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from tests.opportunities.replay.crowd import crowd_of
from tests.opportunities.replay.generated import market_of
from tests.opportunities.replay.playing import assert_same, played, rows_write
from tests.opportunities.replay.slow import Rules, rows_of, slow_replay

RECORDINGS = Path(__file__).resolve().parents[4] / "shared" / "recordings"
recorded = pytest.mark.skipif(not RECORDINGS.is_dir(), reason=f"the recordings are not there: {RECORDINGS}")
KINDS = ("funding_rate", "spot_perp", "cross_exchange", "triangular")


@pytest.mark.parametrize("seed", range(6))
def test_generated_markets_hold_the_same_opportunities_for_both(tmp_path: Path, seed: int) -> None:
    rows, settled = market_of(seed)
    rules = Rules(
        fees={"alpha": Decimal("0.0004"), "gamma exchange": Decimal("0.0002")},
        default_fee=Decimal("0.0005"),
        intervals={"beta": Decimal(8)},
    )
    exact = [json.loads(json.dumps(one), parse_float=Decimal, parse_int=Decimal) for one in (rows, settled)]
    result = slow_replay(exact[0], rules, exact[1])
    lines = played(
        tmp_path / "out",
        *("--quotes", rows_write(tmp_path / "rows.jsonl", rows)),
        *("--funding", rows_write(tmp_path / "settled.jsonl", settled)),
        *("--taker-fee", "alpha=0.0004", "gamma exchange=0.0002", "--default-taker-fee", "0.0005"),
        *("--funding-interval", "beta=8"),
    )
    counts = Counter(one.best.kind for one in result.found)
    assert all(counts[kind] > 3 for kind in KINDS), f"too few to compare: {counts}"
    assert any(ring.needed for ring in result.rings)
    assert_same(lines, result)


@pytest.mark.parametrize(
    ("seed", "skew", "horizon"), [(0, "5", "24"), (1, "0", "8"), (2, "30", "72"), (3, "0.35", "12"), (4, "5", "24")]
)
def test_thirty_exchanges_at_one_moment_hold_the_same_for_both(
    tmp_path: Path, seed: int, skew: str, horizon: str
) -> None:
    rows = crowd_of(seed)
    rules = Rules(
        fees={"a=b": Decimal(0), "交易所": Decimal("0.0002"), "x y  z": Decimal("0.0004")},
        default_fee=Decimal("0.0007"),
        max_skew=Decimal(skew),
        horizon_h=Decimal(horizon),
        intervals={"c/d": Decimal(4), "Kraken": Decimal(8), "exchange-7": Decimal(1)},
    )
    packed = tmp_path / "rows.jsonl.gz"
    packed.write_bytes(gzip.compress("".join(f"{json.dumps(row)}\n" for row in rows).encode()))
    result = slow_replay(rows_of(packed), rules)
    lines = played(
        tmp_path / "out",
        *("--quotes", packed, "--default-taker-fee", "0.0007", "--max-skew", skew, "--horizon", horizon),
        *("--taker-fee", "a=b=0", "交易所=0.0002", "--taker-fee", "x y  z=0.0004"),
        *("--funding-interval", "c/d=4", "Kraken=8", "exchange-7=1"),
    )
    counts = Counter(one.best.kind for one in result.found)
    assert all(counts[kind] > 3 for kind in KINDS), f"too few to compare: {counts}"
    assert_same(lines, result)


@recorded
@pytest.mark.parametrize("edge", ["0.0005", "-0.004"])
def test_bybits_spot_and_perpetuals_of_one_moment(tmp_path: Path, edge: str) -> None:
    path = RECORDINGS / "quotes" / "tob_bybit_spot_linear_inverse_2023-08-16.jsonl.gz"
    rules = Rules(default_fee=Decimal("0.0004"), min_net_edge=Decimal(edge), intervals={"bybit": Decimal(8)}, fees={})
    result = slow_replay(rows_of(path), rules)
    lines = played(
        tmp_path / "out",
        *("--quotes", path, "--default-taker-fee", "0.0004", f"--min-net-edge={edge}", "--funding-interval", "bybit=8"),
    )
    assert result.found
    assert_same(lines, result)


@recorded
@pytest.mark.parametrize("edge", ["0.0005", "-0.0053"])
def test_minutes_of_bybit_and_binance_with_settled_fundings(tmp_path: Path, edge: str) -> None:
    path = RECORDINGS / "quotes" / "tob_minute_2022-12-13_bybit_binance.jsonl.gz"
    funding = RECORDINGS / "funding" / "funding_2022-12-13_bybit_binance.jsonl.gz"
    rules = Rules(min_net_edge=Decimal(edge), intervals={"bybit": Decimal(8), "binanceusdm": Decimal(8)})
    result = slow_replay(rows_of(path), rules, rows_of(funding))
    lines = played(
        tmp_path / "out",
        *("--quotes", path, "--funding", funding, f"--min-net-edge={edge}"),
        *("--funding-interval", "bybit=8", "binanceusdm=8"),
    )
    assert bool(result.found) is edge.startswith("-")
    assert_same(lines, result)


@recorded
def test_recordings_of_different_years_yield_nothing_together(tmp_path: Path) -> None:
    names = ("tob_minute_2022-12-13_bybit_binance", "tob_2026-08-09_coinbase_bybit_gemini")
    quotes = [RECORDINGS / "quotes" / f"{name}.jsonl.gz" for name in names]
    histories = [RECORDINGS / "funding" / f"{name}_funding_history_BTC.jsonl.gz" for name in ("bybit", "binanceusdm")]
    alone = [played(tmp_path / "out", "--quotes", path, "--funding", *histories, "--min-net-edge=-0.004")
             for path in quotes]  # fmt: skip
    together = played(tmp_path / "out", "--quotes", *quotes, "--funding", *histories, "--min-net-edge=-0.004")
    assert any(alone)
    # What each holds alone, and nothing that takes one leg from 2022 and the other from 2026.
    assert together == [line for lines in alone for line in lines]
