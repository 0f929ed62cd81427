"""KuCoin perpetuals."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Generic, Literal

import msgspec
from msgspec import field

from apps.markets.enums import SnapshotKind
from apps.markets.exchanges.base import Capabilities, ExchangeAdapter, FundingCall, QuotesCall
from apps.markets.exchanges.columns import FundingColumns, RowTime
from apps.markets.exchanges.throttle import RequestLimit
from apps.markets.exchanges.typed import (
    Ask,
    Listed,
    Number,
    R,
    Row,
    Rows,
    RowsOfOneTime,
    Typed,
    funding_columns,
    quote_columns,
)

_HOUR_MS = 3_600_000


class _Data(msgspec.Struct, Generic[R]):
    rows: list[R] = field(name="list")
    time: int = field(name="ts", default=0)


class _Tickers(msgspec.Struct, Generic[R]):
    code: Literal["200000"]
    data: _Data[R]

    @property
    def rows(self) -> list[R]:
        """The tickers."""
        return self.data.rows

    @property
    def told_at(self) -> int:
        """When they were taken."""
        return self.data.time


class _Ticker(Row):
    id: str = field(name="symbol")
    bid: Number = field(name="bestBidPrice", default=None)
    bid_size: Number = field(name="bestBidSize", default=None)
    ask: Number = field(name="bestAskPrice", default=None)
    ask_size: Number = field(name="bestAskSize", default=None)
    last: Number = field(name="lastPrice", default=None)
    quote_volume: Number = field(name="quoteVolume", default=None)
    row_ts: Number = None


class _Rates(msgspec.Struct, Generic[R]):
    code: Literal["200000"]
    rows: list[R] = field(name="data")


class _Funding(Row):
    id: str = field(name="symbol")
    rate: Number = field(name="nextFundingRate", default=None)
    interval_hours: Number = field(name="currentGranularity", default=None)
    next_funding_at: Number = field(name="fundingTime", default=None)


def _fundings(listed: Listed, rows: Sequence[_Funding]) -> FundingColumns:
    """The period is told in milliseconds. The rows of funding indices are no contract's and stay out."""
    columns = funding_columns(listed, rows)
    return replace(columns, interval_hours=columns.interval_hours / _HOUR_MS)


class KucoinFutures(ExchangeAdapter):
    """The futures interface's own tickers have no volume and the time of the last trade, its contracts no bid and ask:
    the unified interface has all of it in one answer, with one time for all rows. Sizes are in contracts.

    The unified funding rates hold `nextFundingRate`, what is paid at `fundingTime`; `currentGranularity` is the running
    period in ms, and an announced change of it (`newGranularity`) counts from its own start on.

    https://www.kucoin.com/docs-new/rest/ua/get-ticker
    https://www.kucoin.com/docs-new/rest/ua/get-current-funding-rate
    https://www.kucoin.com/docs-new/rest/futures-trading/market-data/get-part-orderbook (20 or 100 levels)
    """

    capabilities = Capabilities(
        quotes={
            SnapshotKind.SWAP: QuotesCall(
                "fetch_tickers",
                RowTime.QUOTE,
                {"type": "swap", "tradeType": "FUTURES"},
                typed=Typed(
                    (Ask("utaGetMarketTicker", RowsOfOneTime(_Tickers, _Ticker), {"tradeType": "FUTURES"}),),
                    quote_columns,
                ),
            ),
        },
        funding=FundingCall(typed=Typed((Ask("utaV2GetMarketFundingRate", Rows(_Rates, _Funding)),), _fundings)),
        # "The maximum size per request is 200": https://docs.kucoin.com/futures/#get-k-line-data-of-contract
        most_bars=200,
        # Both ends of the time have to be named.
        history_days=16,
        limit=RequestLimit(30.0, "https://www.kucoin.com/docs-new/rate-limit (2,000 weight in 30 s)"),
        options={"defaultType": "swap", "fetchMarkets": {"types": ["swap"]}},
        book_levels=100,
    )
