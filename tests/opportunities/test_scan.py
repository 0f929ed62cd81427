"""The array scans: against the plain loop, by their invariants, and with decoys."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.opportunities.strategies.base import Strategy
from apps.opportunities.strategies.cross_exchange import CrossExchange
from apps.opportunities.strategies.funding_rate import FundingRate
from apps.opportunities.strategies.spot_perp import SpotPerp
from tests.opportunities.bench import market_of
from tests.opportunities.factories import HOUR_MS, NAN, NOW_MS, PARAMS, Listing, found_legs, view_of
from tests.opportunities.plain import cross_pairs, funding_pairs, spot_perp_pairs, tickers_of

Listings = list[Listing]
Pair = tuple[str, str, str]

CROSS, FUNDING, SPOT_PERP = CrossExchange(), FundingRate(), SpotPerp()
CHEAP, DEAR = Listing("a", 99.9, 100.0), Listing("b", 101.0, 101.1)
LOW = Listing("a", 99.99, 100.01, swap=True, fee=0.0005, rate=0.0001)
HIGH = Listing("b", 99.99, 100.01, swap=True, fee=0.0005, rate=0.0021)

listing_lists = st.lists(
    st.builds(
        lambda exchange, instrument, swap, price, half, fee, rate, interval, wait, skew: Listing(
            exchange,
            bid=price * (1 - half),
            ask=price * (1 + half),
            instrument=instrument,
            swap=swap,
            fee=fee,
            rate=rate,
            interval_h=interval,
            next_h=interval * wait,
            ts=NOW_MS - skew,
        ),
        st.sampled_from("abcde"),
        st.sampled_from(["BTC", "ETH", "SOL"]),
        st.booleans(),
        st.floats(90, 125),
        st.floats(0, 0.002),
        st.sampled_from([0.0, 0.0004, 0.001, NAN]),
        st.floats(-0.003, 0.003),
        st.sampled_from([1.0, 4.0, 8.0]),
        st.floats(0.01, 4),
        st.integers(0, 8000),
    ),
    max_size=24,
    unique_by=lambda one: (one.exchange, one.instrument, one.swap),
)


def found_by(strategy: Strategy, listings: Listings, params: Any = PARAMS) -> dict[Pair, float]:
    """(instrument/quote, buy exchange, sell exchange) -> net edge, as the plain loop answers."""
    view = view_of(listings)
    candidates = strategy.scan(view, params)
    layout, first = view.layout, candidates.legs[:, 0]
    codes = zip(layout.instrument_code[first].tolist(), layout.quote_code[first].tolist(), strict=True)
    names = [f"{view.table.instruments[instrument]}/{view.table.quotes[quote]}" for instrument, quote in codes]
    legs = found_legs(view, candidates.legs)
    return {(name, *leg): net for name, leg, net in zip(names, legs, candidates.net.tolist(), strict=True)}


def spot_perps(listings: Listings) -> dict[Pair, float]:
    """What the plain loop finds between coins and perpetuals."""
    return spot_perp_pairs(tickers_of(listings, swap=False), tickers_of(listings, swap=True), PARAMS)


def assert_same(found: Any, wanted: Any) -> None:
    """Equal but for pairs that floats put on either side of the threshold."""
    edge = PARAMS.min_net_edge
    for key in found.keys() ^ wanted.keys():
        assert abs({**found, **wanted}[key] - edge) < 1e-12
    for key in found.keys() & wanted.keys():
        assert found[key] == pytest.approx(wanted[key], rel=1e-9, abs=1e-12)


def test_the_known_gap_is_found_with_its_edges() -> None:
    view = view_of([CHEAP, DEAR])
    found = CROSS.scan(view, PARAMS)
    assert found_legs(view, found.legs) == [("a", "b")]
    assert found.gross[0] == pytest.approx(0.01)
    assert found.net[0] == pytest.approx(101 * 0.999 / (100 * 1.001) - 1)
    assert found.notional[0] == pytest.approx(1000)


def test_the_known_funding_difference_is_found_with_its_edges() -> None:
    view = view_of([LOW, HIGH])
    found = FUNDING.scan(view, PARAMS)
    assert found_legs(view, found.legs) == [("a", "b")]
    assert found.gross[0] == pytest.approx(3 * 0.0021 - 3 * 0.0001)
    assert found.net[0] == pytest.approx(0.006 - 0.002 - 2 * 0.0002)


def test_an_hourly_rate_outranks_a_larger_one_that_is_paid_every_eight_hours() -> None:
    other = replace(LOW, rate=0.0)
    hourly = replace(HIGH, exchange="h", rate=0.0002, interval_h=1.0, next_h=0.5)
    eight_hourly = replace(HIGH, exchange="e", rate=0.0006, interval_h=8.0, next_h=0.5)
    view = view_of([other, hourly, eight_hourly])
    found = FUNDING.scan(view, PARAMS)
    best = found_legs(view, found.legs)[int(np.argmax(found.gross))]
    assert best == ("a", "h")
    assert found.gross.max() == pytest.approx(24 * 0.0002)


@pytest.mark.parametrize("seed", range(3))
def test_the_scan_finds_what_the_plain_loop_finds_on_a_large_market(seed: int) -> None:
    listings = market_of(5, 120, seed=seed, hot=0.05)
    cross = cross_pairs(tickers_of(listings, swap=False), PARAMS)
    funding = funding_pairs(tickers_of(listings, swap=True), PARAMS)
    perps = spot_perps(listings)
    assert funding, "the generated market has to hold something"
    assert perps, "the generated market has to hold something"
    assert_same(found_by(CROSS, listings), cross)
    assert_same(found_by(FUNDING, listings), funding)
    assert_same(found_by(SPOT_PERP, listings), perps)


@given(listing_lists)
@settings(max_examples=150, deadline=None)
def test_the_scan_finds_what_the_plain_loop_finds(listings: Listings) -> None:
    assert_same(found_by(CROSS, listings), cross_pairs(tickers_of(listings, swap=False), PARAMS))
    assert_same(found_by(FUNDING, listings), funding_pairs(tickers_of(listings, swap=True), PARAMS))
    assert_same(found_by(SPOT_PERP, listings), spot_perps(listings))


@pytest.mark.parametrize("strategy", [CROSS, FUNDING, SPOT_PERP])
@given(listings=listing_lists)
@settings(max_examples=60, deadline=None)
def test_net_is_never_above_gross(strategy: Strategy, listings: Listings) -> None:
    found = strategy.scan(view_of(listings), replace(PARAMS, min_net_edge=-1.0))
    assert (found.net <= found.gross + 1e-15).all()


@pytest.mark.parametrize("strategy", [CROSS, FUNDING, SPOT_PERP])
@given(listings=listing_lists, factor=st.sampled_from([1e-6, 0.125, 3.0, 1e5]))
@settings(max_examples=60, deadline=None)
def test_scaling_all_prices_changes_nothing(strategy: Strategy, listings: Listings, factor: float) -> None:
    scaled = [replace(one, bid=one.bid * factor, ask=one.ask * factor) for one in listings]
    assert_same(found_by(strategy, scaled), found_by(strategy, listings))


@pytest.mark.parametrize("strategy", [CROSS, FUNDING, SPOT_PERP])
@given(listings=listing_lists)
@settings(max_examples=60, deadline=None)
def test_swapping_the_exchanges_swaps_the_legs(strategy: Strategy, listings: Listings) -> None:
    names = dict(zip("abcde", "edcba", strict=True))
    swapped = found_by(strategy, [replace(one, exchange=names[one.exchange]) for one in listings])
    wanted = {(name, names[buy], names[sell]): net for (name, buy, sell), net in found_by(strategy, listings).items()}
    assert_same(swapped, wanted)


@pytest.mark.parametrize("strategy", [CROSS, FUNDING, SPOT_PERP])
@given(listings=listing_lists, extra=st.floats(0, 0.01))
@settings(max_examples=60, deadline=None)
def test_a_higher_fee_never_raises_an_edge(strategy: Strategy, listings: Listings, extra: float) -> None:
    before = found_by(strategy, listings)
    after = found_by(strategy, [replace(one, fee=one.fee + extra) for one in listings])
    assert after.keys() <= before.keys()
    assert all(net <= before[key] + 1e-15 for key, net in after.items())


@pytest.mark.parametrize(
    "decoy",
    [
        {"fee": NAN},
        {"fee": -0.01},
        {"bid": NAN},
        {"bid": 101.2},
        {"bid": 100.1, "ask": 100.2},
        {"ts": NOW_MS - 5201},
        {"ts": NOW_MS + 4801},
        {"bid": 121.0, "ask": 121.1},
        {"quote": "USDC"},
        {"instrument": "ETH"},
        {"exchange": "a"},
        {"swap": True},
    ],
)
def test_decoys_of_a_price_gap_are_not_found(decoy: dict[str, Any]) -> None:
    assert len(CROSS.scan(view_of([CHEAP, DEAR]), PARAMS)) == 1
    assert len(CROSS.scan(view_of([CHEAP, replace(DEAR, **decoy)]), PARAMS)) == 0


@pytest.mark.parametrize(
    "decoy",
    [
        {"fee": NAN},
        {"rate": NAN},
        {"interval_h": NAN},
        {"rate": 0.0008},
        {"next_h": 24.01},
        {"next_h": -100.0},
        {"interval_h": 24.0, "rate": 0.0012},
        {"ask": 101.0},
        {"bid": 98.99, "ask": 99.01},
        {"bid": 130.0, "ask": 130.02},
        {"ts": NOW_MS - 5201},
        {"quote": "USDC"},
        {"instrument": "ETH"},
        {"exchange": "a"},
        {"swap": False},
    ],
)
def test_decoys_of_a_funding_difference_are_not_found(decoy: dict[str, Any]) -> None:
    assert len(FUNDING.scan(view_of([LOW, HIGH]), PARAMS)) == 1
    assert len(FUNDING.scan(view_of([LOW, replace(HIGH, **decoy)]), PARAMS)) == 0


COIN = Listing("a", 99.99, 100.01)


@pytest.mark.parametrize("exchange", ["a", "b"])
def test_a_coin_is_held_against_its_perpetual_on_one_exchange_or_two(exchange: str) -> None:
    view = view_of([COIN, replace(HIGH, exchange=exchange)])
    found = SPOT_PERP.scan(view, PARAMS)
    assert found_legs(view, found.legs) == [("a", exchange)]
    assert found.sides.tolist() == [[1, -1]]
    assert found.gross[0] == pytest.approx(3 * 0.0021)
    assert found.net[0] == pytest.approx(0.0063 - 2 * (0.001 + 0.0005) - 2 * 0.0002)
    # Both sides of both books are needed.
    assert found.notional[0] == pytest.approx(10 * 100.01)


def test_a_perpetual_above_its_coin_earns_nothing_by_it_and_one_below_costs() -> None:
    dear = replace(HIGH, bid=101.0, ask=101.02)
    net = float(SPOT_PERP.scan(view_of([COIN, dear]), PARAMS).net[0])
    assert net == pytest.approx(0.0063 - 0.003 - 0.0002 - 0.02 / 101.01)
    cheap = replace(HIGH, bid=99.79, ask=99.81)
    net = float(SPOT_PERP.scan(view_of([COIN, cheap]), PARAMS).net[0])
    assert net == pytest.approx(0.0063 - 0.003 - 0.0002 - 0.02 / 99.8 + (99.8 / 100 - 1))


def test_a_perpetual_whose_shorts_pay_is_no_reason_to_sell_a_coin_that_has_to_be_borrowed() -> None:
    assert len(SPOT_PERP.scan(view_of([COIN, replace(HIGH, rate=-0.01)]), PARAMS)) == 0


@pytest.mark.parametrize(
    "decoy",
    [
        {"fee": NAN},
        {"rate": NAN},
        {"interval_h": NAN},
        {"rate": 0.0012},
        {"next_h": 24.01},
        {"ask": 101.0},
        {"bid": 98.99, "ask": 99.01},
        {"bid": 130.0, "ask": 130.02},
        {"ts": NOW_MS - 5201},
        {"quote": "USDC"},
        {"instrument": "ETH"},
        {"swap": False},
    ],
)
def test_decoys_of_a_coin_against_its_perpetual_are_not_found(decoy: dict[str, Any]) -> None:
    assert len(SPOT_PERP.scan(view_of([COIN, HIGH]), PARAMS)) == 1
    assert len(SPOT_PERP.scan(view_of([COIN, replace(HIGH, **decoy)]), PARAMS)) == 0


def test_legs_are_compared_up_to_the_very_limits() -> None:
    assert len(CROSS.scan(view_of([CHEAP, replace(DEAR, ts=CHEAP.ts - 5000)]), PARAMS)) == 1
    wide = replace(PARAMS, min_net_edge=101 * 0.999 / (100 * 1.001) - 1)
    assert len(CROSS.scan(view_of([CHEAP, DEAR]), wide)) == 0


def test_a_multiplied_listing_is_compared_per_unit_of_the_instrument() -> None:
    thousands = replace(DEAR, bid=101_000.0, ask=101_100.0, multiplier=1000, bid_size=0.005)
    view = view_of([CHEAP, thousands])
    found = CROSS.scan(view, PARAMS)
    assert found_legs(view, found.legs) == [("a", "b")]
    assert found.net[0] == pytest.approx(101 * 0.999 / (100 * 1.001) - 1)
    assert found.notional[0] == pytest.approx(500)


def test_two_listings_of_one_exchange_are_never_both_legs() -> None:
    assert (
        len(CROSS.scan(view_of([CHEAP, replace(DEAR, exchange="a", multiplier=10, bid=1010, ask=1011)]), PARAMS)) == 0
    )


def test_funding_of_both_legs_counts_at_its_own_times() -> None:
    # Short: due in 23 h and then no more within 24; long: due in 25 h, pays nothing inside the horizon.
    long = replace(LOW, rate=0.01, next_h=25.0)
    short = replace(HIGH, rate=0.004, interval_h=4.0, next_h=23.0)
    found = FUNDING.scan(view_of([long, short]), PARAMS)
    assert found.gross.tolist() == [pytest.approx(0.004)]
    assert round(23 * HOUR_MS) < PARAMS.horizon_h * HOUR_MS


def test_unknown_sizes_leave_the_notional_unknown() -> None:
    found = CROSS.scan(view_of([CHEAP, replace(DEAR, bid_size=NAN)]), PARAMS)
    assert np.isnan(found.notional[0])
