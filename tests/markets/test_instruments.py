"""Which asset a listed base is, and which names are no assets; with the ticker lists of recorded exchanges."""

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apps.markets.instruments import Identity, NameRules, identify, is_leveraged_token, is_tokenised_stock

RECORDINGS = Path(__file__).resolve().parents[3] / "shared" / "recordings" / "har"
# Fields in which exchanges name a base.
_BASES = {"baseAsset", "baseCoin", "base_currency", "baseCurrency", "base-currency", "base", "baseCcy", "ctValCcy"}


@pytest.mark.parametrize(
    ("base", "instrument", "multiplier"),
    [
        ("BTC", "BTC", 1),
        ("1000PEPE", "PEPE", 1000),
        ("kPEPE", "PEPE", 1000),
        ("10000SATS", "SATS", 10_000),
        ("1000SATS", "SATS", 1000),
        ("1000000MOG", "MOG", 1_000_000),
        ("1MBABYDOGE", "BABYDOGE", 1_000_000),
        ("1000X", "X", 1000),
    ],
)
def test_multipliers_are_removed(base: str, instrument: str, multiplier: int) -> None:
    assert identify(base) == Identity(instrument, multiplier)


@pytest.mark.parametrize("base", ["1INCH", "1000FOO", "KNC", "kFOO", "1000", "1MFOO", "100PEPE", "KPEPE"])
def test_what_is_not_on_the_list_of_packed_assets_is_itself(base: str) -> None:
    assert identify(base) == Identity(base, 1)


@pytest.mark.parametrize("base", ["BTCUP", "ETHDOWN", "XRPBULL", "ADABEAR", "BTC3L", "ETH5S", "1INCHUP"])
def test_leveraged_tokens_are_recognised(base: str) -> None:
    assert is_leveraged_token(base)


@pytest.mark.parametrize(
    "base", ["JUP", "SOUP", "SYRUP", "PUMP", "BULL", "BEAR", "UP", "DOWN", "GROUP", "SOL", "3L", "BTC", "SUP", "TUP"]
)
def test_assets_that_look_like_leveraged_tokens_stay(base: str) -> None:
    assert not is_leveraged_token(base)


def test_a_digit_name_of_any_base_that_is_listed_beside_it_is_a_leveraged_token() -> None:
    assert not is_leveraged_token("ASTER3L")
    assert is_leveraged_token("ASTER3L", {"ASTER", "BTC"})
    # A word is too common an ending: beside a coin called SYR, SYRUP is still a coin.
    assert not is_leveraged_token("SYRUP", {"SYR"})


@pytest.mark.parametrize(
    "base", ["TSLA", "AAPLX", "AAPLx", "NVDAON", "TSLASTOCK", "XYZ-TSLA", "SPYX", "HOODX", "METAX"]
)
def test_tokenised_stocks_are_recognised(base: str) -> None:
    assert is_tokenised_stock(base)


@pytest.mark.parametrize(
    "base",
    ["AVAX", "TON", "IMX", "WMTX", "GMEX", "MUX", "META", "COIN", "SPX", "SPY", "LON", "NEON", "FRAX", "CVX", "MAX",
     "ON", "BOSON", "OPENX", "AUCTION", "PAX", "XAUT", "HTX", "APEX", "X"],
)  # fmt: skip
def test_coins_that_look_like_stocks_stay(base: str) -> None:
    assert not is_tokenised_stock(base)


def test_what_operators_know_counts_before_the_rules() -> None:
    rules = NameRules({"COINX": Identity("COINX", 1), "1000X": Identity("1000X", 1)}, frozenset({"GTC"}))
    assert rules.identity("1000X") == Identity("1000X", 1)
    assert rules.identity("1000PEPE") == Identity("PEPE", 1000)
    listed = {"COINX", "GTC", "BTC", "BTC3L", "META"}
    assert [base for base in sorted(listed) if rules.leaves_out(base, listed)] == ["BTC3L", "GTC"]
    assert rules.leaves_out("META", listed, is_stock=True)
    assert not rules.leaves_out("COINX", listed, is_stock=True)


def _rows(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from _rows(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _rows(inner)


def recorded() -> Iterator[tuple[str, set[str], set[str]]]:
    """(recording, listed bases, those that the exchange itself calls stocks)."""
    for path in sorted(RECORDINGS.glob("*.har*")):
        data = path.read_bytes()
        bases: set[str] = set()
        stocks: set[str] = set()
        for entry in json.loads(gzip.decompress(data) if path.suffix == ".gz" else data)["log"]["entries"]:
            text = entry["response"]["content"].get("text") or ""
            try:
                rows = list(_rows(json.loads(text)))
            except ValueError:
                continue  # not every recorded answer is JSON; what it would list is then not part of this test
            for row in rows:
                names = {row[name] for name in _BASES & row.keys() if isinstance(row[name], str)}
                if isinstance(row.get("id"), str) and "_" in row["id"]:
                    names.add(row["id"].partition("_")[0])
                bases |= {name for name in names if re.fullmatch("[A-Za-z0-9]{1,20}", name)}
                if row.get("symbolType") in ("stock", "xstocks"):
                    stocks |= names
        if bases:
            yield path.name, bases, stocks


@pytest.mark.skipif(not RECORDINGS.is_dir(), reason=f"no recordings at {RECORDINGS}")
def test_no_coin_of_the_recorded_exchanges_is_lost() -> None:
    left_out, seen = set(), set()
    for _, bases, stocks in recorded():
        seen |= bases
        rules = NameRules({})
        gone = {base for base in bases if rules.leaves_out(base, bases, is_stock=base in stocks)}
        # Whatever goes is a name that ends in a factor or a direction, or what its exchange itself calls a stock.
        assert all(re.search(r"([1-5][LS]|UP|DOWN|BULL|BEAR)$", base) for base in gone - stocks), gone - stocks
        left_out |= gone - stocks
    assert len(seen) > 1500
    assert len(left_out) > 150
    assert {
        "JUP",
        "SUP",
        "TUP",
        "SYRUP",
        "BULL",
        "BEAR",
        "AVAX",
        "TON",
        "IMX",
        "NEON",
        "LON",
    } <= seen - left_out
    # And none of these tokens stays.
    assert not [name for name in seen - left_out if re.search(r"[A-Z]{2}[1-5][LS]$", name)]
