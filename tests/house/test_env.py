"""The environment is read by type, and everything wrong with it is told at once."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.core.exceptions import ImproperlyConfigured

from arbedge.env import Env


def test_reads_each_type() -> None:
    env = Env(
        {
            "FLAG": "Yes",
            "COUNT": " 7 ",
            "RATIO": "0.25",
            "MONEY": "1000.50",
            "WORDS": "binance, okx,,binance",
            "AT": "2023-08-16T05:19:27Z",
            "PICK": "b",
        }
    )
    assert env.flag("FLAG", default=False) is True
    assert env.flag("UNSET", default=True) is True
    assert env.integer("COUNT", 1) == 7
    assert env.number("RATIO", 1.0) == 0.25
    assert env.decimal("MONEY", Decimal(1)) == Decimal("1000.50")
    assert env.words("WORDS") == ["binance", "okx"]
    assert env.words("UNSET", ("a",)) == ["a"]
    assert env.moment("AT") == datetime(2023, 8, 16, 5, 19, 27, tzinfo=UTC)
    assert env.moment("UNSET") is None
    assert env.choice("PICK", "a", ("a", "b")) == "b"
    assert env.secret("UNSET", default="development") == "development"
    assert env.secret("PICK", default=None) == "b"
    env.check()


@pytest.mark.parametrize(
    ("name", "raw", "read"),
    [
        ("FLAG", "maybe", lambda env: env.flag("FLAG", default=False)),
        ("COUNT", "7.5", lambda env: env.integer("COUNT", 1)),
        ("COUNT", "-1", lambda env: env.integer("COUNT", 1)),
        ("RATIO", "nan", lambda env: env.number("RATIO", 1.0)),
        ("RATIO", "inf", lambda env: env.number("RATIO", 1.0)),
        ("MONEY", "NaN", lambda env: env.decimal("MONEY", Decimal(1))),
        ("MONEY", "-5", lambda env: env.decimal("MONEY", Decimal(1))),
        ("AT", "yesterday", lambda env: env.moment("AT")),
        ("AT", "2023-08-16T05:19:27", lambda env: env.moment("AT")),
        ("PICK", "c", lambda env: env.choice("PICK", "a", ("a", "b"))),
    ],
)
def test_a_wrong_value_is_told_with_its_name(name, raw, read) -> None:
    env = Env({name: raw})
    read(env)
    with pytest.raises(ImproperlyConfigured, match=name):
        env.check()


def test_all_problems_are_told_at_once() -> None:
    env = Env({"COUNT": "x", "FLAG": "y"})
    env.integer("COUNT", 1)
    env.flag("FLAG", default=False)
    env.secret("SECRET_KEY", default=None)
    with pytest.raises(ImproperlyConfigured) as error:
        env.check()
    assert all(name in str(error.value) for name in ("COUNT", "FLAG", "SECRET_KEY"))
