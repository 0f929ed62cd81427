"""Every strategy through the same cases; a new one is one line in CASES."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, get_args

import numpy as np
import pytest

from apps.opportunities.enums import OpportunityKind, Side
from apps.opportunities.evidence import evidence_of, recompute
from apps.opportunities.legs import Leg
from apps.opportunities.pricing import Priced, price_legs
from apps.opportunities.selectors import kind_families
from apps.opportunities.strategies.registry import signal_get, signals, strategies, strategy_get
from apps.opportunities.technical.conditions import conditions_parse
from apps.opportunities.types import Family
from tests.opportunities.factories import NAN, PARAMS, Listing, cycle, terms, view_of
from tests.opportunities.test_pricing import cross_legs, funding_legs, spot_perp_legs


@dataclass(frozen=True)
class Case:
    """A market with exactly one opportunity of the kind, and legs on books that can be priced."""

    listings: tuple[Listing, ...]
    legs: Callable[[], tuple[Leg, ...]]
    quantity: str = "0.5"


CASES = {
    "cross_exchange": Case((Listing("a", 99.9, 100.0), Listing("b", 101.0, 101.1)), cross_legs),
    "funding_rate": Case(
        (
            Listing("a", 99.99, 100.01, swap=True, fee=0.0005),
            Listing("b", 99.99, 100.01, swap=True, fee=0.0005, rate=0.0021),
        ),
        funding_legs,
    ),
    "spot_perp": Case(
        (
            Listing("a", 99.99, 100.01),
            Listing("a", 99.99, 100.01, swap=True, fee=0.0005, rate=0.0021),
        ),
        spot_perp_legs,
    ),
    "triangular": Case(
        (
            Listing("a", 49990.0, 50000.0),
            Listing("a", 0.0399, 0.04, "ETH", "BTC"),
            Listing("a", 2020.0, 2021.0, "ETH"),
        ),
        cycle,
        quantity="1000",
    ),
}

# What a signal is found by: a rule, and bars in which it holds on the first of two markets.
SIGNAL_CASES = {
    "technical": (
        {"all": [{"indicator": "rsi_14", "timeframe": "1h", "op": "<", "value": 30}]},
        {"1h": {"rsi_14": [[31, 20], [40, 45]], "close": [[100, 99], [100, 99]], "atr_14": [[1, 1], [1, 1]]}},
    ),
}


@pytest.fixture(params=strategies.names())
def kind(request: pytest.FixtureRequest) -> str:
    """Each registered kind."""
    return request.param


def test_every_kind_is_registered_and_has_a_case(kind: str) -> None:
    assert set(strategies.names()) == set(CASES)
    assert {*strategies.names(), *signals.names()} == set(OpportunityKind.values)
    strategy = strategy_get(kind)
    assert strategy.kind == kind
    assert strategy.formula.startswith(f"{kind}/")
    assert strategy.unseen_s > 0
    assert kind_families()[kind] == strategy.family
    assert strategy.family in get_args(Family)


def test_the_one_opportunity_is_found_once(kind: str) -> None:
    found = strategy_get(kind).scan(view_of(CASES[kind].listings), PARAMS)
    assert len(found) == 1
    assert found.legs.shape == found.sides.shape
    assert len(found.at(0)) == len(CASES[kind].legs())
    assert len(found.quote_code) == 1
    assert found.kind == kind
    assert {len(column) for column in (found.gross, found.net, found.notional)} == {1}
    assert PARAMS.min_net_edge < found.net[0] <= found.gross[0]


def test_nothing_is_found_in_nothing(kind: str) -> None:
    assert len(strategy_get(kind).scan(view_of([]), PARAMS)) == 0
    assert len(strategy_get(kind).scan(view_of(CASES[kind].listings[:1]), PARAMS)) == 0


@pytest.mark.parametrize("broken", [{"fee": NAN}, {"bid": NAN}, {"ask": NAN}, {"ts": 0}])
def test_a_leg_without_fee_price_or_time_is_never_paired(kind: str, broken: dict[str, Any]) -> None:
    listings = CASES[kind].listings
    for at in range(len(listings)):
        spoiled = [replace(one, **broken) if index == at else one for index, one in enumerate(listings)]
        assert len(strategy_get(kind).scan(view_of(spoiled), PARAMS)) == 0


def test_the_minimum_edge_is_exclusive(kind: str) -> None:
    strategy, view = strategy_get(kind), view_of(CASES[kind].listings)
    net = float(strategy.scan(view, PARAMS).net[0])
    assert len(strategy.scan(view, replace(PARAMS, min_net_edge=net))) == 0
    assert len(strategy.scan(view, replace(PARAMS, min_net_edge=float(np.nextafter(net, 0))))) == 1


def test_a_scan_leaves_its_view_as_it_was(kind: str) -> None:
    view = view_of(CASES[kind].listings)
    before = [np.copy(column) for column in (view.bid, view.ask, view.rate, view.layout.fee)]
    strategy_get(kind).scan(view, PARAMS)
    for column, copy in zip((view.bid, view.ask, view.rate, view.layout.fee), before, strict=True):
        np.testing.assert_array_equal(column, copy)


def test_costs_lead_from_gross_to_net(kind: str) -> None:
    priced = price_legs(strategy_get(kind), CASES[kind].legs(), terms())
    assert isinstance(priced, Priced)
    assert priced.edges.net <= priced.edges.gross
    assert all(cost >= 0 for cost in priced.edges.costs.values())
    assert abs(priced.edges.gross - sum(priced.edges.costs.values()) - priced.edges.net) < Decimal("5e-8")


def test_evidence_recomputes(kind: str) -> None:
    strategy, legs = strategy_get(kind), CASES[kind].legs()
    priced = price_legs(strategy, legs, terms())
    assert isinstance(priced, Priced)
    assert recompute(evidence_of(strategy, legs, terms(), priced.quantity)) == priced.edges.net


def test_a_higher_fee_lowers_the_priced_edge(kind: str) -> None:
    strategy, legs = strategy_get(kind), CASES[kind].legs()
    quantity = Decimal(CASES[kind].quantity)
    edge = terms().edge
    before = strategy.edges(legs, edge, quantity)
    for at in range(len(legs)):
        dearer = tuple(replace(leg, fee=leg.fee + Decimal("0.0001")) if at == n else leg for n, leg in enumerate(legs))
        after = strategy.edges(dearer, edge, quantity)
        assert after.net < before.net
        assert after.gross == before.gross


@pytest.mark.parametrize("name", signals.names())
def test_a_signal_has_a_strength_and_marks_on_both_sides_of_its_price(name: str) -> None:
    strategy, (rule, bars) = signal_get(name), SIGNAL_CASES[name]
    assert (strategy.kind, strategy.family) == (name, kind_families()[name])
    assert strategy.formula.startswith(f"{name}/")
    assert 0 < strategy.unseen_s <= strategy.longest_s
    readings = {frame: {key: np.array(pairs, float) for key, pairs in bar.items()} for frame, bar in bars.items()}
    found = strategy.signals(conditions_parse(rule), readings)
    assert found.holds.tolist() == [True, False]
    assert 0 < found.strength[0] < 1
    assert found.strength[1] == 0
    bought = strategy.marks(Side.BUY, Decimal(100), Decimal("0.01"))
    sold = strategy.marks(Side.SELL, Decimal(100), Decimal("0.01"))
    assert bought.stop is not None and bought.target is not None and bought.stop < 100 < bought.target
    assert sold.stop is not None and sold.target is not None and sold.target < 100 < sold.stop
    assert strategy.marks(Side.BUY, Decimal(100), Decimal(1)).stop is None
