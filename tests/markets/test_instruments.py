"""Which asset a listed base is."""

import pytest

from apps.markets.instruments import Identity, identify, is_leveraged_token


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
    "base", ["JUP", "SOUP", "SYRUP", "PUMP", "BULL", "BEAR", "UP", "DOWN", "GROUP", "SOL", "3L", "BTC"]
)
def test_assets_that_look_like_leveraged_tokens_stay(base: str) -> None:
    assert not is_leveraged_token(base)
