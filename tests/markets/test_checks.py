"""What is told of wrong exchange ids when a process starts."""

import ccxt
import pytest
from pytest_django import Settings

from apps.markets.checks import exchanges_known
from apps.markets.exchanges import names


def test_the_ids_are_those_of_ccxt() -> None:
    assert names.known() == set(ccxt.exchanges)
    assert names.known().isdisjoint(names.DROPPED)


def test_each_wrong_id_is_told_with_what_to_do(settings: Settings) -> None:
    settings.EXCHANGES = ["binance", "bitmex", "binanc", "nosuchexchange"]
    dropped, mistyped, unknown = exchanges_known()
    assert {message.id for message in (dropped, mistyped, unknown)} == {"markets.W001"}
    assert "take it out of EXCHANGES" in dropped.msg
    assert mistyped.msg.endswith('did you mean "binance"?')
    assert '"nosuchexchange"' in unknown.msg
    assert not any(message.is_serious() for message in (dropped, mistyped, unknown))


@pytest.mark.parametrize(
    ("old", "word"),
    [
        *((name, "dropped") for name in ("bitmex", "coinex", "bitmart", "ascendex", "probit", "ftx", "bittrex")),
        *((old, f'"{new}" now') for old, new in names.RENAMED.items()),
    ],
)
def test_ids_of_older_releases_say_what_became_of_them(old: str, word: str) -> None:
    assert word in names.problem(old)
    assert "EXCHANGES" in names.problem(old)


def test_what_an_id_was_renamed_to_exists() -> None:
    assert set(names.RENAMED.values()) <= names.known()


def test_right_ids_are_not_worth_a_word(settings: Settings) -> None:
    settings.EXCHANGES = ["binance", "kraken"]
    assert exchanges_known() == []
