"""Where perpetual legs are liquidated: hand-computed, and from what the formula means."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.opportunities.enums import Side
from apps.opportunities.liquidation import apr_on_capital, liquidation_of

BUY, SELL = Side.BUY, Side.SELL


@pytest.mark.parametrize(
    ("side", "leverage", "highest", "price"),
    [
        # Maintenance 0.5/125 = 0.4 %: 100·(1 - 1/10)/(1 - 0.004) and 100·(1 + 1/10)/(1 + 0.004).
        (BUY, "10", "125", "90.361446"),
        (SELL, "10", "125", "109.561753"),
        (BUY, "3", "50", "67.340067"),
        (SELL, "3", "50", "132.013201"),
        # Nothing borrowed: a long is never liquidated above nothing, a short when the price has about doubled.
        (BUY, "1", "50", "0"),
        (SELL, "1", "50", "198.019802"),
        # More than the exchange offers is not used: 20 x, maintenance 2.5 %.
        (BUY, "50", "20", "97.435897"),
    ],
)
def test_by_hand(side: Side, leverage: str, highest: str, price: str) -> None:
    found = liquidation_of(side, Decimal(100), Decimal(leverage), Decimal(highest))
    assert round(found.price, 6) == Decimal(price)
    assert round(found.distance, 8) == round(abs(Decimal(price) / 100 - 1), 8)
    assert not found.assumed


def test_an_exchange_that_tells_no_leverage_gets_a_cautious_one() -> None:
    found = liquidation_of(BUY, Decimal(100), Decimal(3), None)
    assert (found.maintenance, found.assumed) == (Decimal("0.025"), True)
    assert found.distance < liquidation_of(BUY, Decimal(100), Decimal(3), Decimal(100)).distance


@given(
    side=st.sampled_from([BUY, SELL]),
    entry=st.decimals("0.0001", "100000", places=4),
    leverage=st.decimals("1", "100", places=1),
    highest=st.decimals("5", "125", places=0),
)
def test_what_is_left_there_is_the_maintenance_margin(
    side: Side, entry: Decimal, leverage: Decimal, highest: Decimal
) -> None:
    found = liquidation_of(side, entry, leverage, highest)
    gain = found.price - entry if side is BUY else entry - found.price
    left = entry / found.leverage + gain
    assert abs(left - found.maintenance * found.price) < entry * Decimal("1e-20")


def test_return_on_the_capital_of_both_legs() -> None:
    assert apr_on_capital(Decimal("0.3"), (Decimal(3), Decimal(3))) == pytest.approx(Decimal("0.45"))
    assert apr_on_capital(Decimal("0.3"), (Decimal(1), Decimal(2))) == pytest.approx(Decimal("0.2"))
