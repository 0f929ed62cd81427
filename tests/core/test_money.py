"""Exact decimals."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.core.money import EDGE_QUANTUM, quantize_edge, round_down, to_decimal

amounts = st.decimals(min_value=Decimal("-1e15"), max_value=Decimal("1e15"), allow_nan=False, places=12)
steps = st.decimals(min_value=Decimal("1e-12"), max_value=Decimal("1e6"), allow_nan=False, places=12)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.1, "0.1"), (7, "7"), ("1e-8", "0.00000001"), (Decimal("2.50"), "2.50"), (-0.0, "0"), (1e22, "1e22")],
)
def test_to_decimal_takes_what_is_written(value: float | int | str | Decimal, expected: str) -> None:
    assert to_decimal(value) == Decimal(expected)


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), float("-inf"), "NaN", "Infinity", Decimal("sNaN"), Decimal("-inf"), "", "1,5", "abc",
     True, None, b"1", [1]],
)  # fmt: skip
def test_to_decimal_refuses_what_is_no_finite_number(value: object) -> None:
    with pytest.raises(ValueError, match=r"is not"):
        to_decimal(value)  # type: ignore[arg-type]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_to_decimal_of_a_float_goes_back_to_the_same_float(value: float) -> None:
    assert float(to_decimal(value)) == value


@given(amounts, steps)
def test_round_down_gives_the_nearest_multiple_towards_zero(value: Decimal, step: Decimal) -> None:
    rounded = round_down(value, step)
    assert rounded % step == 0
    assert abs(rounded) <= abs(value)
    assert abs(value) - abs(rounded) < step
    assert rounded == 0 or (rounded > 0) == (value > 0)


@given(amounts, steps)
def test_round_down_twice_changes_nothing_more(value: Decimal, step: Decimal) -> None:
    once = round_down(value, step)
    assert round_down(once, step) == once


def test_round_down_survives_what_28_digits_cannot_hold() -> None:
    assert round_down(Decimal("123456789012345678901234.5678901234567"), Decimal("1e-12")) == Decimal(
        "123456789012345678901234.567890123456"
    )


@pytest.mark.parametrize("step", [Decimal(0), Decimal(-1), Decimal("NaN"), Decimal("inf")])
def test_round_down_refuses_a_step_that_is_none(step: Decimal) -> None:
    with pytest.raises(ValueError, match="step must be positive"):
        round_down(Decimal(1), step)


@given(amounts)
def test_a_quantized_edge_is_never_better_than_the_computed_one(value: Decimal) -> None:
    edge = quantize_edge(value)
    assert edge <= value < edge + EDGE_QUANTUM
    assert edge.as_tuple().exponent == -8


@given(amounts, amounts)
def test_quantizing_keeps_net_below_gross(first: Decimal, second: Decimal) -> None:
    net, gross = sorted((first, second))
    assert quantize_edge(net) <= quantize_edge(gross)
