"""HTX's levels and Hyperliquid's contexts, whose answers are no plain rows: broken ones cost themselves only."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from apps.markets.enums import SnapshotKind
from apps.markets.exceptions import UnreadableAnswer
from apps.markets.exchanges.columns import FundingColumns, QuoteColumns, Reply
from sandbox.calls import Answer, Call, json_answer
from tests.markets.offline import offline, world_answers

WORLD = world_answers()
CONTEXT = {
    "funding": "0.0000125",
    "markPx": "2.0",
    "oraclePx": "2.1",
    "dayNtlVlm": "9",
    "midPx": "2",
    "impactPxs": None,
}


def read(exchange: str, kind: SnapshotKind, answers: Mapping[str, Any]) -> Reply[Any]:
    """What the adapter reads where these answers replace the world's, by path (Hyperliquid: by what is asked)."""

    async def outside(call: Call) -> Answer:
        asked = json.loads(call.body)["type"] if call.body else call.path
        return json_answer(answers[asked]) if asked in answers else await WORLD(call)

    async def run() -> Reply[QuoteColumns] | Reply[FundingColumns]:
        adapter = offline(exchange, WORLD)
        await adapter.markets()
        adapter.client._ccxt.session._outside = outside  # type: ignore[attr-defined]
        if kind is SnapshotKind.FUNDING:
            return await adapter.funding(markets_from=0)
        return await adapter.quotes(kind, markets_from=0)

    return asyncio.run(run())


def contexts(*rows: Any, names: tuple[str, ...] = ("BTC", "ETH", "SOL")) -> dict[str, Any]:
    universe = [{"name": name, "szDecimals": 2, "maxLeverage": 10} for name in names]
    return {"metaAndAssetCtxs": [{"universe": universe, "marginTables": []}, list(rows)]}


def ticks(*rows: Mapping[str, Any]) -> dict[str, Any]:
    answer = {"status": "ok", "ts": 1_790_000_000_000, "ticks": list(rows)}
    return {"/linear-swap-ex/market/detail/batch_merged": answer}


def test_hyperliquids_contexts_have_the_names_of_their_places() -> None:
    answers = contexts(
        CONTEXT | {"impactPxs": ["1.9", "2.1"]},
        None,
        CONTEXT | {"impactPxs": ["3.9", "x"], "midPx": "nonsense"},
    )
    columns = read("hyperliquid", SnapshotKind.SWAP, answers).value
    assert columns.symbols == ["BTC/USDC:USDC", "ETH/USDC:USDC", "SOL/USDC:USDC"]
    np.testing.assert_array_equal(columns.bid, [1.9, np.nan, np.nan])
    np.testing.assert_array_equal(columns.ask, [2.1, np.nan, np.nan])
    np.testing.assert_array_equal(columns.last, [2.0, np.nan, np.nan])
    np.testing.assert_array_equal(columns.quote_volume, [9.0, np.nan, 9.0])
    assert np.isnan(columns.bid_size).all()


def test_hyperliquids_markets_without_a_book_tell_no_price() -> None:
    columns = read("hyperliquid", SnapshotKind.SWAP, contexts(CONTEXT, CONTEXT, CONTEXT)).value
    assert np.isnan(columns.bid).all()
    assert np.isnan(columns.ask).all()


def test_hyperliquids_rates_are_due_at_the_end_of_the_exchanges_hour() -> None:
    reply = read("hyperliquid", SnapshotKind.FUNDING, contexts(CONTEXT, CONTEXT | {"funding": None}, None))
    np.testing.assert_array_equal(reply.value.rate, [0.0000125, np.nan, np.nan])
    moment = reply.exchange_at or reply.received_at
    (due,) = set(reply.value.next_funding_at.tolist())
    assert due % 3_600_000 == 0
    assert 0 < due - moment <= 3_600_000


def test_hyperliquids_assets_that_are_not_listed_are_left_out() -> None:
    columns = read("hyperliquid", SnapshotKind.SWAP, contexts(CONTEXT, names=("NOSUCH",))).value
    assert columns.symbols == []


def test_hyperliquids_contexts_that_nobody_can_name_are_unreadable() -> None:
    with pytest.raises(UnreadableAnswer):
        read("hyperliquid", SnapshotKind.SWAP, contexts(CONTEXT, CONTEXT, names=("BTC",)))


def test_htxs_levels_are_prices_and_sizes() -> None:
    answers = ticks(
        {
            "contract_code": "BTC-USDT",
            "bid": [10.5, 3],
            "ask": [10.6, 4],
            "close": "10.5",
            "trade_turnover": "7",
            "ts": 5,
        },
        {"contract_code": "ETH-USDT", "bid": [], "ask": None},
        {"contract_code": "SOL-USDT", "bid": ["x", 1], "ask": [2.5, 1], "close": ""},
        {"contract_code": "XRP-USDT", "bid": [0, 0], "ask": [2.5, 1]},
        {"contract_code": "NOSUCH-USDT", "bid": [1, 1], "ask": [2, 1]},
    )
    columns = read("htx", SnapshotKind.SWAP, answers).value
    assert columns.symbols == [f"{base}/USDT:USDT" for base in ("BTC", "ETH", "SOL", "XRP")]
    np.testing.assert_array_equal(columns.bid, [10.5, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(columns.bid_size, [3, np.nan, np.nan, 0])
    np.testing.assert_array_equal(columns.ask, [10.6, np.nan, 2.5, 2.5])
    np.testing.assert_array_equal(columns.ask_size, [4, np.nan, 1, 1])
    np.testing.assert_array_equal(columns.last, [10.5, np.nan, np.nan, np.nan])
    assert columns.quote_volume[0] == 7
    assert columns.row_ts.tolist() == [5, 0, 0, 0]


def test_htxs_contracts_that_tell_no_period_have_no_interval() -> None:
    info = {
        "/linear-swap-api/v1/swap_contract_info": _contracts({"settlement_period": "4"}, {}, {"settlement_period": ""})
    }

    async def outside(call: Call) -> Answer:
        return json_answer(info[call.path]) if call.path in info else await WORLD(call)

    async def run() -> FundingColumns:
        return (await offline("htx", outside).funding(markets_from=0)).value

    columns = asyncio.run(run())
    hours = dict(zip(columns.symbols, columns.interval_hours.tolist(), strict=True))
    assert hours.pop("BTC/USDT:USDT") == 4.0
    assert hours.keys() == {"ETH/USDT:USDT", "SOL/USDT:USDT"}
    assert np.isnan(list(hours.values())).all()


def _contracts(*more: Mapping[str, Any]) -> dict[str, Any]:
    rows = [
        {
            "symbol": base,
            "contract_code": f"{base}-USDT",
            "contract_size": 0.1,
            "price_tick": 0.1,
            "create_date": "20201021",
            "contract_status": 1,
            "business_type": "swap",
        }
        for base in ("BTC", "ETH", "SOL")
    ]
    return {"status": "ok", "data": [row | extra for row, extra in zip(rows, more, strict=True)], "ts": 1}
