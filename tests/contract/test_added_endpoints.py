"""Calls that an exchange has and ccxt lacks: ccxt's parser of one row, given the rows of the answer, is the oracle."""

import asyncio
import math

import pytest

from apps.markets.exchanges import registry
from tests.markets.offline import offline, world_answers

ADDED = [
    exchange
    for exchange in registry.EXCHANGES.names()
    if (able := registry.adapter_class(exchange).capabilities).funding and able.funding.method in able.endpoints
]


def test_there_are_some() -> None:
    assert ADDED == ["htx", "mexc"]


@pytest.mark.parametrize("exchange", ADDED)
def test_funding_rates_in_bulk_mean_what_ccxt_makes_of_each_row(exchange: str) -> None:
    async def run() -> int:
        adapter = offline(exchange, world_answers())
        call = adapter.able.funding
        assert call is not None
        columns = (await adapter.funding(markets_from=0)).value
        body = (await adapter.client.call(call.method)).value
        oracle = adapter.client._ccxt.parse_funding_rates(body["data"])  # type: ignore[attr-defined]
        await adapter.close()
        assert set(columns.symbols) == oracle.keys()
        for number, symbol in enumerate(columns.symbols):
            row, hours = oracle[symbol], columns.interval_hours[number]
            assert columns.rate[number] == row["fundingRate"]
            assert columns.next_funding_at[number] == row["fundingTimestamp"]
            assert columns.row_ts[number] == (row["timestamp"] or 0)
            # HTX tells the interval with the market, not with the rate.
            assert row["interval"] in (None, f"{hours:.0f}h")
            assert math.isfinite(hours)
        return len(oracle)

    assert asyncio.run(run()) > 20
