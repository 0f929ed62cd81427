from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from apps.markets.types import Latest
from apps.opportunities.view import SPOT, SWAP, dollar_rates, market_view
from tests.opportunities.factories import HOUR_MS, NAN, NOW_MS, Listing, latest_of, table_of, view_of

AGES = {"max_age_ms": 15_000, "max_funding_age_ms": 120_000}


def only(listing: Listing) -> tuple[float, float]:
    """The prices of the one row there is."""
    view = view_of([listing])
    return view.bid[0], view.ask[0]


def test_rows_are_ordered_by_type_and_group_whatever_their_ids() -> None:
    view = view_of(
        [
            Listing("b", 1, 2, "ETH"),
            Listing("b", 1, 2, "BTC", swap=True),
            Listing("b", 1, 2, "BTC"),
            Listing("a", 1, 2, "BTC", quote="USDC"),
            Listing("a", 1, 2, "ETH"),
            Listing("a", 1, 2, "BTC"),
        ]
    )
    spot, swap = view.rows_of_type(SPOT), view.rows_of_type(SWAP)
    assert view.layout.market_id[spot].tolist() == [4, 6, 3, 5, 1]
    assert view.layout.market_id[swap].tolist() == [2]
    # Dollars lie together, each beside its like.
    groups = view.layout.group[spot]
    assert len(set(groups.tolist())) == 2
    assert groups.tolist() == sorted(groups.tolist())


def test_multipliers_are_removed_from_prices_and_sizes() -> None:
    view = view_of([Listing("a", 4.0, 5.0, "PEPE", multiplier=1000, bid_size=3, ask_size=2)])
    assert (view.bid[0], view.ask[0]) == (0.004, 0.005)
    assert (view.bid_size[0], view.ask_size[0]) == (3000, 2000)


def test_snapshots_of_another_version_of_the_markets_are_left_out() -> None:
    listings = [Listing("a", 1, 2, swap=True), Listing("b", 1, 2, swap=True)]
    table = table_of(listings, version=2)
    view = market_view(table, latest_of(listings), now_ms=NOW_MS, **AGES)
    assert view.usable() == 0
    assert np.isnan(view.rate).all()


@pytest.mark.parametrize(
    "broken",
    [
        {"fee": NAN},
        {"fee": -0.0001},
        {"fee": 1.0},
        {"bid": NAN},
        {"ask": NAN},
        {"bid": 0.0},
        {"bid": -1.0},
        {"bid": 101.5},
        {"ask": float("inf")},
        {"bid_size": 0.0},
        {"ask_size": -1.0},
        {"ts": 0},
    ],
)
def test_what_cannot_be_trusted_is_unusable(broken: dict[str, Any]) -> None:
    good = Listing("a", 100, 101)
    assert only(good) == (100, 101)
    bid, ask = only(replace(good, **broken))
    assert np.isnan(bid)
    assert np.isnan(ask)
    assert view_of([replace(good, **broken)]).usable() == 0


def test_an_unknown_size_is_no_reason_to_refuse() -> None:
    assert view_of([Listing("a", 100, 101, bid_size=NAN, ask_size=NAN)]).usable() == 1


def test_old_snapshots_are_left_out() -> None:
    listings = [Listing("a", 100, 101, swap=True)]
    table = table_of(listings)
    fresh = market_view(table, latest_of(listings, received_at=NOW_MS - 15_000), now_ms=NOW_MS, **AGES)
    assert fresh.usable() == 1
    stale = market_view(table, latest_of(listings, received_at=NOW_MS - 15_001), now_ms=NOW_MS, **AGES)
    assert stale.usable() == 0
    assert stale.interval_ms.tolist() == [8 * HOUR_MS]
    older = market_view(table, latest_of(listings, received_at=NOW_MS - 120_001), now_ms=NOW_MS, **AGES)
    assert older.interval_ms.tolist() == [0]


def test_markets_that_the_table_does_not_know_are_ignored() -> None:
    listings = [Listing("a", 100, 101), Listing("a", 200, 201, "ETH")]
    view = market_view(table_of(listings[:1]), latest_of(listings), now_ms=NOW_MS, **AGES)
    assert view.bid.tolist() == [100]


def test_an_empty_market_is_an_empty_view() -> None:
    view = market_view(table_of([]), Latest(), now_ms=NOW_MS, **AGES)
    assert view.usable() == 0
    assert len(view.bid) == 0


@pytest.mark.parametrize(
    "broken", [{"rate": NAN}, {"interval_h": NAN}, {"interval_h": 0.0}, {"interval_h": float("inf")}, {"next_h": -9.0}]
)
def test_incomplete_funding_is_no_funding(broken: dict[str, Any]) -> None:
    view = view_of([replace(Listing("a", 100, 101, swap=True), **broken)])
    assert view.usable() == 1
    assert np.isnan(view.rate[0])
    assert (view.interval_ms[0], view.next_funding_at[0]) == (0, 0)


def test_a_funding_time_that_has_just_passed_counts_from_the_next_one() -> None:
    view = view_of([Listing("a", 100, 101, swap=True, interval_h=8, next_h=-0.01)])
    assert view.next_funding_at[0] == NOW_MS + round(7.99 * HOUR_MS)


def test_dollar_rates_come_from_the_market() -> None:
    view = view_of(
        [
            Listing("a", 99, 101, "ETH"),
            Listing("b", 101, 103, "ETH", quote="USDC"),
            Listing("a", 0.019, 0.021, "SOL", quote="ETH"),
            Listing("a", 49, 51, "USDT", quote="TRY"),
            Listing("a", 1, 2, "SOL", quote="XXX"),
        ]
    )
    codes = {name: code for code, name in enumerate(view.table.quotes)}
    rates = dollar_rates(view, view.layout.quote_code)
    assert rates[codes["USDT"]] == 1
    assert rates[codes["ETH"]] == 101
    assert rates[codes["TRY"]] == pytest.approx(0.02)
    assert codes["XXX"] not in rates
