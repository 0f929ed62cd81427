"""The scenario is true: what it says must be found is net positive at every time, and nothing else is."""

import math
from typing import Any

import pytest

from sandbox.market.board import Board
from sandbox.market.world import World
from tests.sandbox.oracle import LEAST_USD, REFERENCE_USD, Key, cross_edges, cycle_edges, funding_edges, spot_perp_edges
from tests.sandbox_process import Sandbox

NOON = 1_795_348_800.0
# Shortly after a funding, just before one, hours and weeks later.
TIMES = [NOON, NOON + 0.5, NOON + 3 * 3600 + 1234.5, NOON + 4 * 3600 - 0.5, NOON + 11 * 3600, NOON + 17 * 86_400 + 7.0]


@pytest.fixture(scope="module")
def fees(markets: dict[str, dict[str, Any]]) -> dict[tuple[str, str], float]:
    """Taker fees as ccxt reports them. No market lacks one: ccxt falls back to the exchange's usual fee."""
    return {
        (exchange, symbol): market["taker"] for exchange, found in markets.items() for symbol, market in found.items()
    }


def keys(entries: list[dict[str, Any]]) -> dict[Key, dict[str, Any]]:
    return {
        (
            entry["kind"],
            tuple((leg["exchange"], leg["symbol"]) for leg in entry["legs"]),
        ): entry
        for entry in entries
    }


@pytest.mark.parametrize("at", TIMES)
@pytest.mark.parametrize("seed", [7, 8, 1234])
def test_expected_are_positive_and_nothing_else_is(seed: int, at: float, fees: dict[tuple[str, str], float]) -> None:
    world = World(seed)
    listed = [each for each in world.listings() if any(exchange == each.venue for exchange, _ in fees)]
    by_kind = {(each.venue, each.is_swap): fees_of(fees, each.venue, each.is_swap) for each in listed}
    known = {(each.venue, each.symbol): by_kind[each.venue, each.is_swap] for each in listed}
    expected = keys(world.scenario.describe()["expected"])

    edges = cross_edges(world, at, known) | cycle_edges(world, at, known)
    edges |= funding_edges(world, at, known, REFERENCE_USD) | spot_perp_edges(world, at, known, REFERENCE_USD)
    small = funding_edges(world, at, known, LEAST_USD) | spot_perp_edges(world, at, known, LEAST_USD)

    for key, entry in expected.items():
        assert edges[key] >= float(entry["min_net_edge"]) > 0.0005, (key, edges[key])
    assert {key for key, edge in edges.items() if edge > 0} == expected.keys()
    held = {key for key in expected if key[0] in ("funding_rate", "spot_perp")}
    assert {key for key, edge in small.items() if edge > 0} == held
    # Not by a hair either: two feeds are never of exactly the same moment.
    others = {key: edge for key, edge in (edges | small).items() if key not in expected}
    assert max(others.values()) < -0.0001


def fees_of(fees: dict[tuple[str, str], float], venue: str, is_swap: bool) -> float:
    """The one fee that ccxt reports for all markets of a venue and kind."""
    found = {fee for (exchange, symbol), fee in fees.items() if exchange == venue and (":" in symbol) is is_swap}
    assert len(found) == 1
    return found.pop()


def test_scenario_has_what_detection_has_to_tell_apart(outside: Sandbox) -> None:
    scenario = outside.scenario()
    kinds = [entry["kind"] for entry in scenario["expected"]]
    assert scenario["seed"] == 7
    assert kinds.count("cross_exchange") >= 3
    assert kinds.count("funding_rate") >= 3
    assert kinds.count("spot_perp") >= 2
    assert sorted(len(entry["legs"]) for entry in scenario["expected"] if entry["kind"] == "triangular") == [3, 4, 4]
    assert {
        "gross positive, net negative",
        "stale",
        "crossed",
        "zero price",
        "NaN price",
        "negative price",
        "thin book",
        "same ticker, different asset",
        "inactive market",
        "unknown funding interval",
        "rates of different intervals",
        "quote currencies taken at parity",
        "wide spread",
        "basis against the position",
        "the coin would have to be borrowed",
    } == {entry["why"] for entry in scenario["decoys"]}
    assert not keys(scenario["expected"]).keys() & keys(scenario["decoys"]).keys()
    flagged = scenario["missing_fee"]
    assert flagged
    assert all(entry in scenario["expected"] for entry in flagged)
    assert all(entry["market"]["symbol"] in {leg["symbol"] for leg in entry["legs"]} for entry in flagged)


TYPES = {"cross_exchange": ["spot", "spot"], "funding_rate": ["swap", "swap"], "spot_perp": ["spot", "swap"]}


def test_every_leg_is_a_market_that_ccxt_lists(outside: Sandbox, markets: dict[str, dict[str, Any]]) -> None:
    scenario = outside.scenario()
    for entry in scenario["expected"]:
        found = [markets[leg["exchange"]][leg["symbol"]] for leg in entry["legs"]]
        assert all(market["active"] for market in found)
        assert [market["type"] for market in found] == TYPES.get(entry["kind"], ["spot"] * len(found))
        if entry["kind"] != "triangular":
            assert [leg["side"] for leg in entry["legs"]] == ["buy", "sell"]
            continue
        held = [
            (market["quote"], market["base"]) if leg["side"] == "buy" else (market["base"], market["quote"])
            for leg, market in zip(entry["legs"], found, strict=True)
        ]
        assert [into for _, into in held] == [out for out, _ in (*held[1:], held[0])]
    for entry in scenario["decoys"]:
        if any(leg["exchange"] not in markets for leg in entry["legs"]):
            continue
        actives = [markets[leg["exchange"]][leg["symbol"]]["active"] for leg in entry["legs"]]
        assert all(actives) is (entry["why"] != "inactive market")


def test_an_hourly_rate_that_is_the_smaller_number_wins_once(outside: Sandbox) -> None:
    world = World(7)
    board = world.board("okx", is_swap=True)
    hourly = {each.asset.name for each in board.listings if each.place.interval_h == 1}
    expected = [entry for entry in outside.scenario()["expected"] if entry["instrument"] in hourly]
    assert [entry["legs"][1]["exchange"] for entry in expected] == ["okx"]
    bought = world.board("bybit", is_swap=True)
    number = next(n for n, each in enumerate(bought.listings) if each.asset.name == expected[0]["instrument"])
    sold = next(n for n, each in enumerate(board.listings) if each.asset.name == expected[0]["instrument"])
    assert bought.funding(NOON).rate[number] > board.funding(NOON).rate[sold] > 0


def test_seeds_give_different_casts_and_one_seed_the_same() -> None:
    first, again, other = (World(seed).scenario.describe() for seed in (7, 7, 8))
    assert first == again
    assert {entry["instrument"] for entry in first["expected"]} != {entry["instrument"] for entry in other["expected"]}


def test_every_decoy_would_fool_someone(outside: Sandbox) -> None:
    world = World(7)
    for entry in outside.scenario()["decoys"]:
        legs = [found(world, leg["exchange"], leg["symbol"], ":" in leg["symbol"]) for leg in entry["legs"]]
        if entry["kind"] == "triangular":
            rates = [
                1 / float(board.quotes(NOON).ask[number])
                if leg["side"] == "buy"
                else float(board.quotes(NOON).bid[number])
                for leg, (board, number) in zip(entry["legs"], legs, strict=True)
            ]
            assert math.prod(rates) > 1, entry
            continue
        bought, sold = legs
        if entry["kind"] == "cross_exchange":
            ask_price = float(bought[0].quotes(NOON).ask[bought[1]])
            bid_price = float(sold[0].quotes(NOON).bid[sold[1]])
            # Worded so that NaN counts as fooling: it compares as nothing.
            assert not bid_price <= ask_price, entry
            continue
        perpetuals = [leg for leg in legs if leg[0].listings[leg[1]].is_swap]
        rates = [float(board.funding(NOON).rate[number]) for board, number in perpetuals]
        # What three fundings of 8 h would give, as if every rate were one of 8 h, against the dearest four fees. A
        # coin against its perpetual fools whoever takes the rate's size for what is earned.
        assert 3 * (rates[1] - rates[0] if len(rates) > 1 else abs(rates[0])) > 0.0014, entry


def found(world: World, venue: str, symbol: str, is_swap: bool) -> tuple[Board, int]:
    board = world.board(venue, is_swap=is_swap)
    return board, next(number for number, each in enumerate(board.listings) if each.symbol == symbol)
