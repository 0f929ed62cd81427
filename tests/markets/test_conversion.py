"""What one dollar is worth in another."""

import math

import pytest

from apps.markets.conversion import PIVOT, conversion_rates, dollar_markets, rates_coded
from tests.opportunities.factories import NAN, Listing, latest_of, table_of


def rates_of(*listings: Listing) -> dict[str, tuple[float, float, float]]:
    rates = conversion_rates(dollar_markets(table_of(listings)), latest_of(listings).spot)
    return {name: (rate.bid, rate.ask, rate.fee) for name, rate in rates.items()}


def usdc(exchange: str, bid: float, ask: float, **changes: object) -> Listing:
    return Listing(exchange, bid, ask, "USDC", **changes)  # type: ignore[arg-type]


def test_a_dollar_is_sold_at_the_bid_and_bought_at_the_ask() -> None:
    assert rates_of(usdc("a", 0.89, 0.91, fee=0.002)) == {PIVOT: (1, 1, 0), "USDC": (0.89, 0.91, 0.002)}


def test_a_market_in_which_usdt_is_listed_is_turned_round() -> None:
    rate = rates_of(Listing("a", 1.25, 1.6, "USDT", quote="USD"))["USD"]
    assert rate == pytest.approx((1 / 1.6, 1 / 1.25, 0.001))


def test_one_broken_quote_moves_nothing_and_of_two_the_worse_counts() -> None:
    three = rates_of(usdc("a", 0.99, 0.991), usdc("b", 0.992, 0.993), usdc("c", 0.1, 0.2))
    assert three["USDC"][:2] == (0.99, 0.991)
    two = rates_of(usdc("a", 0.99, 0.991, fee=0.001), usdc("b", 0.992, 0.993, fee=0.002))
    assert two["USDC"] == (0.99, 0.993, 0.002)


@pytest.mark.parametrize(
    "listing",
    [
        usdc("a", 0.99, 0.991, fee=NAN),
        usdc("a", 0.99, 0.991, swap=True),
        usdc("a", 0.99, 0.991, quote="EUR"),
        usdc("a", 990, 991, multiplier=1000),
        usdc("a", NAN, 0.991),
        usdc("a", 0.992, 0.991),
        Listing("a", 0.99, 0.991, "BTC"),
    ],
)
def test_what_tells_no_rate_gives_none(listing: Listing) -> None:
    assert rates_of(listing).keys() == {PIVOT}


def test_nothing_is_known_of_an_empty_market() -> None:
    assert rates_of() == {PIVOT: (1, 1, 0)}


def test_a_rate_says_who_quoted_it_and_when() -> None:
    listings = [usdc("b", 0.99, 0.991, ts=5_000), usdc("a", 0.99, 0.991, ts=4_000)]
    rate = conversion_rates(dollar_markets(table_of(listings)), latest_of(listings).spot)["USDC"]
    assert (rate.exchanges, rate.exchange_ts, rate.mid) == (("a", "b"), 4_000, pytest.approx(0.9905))


def test_as_columns_a_currency_without_a_rate_is_unknown() -> None:
    listings = [usdc("a", 0.99, 0.991)]
    rates = conversion_rates(dollar_markets(table_of(listings)), latest_of(listings).spot)
    coded = rates_coded(rates, ["EUR", "USDC", "USDT"])
    assert math.isnan(coded.bid[0])
    assert coded.bid[1:].tolist() == [0.99, 1.0]
    assert coded.fee[1:].tolist() == [0.001, 0.0]
