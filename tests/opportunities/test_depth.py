"""Profit over size, by hand on small books."""

from decimal import Decimal

import pytest

from apps.opportunities.depth import POINTS, depth_of
from apps.opportunities.enums import Reason, Side
from apps.opportunities.legs import Leg
from apps.opportunities.pricing import Priced, Refusal, price_legs, price_size
from apps.opportunities.strategies.cross_exchange import CrossExchange
from apps.opportunities.strategies.funding_rate import FundingRate
from tests.opportunities.factories import funding, leg, levels, terms

CROSS = CrossExchange()
# No fees, so that every figure can be seen: 10 units earn 2 each, 10 earn 1, 10 lose 1, 10 lose 4.
BUY = leg("a", Side.BUY, levels(("99", "50")), levels(("100", "20"), ("102", "20")), fee=Decimal(0))
SELL = leg("b", Side.SELL, levels(("102", "10"), ("101", "20"), ("98", "10")), levels(("103", "50")), fee=Decimal(0))
LEGS = (BUY, SELL)


def priced(legs: tuple[Leg, ...]) -> Priced:
    found = price_legs(CROSS, legs, terms())
    assert isinstance(found, Priced)
    return found


def test_profit_rises_to_the_optimal_size_and_is_gone_at_break_even() -> None:
    one = priced(LEGS)
    # 20 units for 2,000; then 10 lose 10, and of the last ten, at -4, five: 20 + 10 - 10 - 20 = 0.
    assert (one.optimal_notional, one.max_notional) == (2000, 2000 + 1020 + 510)
    depth = depth_of(CROSS, LEGS, terms(), one)
    assert not depth.ends_in_book
    assert [point.size for point in depth.curve] == sorted(
        {one.max_notional * n / POINTS for n in range(1, 9)} | {2000}
    )
    profit = {point.size: point.profit for point in depth.curve}
    assert profit[Decimal(2000)] == max(profit.values()) == 30
    # 441.25 dollars buy 4.4125 units that earn 2 each.
    assert profit[Decimal("441.25")] == Decimal("8.825")
    assert abs(profit[one.max_notional]) < Decimal("0.0001")
    edges = [point.net_edge for point in depth.curve]
    assert edges == sorted(edges, reverse=True)
    assert edges[0] == Decimal("0.02")


def test_where_the_shorter_book_ends_first_break_even_is_not_known() -> None:
    short = (BUY, leg("b", Side.SELL, levels(("102", "10")), levels(("103", "50")), fee=Decimal(0)))
    depth = depth_of(CROSS, short, terms(), priced(short))
    assert depth.ends_in_book
    assert (depth.curve[-1].size, depth.curve[-1].profit) == (1000, 20)


def test_the_curve_is_what_pricing_says_at_each_size() -> None:
    for point in depth_of(CROSS, LEGS, terms(), priced(LEGS)).curve:
        found = price_size(CROSS, LEGS, terms(reference_notional=point.size))
        assert isinstance(found, Priced)
        assert found.edges.net == point.net_edge
        assert abs(found.edges.profit - point.profit) < Decimal("0.00001")


def test_a_size_of_ones_own_may_be_a_loss() -> None:
    found = price_size(CROSS, LEGS, terms(reference_notional=Decimal(4040)))
    assert isinstance(found, Priced)
    assert (found.size, found.edges.profit) == (4040, Decimal(-20))
    assert found.edges.net < 0
    assert found.optimal_notional == 2000


def test_a_book_that_holds_less_fills_a_part() -> None:
    found = price_size(CROSS, LEGS, terms(reference_notional=Decimal(50_000)))
    assert isinstance(found, Priced)
    assert (found.quantity, found.size) == (40, 4040)


def test_lots_and_minimums_bind_a_size_of_ones_own() -> None:
    lots = (
        leg("a", Side.BUY, BUY.bids, BUY.asks, amount_step=Decimal("0.5")),
        leg("b", Side.SELL, SELL.bids, SELL.asks, amount_step=Decimal("0.3"), min_amount=Decimal(3)),
    )
    found = price_size(CROSS, lots, terms(reference_notional=Decimal(400)))
    assert isinstance(found, Priced)
    assert found.quantity == 3  # whole lots of 1.5
    assert price_size(CROSS, lots, terms(reference_notional=Decimal(299))) == Refusal(Reason.BELOW_MINIMUM)


def test_nothing_can_be_said_of_books_that_can_not_be_true() -> None:
    crossed = (leg("a", Side.BUY, levels(("101", "1")), levels(("100", "1"))), SELL)
    assert price_size(CROSS, crossed, terms()) == Refusal(Reason.CROSSED_BOOK)


def test_an_edge_that_earns_nowhere_can_still_be_sized() -> None:
    legs = (leg("a", Side.BUY, levels(("99", "5")), levels(("100", "5"))),
            leg("b", Side.SELL, levels(("99", "5")), levels(("100", "5"))))  # fmt: skip
    found = price_size(CROSS, legs, terms(reference_notional=Decimal(100)))
    assert isinstance(found, Priced)
    assert (found.optimal_notional, found.max_notional) == (0, 0)
    assert found.edges.net < 0


@pytest.mark.parametrize("reference", ["100", "1500", "9000"])
def test_perpetuals_are_limited_by_all_four_sides(reference: str) -> None:
    legs = (
        leg("a", Side.BUY, levels(("99.9", "10"), ("99", "60")), levels(("100.1", "10"), ("101", "90")),
            funding=funding("-0.001")),
        leg("b", Side.SELL, levels(("99.9", "40")), levels(("100.1", "30")), funding=funding("0.003")),
    )  # fmt: skip
    found = price_size(FundingRate(), legs, terms(reference_notional=Decimal(reference)))
    assert isinstance(found, Priced)
    # The shortest of the four sides holds 30 units.
    assert found.quantity == min(found.quantity, 30)
    if reference == "9000":
        assert found.quantity == 30
        curve = depth_of(FundingRate(), legs, terms(), found).curve
        assert curve[-1].size == found.max_notional
