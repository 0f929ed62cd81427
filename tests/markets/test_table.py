"""The market table and the reading of structures that the wire of the first exchanges does not show."""

from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from apps.markets.enums import SnapshotKind
from apps.markets.exchanges import parse, registry
from apps.markets.fees import FeeBook, Scope, Terms
from apps.markets.table import table_build


def row(market_id: int, **changes: Any) -> tuple[Any, ...]:
    values: dict[str, Any] = {
        "id": market_id,
        "exchange": "okx",
        "symbol": f"S{market_id}",
        "type": "spot",
        "instrument": "BTC",
        "base": "BTC",
        "quote": "USDT",
        "contract_size": Decimal(1),
        "multiplier": 1,
        "taker_fee": Decimal("0.001"),
        "step": None,
        "min_amount": None,
        "min_notional": None,
        "leverage": None,
    }
    return tuple((values | changes).values())


def test_codes_index_the_lists_beside_them() -> None:
    table = table_build(
        5, [row(3), row(7, exchange="bybit", type="swap", instrument="PEPE", quote="USDC"), row(9)], FeeBook()
    )
    assert table.version == 5
    assert [table.exchange[code] for code in table.exchange_code] == ["okx", "bybit", "okx"]
    assert [table.instruments[code] for code in table.instrument_code] == ["BTC", "PEPE", "BTC"]
    assert [table.quotes[code] for code in table.quote_code] == ["USDT", "USDC", "USDT"]
    assert table.type_code.tolist() == [0, 1, 0]
    assert table.rows(np.array([9, 3, 4, 100])).tolist() == [2, 0, -1, -1]


def test_fees_are_those_that_count_and_else_unknown() -> None:
    rules = FeeBook.of([(Scope("okx", 2), Terms(Decimal("0.0002"))), (Scope("okx", 3), Terms(free=True))])
    fees = table_build(1, [row(1), row(2), row(3), row(4, taker_fee=None)], rules).taker_fee
    np.testing.assert_array_equal(fees, [0.001, 0.0002, 0.0, np.nan])


def test_an_empty_table_knows_no_market() -> None:
    table = table_build(1, [], FeeBook())
    assert table.rows(np.array([1, 2])).tolist() == [-1, -1]
    assert table.exchange == table.symbol == []


@pytest.mark.parametrize(
    ("text", "hours"),
    [("8h", 8), ("30m", 0.5), ("1d", 24), ("28800000", 8), ("", None), (None, None), ("xh", None), ("8x", None),
     ("0h", None)],
)  # fmt: skip
def test_intervals_are_read_in_every_form(text: str | None, hours: float | None) -> None:
    assert parse.interval_hours(text) == hours


def market(**changes: Any) -> dict[str, Any]:
    return {
        "symbol": "BTC/USDT:USDT", "base": "BTC", "quote": "USDT", "settle": "USDT", "spot": False, "swap": True,
        "linear": True, "active": None, "contractSize": 0.01, "taker": 0.0005,
        "precision": {"amount": 1, "price": 2}, "limits": {"amount": {"min": 1}, "cost": {"min": None}},
    } | changes  # fmt: skip


def specs(*markets: dict[str, Any], ticks: bool = False, fee_free: bool = False) -> list[Any]:
    return parse.market_specs(markets, ticks=ticks, fee_free=fee_free)


def test_places_become_steps_and_contracts_base_units() -> None:
    (spec,) = specs(market())
    assert spec.price_step == Decimal("0.01")
    assert spec.amount_step == Decimal("0.001")
    assert spec.min_amount == Decimal("0.01")
    assert spec.active
    (spec,) = specs(market(), ticks=True)
    assert spec.price_step == 2


@pytest.mark.parametrize(
    ("told", "fee_free", "fee"),
    [(None, False, None), (0, False, None), (0, True, Decimal(0)), (-0.0001, True, None), (1.5, False, None),
     (0.001, False, Decimal("0.001"))],
)  # fmt: skip
def test_a_missing_or_doubtful_fee_is_unknown_and_never_zero(told: Any, fee_free: bool, fee: Decimal | None) -> None:
    assert specs(market(taker=told), fee_free=fee_free)[0].taker_fee == fee


@pytest.mark.parametrize(
    ("taker", "maker", "fees"),
    [("0.0006", "0.0002", ("0.0006", "0.0002")), ("0.0002", "0.0006", ("0.0006", "0.0002")),
     ("0.0006", "-0.0001", ("0.0006", "-0.0001")), ("0.0006", None, ("0.0006", None)),
     ("0.0006", "0", ("0.0006", None)), (None, "0.0002", (None, "0.0002"))],
)  # fmt: skip
def test_the_greater_fee_is_the_takers_and_a_rebate_is_the_makers(
    taker: Any, maker: Any, fees: tuple[str | None, str | None]
) -> None:
    (spec,) = specs(market(taker=taker, maker=maker))
    assert (spec.taker_fee, spec.maker_fee) == tuple(None if fee is None else Decimal(fee) for fee in fees)


def test_inverse_perpetuals_futures_and_options_are_left_out() -> None:
    assert specs(market(linear=False), market(swap=False), market(swap=False, option=True)) == []
    assert not specs(market(active=False))[0].active


def test_an_exchange_that_is_not_listed_uses_what_ccxt_says_of_it() -> None:
    bithumb = registry.adapter("bithumb", gateway="")
    assert bithumb.able.kinds == (SnapshotKind.SPOT,)
    assert dict(bithumb.able.quotes[SnapshotKind.SPOT].params) == {}
    phemex = registry.adapter("phemex", gateway="")
    assert dict(phemex.able.quotes[SnapshotKind.SWAP].params) == {"type": "swap"}
    assert phemex.able.funding is None
    assert not {"bithumb", "phemex"} & set(registry.EXCHANGES.names())
