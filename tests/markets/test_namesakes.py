"""Which markets of one name are priced unlike the others."""

from typing import Any

import numpy as np
import pytest

from apps.markets.namesakes import strangers
from apps.markets.prices import prices_of
from sandbox.market.world import World
from tests.opportunities.boards import shown
from tests.opportunities.factories import NAN, Listing, latest_of, table_of


def found(*rows: tuple[str, str, float]) -> dict[int, tuple[Any, tuple[int, ...]]]:
    """Row -> (ratio, rows compared with), of (instrument, exchange, price) rows."""
    instruments, exchanges = sorted({row[0] for row in rows}), sorted({row[1] for row in rows})
    answer = strangers(
        np.array([instruments.index(row[0]) for row in rows], dtype=np.int32),
        np.array([exchanges.index(row[1]) for row in rows], dtype=np.int16),
        np.array([row[2] for row in rows], dtype=np.float64),
        max_ratio=0.2,
    )
    return {one.row: (pytest.approx(one.ratio), one.others) for one in answer}


def test_two_exchanges_one_name_and_no_majority_makes_both_strangers() -> None:
    assert found(("GAS", "a", 0.01), ("GAS", "b", 3.0)) == {0: (0.01 / 3, (1,)), 1: (300, (0,))}


def test_the_majority_is_the_reference() -> None:
    rows = [("GTC", "a", 1.0), ("GTC", "b", 1.1), ("GTC", "c", 5.0), ("BTC", "a", 60_000.0), ("BTC", "c", 60_100.0)]
    assert found(*rows) == {2: (5.0 / 1.05, (0, 1))}


def test_prices_within_the_ratio_are_of_one_asset() -> None:
    assert found(("X", "a", 1.0), ("X", "b", 1.2)) == {}
    assert found(("X", "a", 1.0), ("X", "b", 1.2001)).keys() == {0, 1}


def test_exchanges_are_counted_and_not_their_markets() -> None:
    # c lists its own coin four times; a and b agree on another one.
    rows = [("X", "c", price) for price in (5.0, 5.0, 5.01, 5.02)]
    assert found(*rows, ("X", "a", 1.0), ("X", "b", 1.0)).keys() == {0, 1, 2, 3}
    assert found(*rows, ("X", "a", 1.0)).keys() == {0, 1, 2, 3, 4}


def test_two_markets_of_one_exchange_may_be_two_assets_to_the_others() -> None:
    assert found(("X", "a", 1.0), ("X", "a", 300.0), ("X", "b", 1.0)).keys() == {1}
    assert found(("X", "a", 1.0), ("X", "a", 300.0)) == {}


def test_half_of_the_exchanges_is_no_majority() -> None:
    assert found(("X", "a", 1.0), ("X", "b", 1.0), ("X", "c", 5.0), ("X", "d", 5.0)).keys() == {0, 1, 2, 3}
    assert found(("X", "a", 1.0), ("X", "b", 1.0), ("X", "c", 5.0)).keys() == {2}


def test_unknown_prices_are_left_alone() -> None:
    assert found(("X", "a", 1.0), ("X", "b", NAN), ("X", "c", 0.0)) == {}
    assert found() == {}


def prices(*listings: Listing) -> list[float]:
    table = table_of(listings)
    answer: list[float] = prices_of(table, latest_of(listings), max_spread=0.2).per_unit.tolist()
    return answer


def test_prices_are_compared_per_unit_and_in_one_currency() -> None:
    assert prices(
        Listing("a", 0.98, 1.02, "PEPE", multiplier=1000),
        Listing("b", 1110, 1112, "ETH", quote="USDC"),
        Listing("b", 0.89, 0.91, "USDC"),
        Listing("c", 39_999, 40_001, "USDT", quote="IDR"),
        Listing("c", 39.999, 40.001, "ETH", quote="SOL"),
        Listing("d", 24.999, 25.001, "SOL"),
        Listing("d", 4e7 - 1, 4e7 + 1, "ETH", quote="IDR"),
        Listing("d", 1, 1.01, "ETH", quote="XXX"),
    ) == pytest.approx([0.001, 1111 * 0.9, 0.9, 1.0, 1000.0, 25.0, 1000.0, NAN], nan_ok=True)


def test_a_market_that_nobody_trades_tells_no_price() -> None:
    assert prices(Listing("a", 0.5, 2.0)) == pytest.approx([NAN], nan_ok=True)
    assert prices() == []


@pytest.mark.parametrize("seed", [7, 1234])
def test_of_all_that_sixteen_exchanges_list_only_the_one_other_coin_is_a_stranger(seed: int) -> None:
    world = World(seed)
    table, latest = shown(world, 1_795_348_800.0)
    price = prices_of(table, latest, max_spread=0.2).per_unit
    assert np.count_nonzero(np.isfinite(price)) > 900
    answer = strangers(table.instrument_code, table.exchange_code, price, max_ratio=0.2)
    names = {(table.exchange[table.exchange_code[one.row]], table.symbol[one.row]) for one in answer}
    (decoy,) = [one for one in world.scenario.describe()["decoys"] if one["why"] == "same ticker, different asset"]
    assert names == {("okx", f"{decoy['instrument']}/USDT")}
