"""Every expected figure here was worked out by hand (the working stands beside it)."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from apps.opportunities.enums import Reason, Side
from apps.opportunities.legs import Leg
from apps.opportunities.pricing import Priced, Refusal, edge_at, price_legs
from apps.opportunities.strategies.base import EdgeTerms
from apps.opportunities.strategies.carry import fundings_within
from apps.opportunities.strategies.cross_exchange import CrossExchange
from apps.opportunities.strategies.funding_rate import FundingRate
from apps.opportunities.strategies.spot_perp import SpotPerp
from tests.opportunities.factories import HOUR_MS, NOW_MS, funding, leg, levels, terms

CROSS, FUNDING, SPOT_PERP = CrossExchange(), FundingRate(), SpotPerp()


def cross_legs(**changes: Any) -> tuple[Leg, ...]:
    """Buy at 100, 101, 102 and sell at 103, 102, 101; fees 0.1 % each."""
    buy = leg("a", Side.BUY, levels(("99", "10")), levels(("100", "2"), ("101", "2"), ("102", "2")), **changes)
    sell = leg("b", Side.SELL, levels(("103", "3"), ("102", "1"), ("101", "10")), levels(("104", "1")), **changes)
    return buy, sell


def funding_legs(long_rate: Any = "0.0001", short_rate: Any = "0.0021", **changes: Any) -> tuple[Leg, ...]:
    long = leg(
        "a", Side.BUY, levels(("99.95", "50")), levels(("100.05", "50")), fee=Decimal("0.0005"),
        funding=funding(long_rate), **changes,
    )  # fmt: skip
    short = leg(
        "b", Side.SELL, levels(("99.9", "50")), levels(("100.1", "50")), fee=Decimal("0.0004"),
        funding=funding(short_rate, interval_h="4", next_h="2"), **changes,
    )  # fmt: skip
    return long, short


def spot_perp_legs(rate: Any = "0.0021", **changes: Any) -> tuple[Leg, ...]:
    """Buy spot at 100.05, sell the perpetual at 100.4; fees 0.1 % and 0.04 %."""
    spot = leg("a", Side.BUY, levels(("99.95", "50")), levels(("100.05", "50")))
    perpetual = leg(
        "a", Side.SELL, levels(("100.4", "50")), levels(("100.6", "50")), symbol="BTC/USDT:USDT", fee=Decimal("0.0004"),
        funding=funding(rate, interval_h="4", next_h="2"), **changes,
    )  # fmt: skip
    return spot, perpetual


def test_cross_exchange_at_the_optimal_size() -> None:
    # Steps: 2 @ 100/103, 1 @ 101/103, 1 @ 101/102, then 102/101 loses; 102·0.999 > 101·1.001 earns.
    # Bought: (2·100 + 2·101)/4 = 100.5, sold: (3·103 + 1·102)/4 = 102.75. Optimal 4 units = 402 USD < 1,000.
    # Net: 102.75·0.999 / (100.5·1.001) - 1 = 102.64725/100.6005 - 1 = 0.0203453263…; floor at 8 places.
    # Profit: 4·(102.64725 - 100.6005) = 8.187.
    priced = price_legs(CROSS, cross_legs(), terms())
    assert isinstance(priced, Priced)
    assert priced.quantity == 4
    assert priced.size == priced.optimal_notional == 402
    assert priced.edges.gross == Decimal("0.03")
    assert priced.edges.net == Decimal("0.02034532")
    assert priced.edges.profit == Decimal("8.187")
    assert priced.prices == (Decimal("100.5"), Decimal("102.75"))
    # Waterfall: gross 0.03 - depth (0.03 - (102.75/100.5 - 1)) - fees = net.
    assert priced.edges.costs["depth"] == Decimal("0.00761194")
    total = priced.edges.gross - sum(priced.edges.costs.values())
    assert abs(total - priced.edges.net) < Decimal("2e-8")


def test_cross_exchange_break_even_size() -> None:
    # After 4 units 8.187 is earned. The next 2 @ 102/101 lose 102·1.001 - 101·0.999 = 1.203 each: 2.406, then the asks
    # are exhausted with 5.781 left: the break-even lies beyond the visible book, so the book is the limit: 6 units.
    priced = price_legs(CROSS, cross_legs(), terms())
    assert priced.max_notional == 606  # 200 + 202 + 204
    buy, sell = cross_legs()
    deeper = replace(buy, asks=(*buy.asks, (Decimal("110"), Decimal("100"))))
    # 110·1.001 - 101·0.999 = 9.211 lost each: 5.781/9.211 = 0.62761915… units more, at 110 each.
    priced = price_legs(CROSS, (deeper, sell), terms())
    assert priced.max_notional == Decimal("675.0381")
    assert priced.optimal_notional == 402


def test_size_is_the_reference_where_the_books_hold_more() -> None:
    # 100 USD at 100 = 1 unit. Net = 103·0.999/(100·1.001) - 1 = 102.897/100.1 - 1 = 0.02794205…
    priced = price_legs(CROSS, cross_legs(), terms(reference_notional=Decimal(100)))
    assert (priced.quantity, priced.size) == (1, 100)
    assert priced.edges.net == Decimal("0.02794205")
    assert priced.optimal_notional == 402


def test_the_reference_is_in_dollars_whatever_the_quote_currency() -> None:
    # 1 unit of quote currency is worth 50 dollars: 1,000 USD = 20 of it = 0.2 units.
    priced = price_legs(CROSS, cross_legs(), terms(dollar_rate=Decimal(50)))
    assert priced.quantity == Decimal("0.2")
    assert priced.size == 1000
    assert priced.edges.profit == Decimal("0.5594")  # quote currency: 0.2·(102.897 - 100.1)


def test_size_is_whole_lots_of_both_legs() -> None:
    buy, sell = cross_legs()
    legs = (replace(buy, amount_step=Decimal("0.3")), replace(sell, amount_step=Decimal("0.2")))
    assert price_legs(CROSS, legs, terms()).quantity == Decimal("3.6")  # a multiple of 0.6
    legs = (replace(buy, amount_step=Decimal("5")), sell)
    assert price_legs(CROSS, legs, terms()) == Refusal(Reason.BELOW_MINIMUM)


def test_lots_and_minimums_are_in_listed_units() -> None:
    # The seller lists thousands: 4 units of the instrument are 0.004 listed units, in lots of 0.003 -> 3 units.
    buy, sell = cross_legs()
    thousands = replace(
        sell,
        multiplier=Decimal(1000),
        bids=tuple((price * 1000, size / 1000) for price, size in sell.bids),
        asks=tuple((price * 1000, size / 1000) for price, size in sell.asks),
        amount_step=Decimal("0.003"),
    )
    priced = price_legs(CROSS, (buy, thousands), terms())
    assert priced.quantity == 3
    assert priced.amounts == (Decimal(3), Decimal("0.003"))
    assert priced.prices[1] == Decimal("103000")
    small = replace(thousands, min_amount=Decimal("0.0031"))
    assert price_legs(CROSS, (buy, small), terms()) == Refusal(Reason.BELOW_MINIMUM)
    fitting = replace(thousands, min_amount=Decimal("0.003"), min_notional=Decimal("309"))
    assert isinstance(price_legs(CROSS, (buy, fitting), terms()), Priced)
    costly = replace(thousands, min_notional=Decimal("309.01"))
    assert price_legs(CROSS, (buy, costly), terms()) == Refusal(Reason.BELOW_MINIMUM)


def test_gross_positive_but_net_negative_is_refused() -> None:
    buy = leg("a", Side.BUY, levels(("99", "9")), levels(("100", "9")))
    sell = leg("b", Side.SELL, levels(("100.15", "9")), levels(("101", "9")))
    assert price_legs(CROSS, (buy, sell), terms()) == Refusal(Reason.EDGE_GONE)


def test_an_edge_equal_to_the_minimum_is_refused() -> None:
    buy = leg("a", Side.BUY, levels(("99", "9")), levels(("100", "9")), fee=Decimal(0))
    sell = leg("b", Side.SELL, levels(("100.05", "9")), levels(("101", "9")), fee=Decimal(0))
    assert price_legs(CROSS, (buy, sell), terms()) == Refusal(Reason.EDGE_GONE)
    assert isinstance(price_legs(CROSS, (buy, sell), terms(min_net_edge=Decimal("0.0004999"))), Priced)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"bids": ()}, Reason.EMPTY_BOOK),
        ({"bids": levels(("104.5", "1"))}, Reason.CROSSED_BOOK),
        ({"exchange_ts": NOW_MS - 5301}, Reason.SKEWED_BOOKS),
        ({"bids": levels(("150", "1")), "asks": levels(("151", "1"))}, Reason.PRICE_RATIO),
    ],
)
def test_books_that_cannot_be_trusted_are_refused(changes: dict[str, Any], reason: Reason) -> None:
    buy, sell = cross_legs()
    assert price_legs(CROSS, (buy, replace(sell, **changes)), terms()) == Refusal(reason)
    assert not reason.is_verdict


def test_books_without_a_stamp_are_compared_by_when_they_came() -> None:
    buy, sell = cross_legs()
    unstamped = replace(sell, exchange_ts=0)
    assert isinstance(price_legs(CROSS, (buy, unstamped), terms()), Priced)
    late = replace(unstamped, received_at=buy.received_at - 5001)
    assert price_legs(CROSS, (buy, late), terms()) == Refusal(Reason.SKEWED_BOOKS)


def test_funding_rate_at_the_reference_size() -> None:
    # Long: 0.01 % per 8 h, next in 4 h: n = floor((24-4)/8)+1 = 3. Short: 0.21 % per 4 h, next in 2 h: 6.
    # Gross = 6·0.0021 - 3·0.0001 = 0.0123. Fees = 2·(0.0005+0.0004) = 0.0018.
    # Spreads: 0.1/100 + 0.2/100 = 0.003. Basis: both mids 100 -> 0. Net = 0.0123 - 0.0018 - 0.003 = 0.0075.
    priced = price_legs(FUNDING, funding_legs(), terms())
    assert isinstance(priced, Priced)
    assert priced.edges.gross == Decimal("0.0123")
    assert priced.edges.net == Decimal("0.0075")
    assert priced.edges.net_apr == Decimal("2.7375")  # 0.0075·8760/24
    assert priced.edges.costs == {"fees": Decimal("0.0018"), "spread": Decimal("0.003"), "basis": Decimal(0)}
    details = priced.edges.details
    # g = 0.0021/4 - 0.0001/8 = 0.0005125 per hour; cost 0.0048 -> 9.365853… h; |8g| - 0.0009 = 0.0032.
    assert details["hourly_rate_difference"] == Decimal("0.0005125")
    assert details["net_rate_difference"] == Decimal("0.0032")
    assert details["break_even_hours"] == Decimal("9.3658536585")
    assert (details["fundings_long"], details["fundings_short"]) == (3, 6)
    # 1,000 USD at 100.05 = 9.995002… units; profit = 0.0075 · 1,000.
    assert priced.size == 1000
    # Floored at eight places: the quantity is a fraction without end.
    assert Decimal("7.49999998") < priced.edges.profit <= Decimal("7.5")


def test_spot_perp_at_the_reference_size() -> None:
    # Short: 0.21 % per 4 h, next in 2 h: n = floor((24-2)/4)+1 = 6. Gross = 6·0.0021 = 0.0126.
    # Fees = 2·(0.001+0.0004) = 0.0028. Spreads: 0.1/100 + 0.2/100.5 = 0.00299004975… Basis: the perpetual is dearer: 0.
    # Net = 0.0126 - 0.0028 - 0.00299004975 = 0.00680995025; floor at eight places.
    priced = price_legs(SPOT_PERP, spot_perp_legs(), terms())
    assert isinstance(priced, Priced)
    assert priced.edges.gross == Decimal("0.0126")
    assert priced.edges.net == Decimal("0.00680995")
    # 0.00680995025·8760/24 = 2.48563184…
    assert priced.edges.net_apr == Decimal("2.48563184")
    assert priced.edges.costs == {"fees": Decimal("0.0028"), "spread": Decimal("0.00299005"), "basis": Decimal(0)}
    details = priced.edges.details
    # g = 0.0021/4 = 0.000525 per hour; cost 0.00579004975… / g = 11.02866619284… h.
    assert details["hourly_rate"] == Decimal("0.000525")
    assert details["break_even_hours"] == Decimal("11.0286661928")
    assert details["entry_basis"] == Decimal("0.005")
    assert details["fundings_short"] == 6
    # 100.4/100.05 - 1 = 0.00349825087…; less 0.0028 and half of 0.00299004975…; plus 0.0126: 0.01180322599…
    assert details["net_if_converged"] == Decimal("0.011803226")
    assert priced.size == 1000


def test_a_perpetual_below_its_coin_costs_the_basis() -> None:
    spot, perpetual = spot_perp_legs()
    cheaper = replace(perpetual, bids=levels(("98.9", "50")), asks=levels(("99.1", "50")))
    # Mid 99: basis -0.01; spread 0.2/99 = 0.00202020…: 0.0126 - 0.0028 - 0.001 - 0.00202020… - 0.01 = -0.00322020…
    assert edge_at(SPOT_PERP, (spot, cheaper), terms(), Decimal(1)) == Decimal("-0.00322021")
    assert price_legs(SPOT_PERP, (spot, cheaper), terms()) == Refusal(Reason.EDGE_GONE)


def test_a_spot_leg_needs_no_funding_but_the_perpetual_does() -> None:
    spot, perpetual = spot_perp_legs()
    assert price_legs(SPOT_PERP, (spot, replace(perpetual, funding=None)), terms()) == Refusal(Reason.MISSING_FUNDING)


def test_negative_funding_is_never_earned_by_a_short_perpetual() -> None:
    assert price_legs(SPOT_PERP, spot_perp_legs(rate="-0.01"), terms()) == Refusal(Reason.EDGE_GONE)


def test_entry_basis_only_ever_costs() -> None:
    long, short = funding_legs()
    cheaper = replace(short, bids=levels(("98.9", "50")), asks=levels(("99.1", "50")))
    # Short mid 99: basis 99/100 - 1 = -0.01; spread 0.2/99 = 0.0020202…; net = 0.0123-0.0018-0.001-0.00202020-0.01 < 0.
    assert price_legs(FUNDING, (long, cheaper), terms()) == Refusal(Reason.EDGE_GONE)
    assert edge_at(FUNDING, (long, cheaper), terms(), Decimal(1)) == Decimal("-0.00252021")
    dearer = replace(short, bids=levels(("100.9", "50")), asks=levels(("101.1", "50")))
    # Short mid 101: no gain counted; spread 0.2/101 = 0.00198019…
    assert edge_at(FUNDING, (long, dearer), terms(), Decimal(1)) == Decimal("0.00751980")


def test_funding_depth_ends_where_the_marginal_spread_eats_the_edge() -> None:
    long, short = funding_legs()
    deep = replace(long, asks=levels(("100.05", "3"), ("102", "100")))
    # Beyond 3 units the long leg's spread is 2.05/100 > what is left (0.0085): optimal 3 units = 300.15 USD.
    priced = price_legs(FUNDING, (deep, short), terms())
    assert priced.quantity == 3
    assert priced.optimal_notional == Decimal("300.15")
    # Break-even: 3·0.0075 earned, each further unit loses 0.0205+0.002-0.0105 = 0.012: 1.875 more at 102.
    assert priced.max_notional == Decimal("491.4")


def test_break_even_is_unknown_where_the_hourly_difference_earns_nothing() -> None:
    # The longer interval's single payment falls inside the horizon though its hourly rate is lower.
    long = replace(funding_legs()[0], funding=funding("0.001", interval_h="1", next_h="25"))
    short = replace(funding_legs()[1], funding=funding("0.007", interval_h="8", next_h="24"))
    priced = price_legs(FUNDING, (long, short), terms())
    assert priced.edges.gross == Decimal("0.007")
    assert priced.edges.details["break_even_hours"] is None


@pytest.mark.parametrize(
    ("interval_h", "next_h", "count"),
    [("8", "8", 3), ("8", "0", 4), ("8", "24", 1), ("8", "24.001", 0), ("1", "0.5", 24), ("24", "25", 0)],
)
def test_fundings_inside_the_horizon(interval_h: str, next_h: str, count: int) -> None:
    due = funding("0.0001", interval_h=interval_h, next_h=next_h)
    assert fundings_within(EdgeTerms(Decimal(24), NOW_MS), due) == count
    later = EdgeTerms(Decimal(24), NOW_MS - HOUR_MS * 100)
    assert fundings_within(later, due) == 0


def test_a_perpetual_without_funding_is_refused() -> None:
    long, short = funding_legs()
    assert price_legs(FUNDING, (replace(long, funding=None), short), terms()) == Refusal(Reason.MISSING_FUNDING)


def test_the_edge_at_a_size_that_a_book_does_not_hold_is_unknown() -> None:
    assert edge_at(CROSS, cross_legs(), terms(), Decimal(7)) == Refusal(Reason.THIN_BOOK)
    assert edge_at(CROSS, cross_legs(), terms(), Decimal(6)) > 0
