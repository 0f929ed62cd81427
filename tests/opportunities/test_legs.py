from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.opportunities.enums import Reason, Side
from apps.opportunities.exceptions import Unfit
from apps.opportunities.legs import levels_for, plain, quantity_for, steps, vwap
from tests.opportunities.factories import leg, levels

Rows = list[tuple[Any, Any]]

ASKS = levels(("100", "2"), ("101", "3"), ("103", "5"))


def test_volume_weighted_price_of_part_of_a_book() -> None:
    assert vwap(ASKS, Decimal("1")) == Decimal("100")
    # (2·100 + 3·101 + 1·103) / 6
    assert vwap(ASKS, Decimal("6")) == Decimal("101")


def test_a_book_that_does_not_hold_the_quantity_is_thin() -> None:
    with pytest.raises(Unfit) as refused:
        vwap(ASKS, Decimal("10.00001"))
    assert refused.value.reason is Reason.THIN_BOOK
    assert vwap(ASKS, Decimal("10")) == Decimal("101.8")


def test_quantity_for_a_notional_walks_the_levels() -> None:
    assert quantity_for(ASKS, Decimal("50")) == Decimal("0.5")
    assert quantity_for(ASKS, Decimal("200")) == Decimal("2")
    assert quantity_for(ASKS, Decimal("401.5")) == Decimal("2") + Decimal("201.5") / 101
    assert quantity_for(ASKS, Decimal("99999")) == Decimal("10")


def test_consumed_levels_are_at_least_the_best_one() -> None:
    assert levels_for(ASKS, Decimal("0")) == ASKS[:1]
    assert levels_for(ASKS, Decimal("2")) == ASKS[:1]
    assert levels_for(ASKS, Decimal("2.1")) == ASKS[:2]


def test_ladders_are_walked_in_step_until_the_shorter_one_ends() -> None:
    bids = levels(("99", "1"), ("98", "3"))
    walked = list(steps((ASKS, bids)))
    assert walked == [
        (Decimal(1), (Decimal(100), Decimal(99))),
        (Decimal(1), (Decimal(100), Decimal(98))),
        (Decimal(2), (Decimal(101), Decimal(98))),
    ]


def test_a_multiplier_turns_listed_units_into_units_of_the_instrument() -> None:
    listed = leg("x", Side.BUY, levels(("2", "5")), levels(("4", "5")), multiplier=Decimal(1000))
    assert listed.unit_bids == levels(("0.002", "5000"))
    assert listed.unit_asks == levels(("0.004", "5000"))
    assert listed.unit_mid == Decimal("0.003")


@given(
    st.lists(
        st.tuples(
            st.decimals("0.01", "1000", places=2, allow_nan=False),
            st.decimals("0.01", "100", places=2, allow_nan=False),
        ),
        min_size=1,
        max_size=20,
    ),
    st.decimals("0.01", "1", places=2),
)
def test_the_price_of_a_larger_quantity_is_never_better(rows: Rows, share: Decimal) -> None:
    book = tuple(sorted(rows))
    whole = sum(size for _, size in book)
    part = whole * share
    assert vwap(book, part) <= vwap(book, whole) + Decimal("1e-20")
    assert book[0][0] <= vwap(book, part) + Decimal("1e-20")


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        ("9.999E+4", None, "99990"),
        ("1E-7", None, "0.0000001"),
        ("100.500", None, "100.5"),
        ("100", None, "100"),
        ("0", None, "0"),
        ("0.000", None, "0"),
        ("33.333333333333333333", 6, "33.3333"),
        ("123456789", 6, "123457000"),
    ],
)
def test_numbers_are_written_plainly(value: str, digits: int | None, text: str) -> None:
    assert plain(Decimal(value), digits=digits) == text
