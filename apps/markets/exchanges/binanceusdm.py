"""Binance USD-M perpetuals."""

from collections.abc import Sequence

import numpy as np
from msgspec import field

from apps.markets.enums import SnapshotKind
from apps.markets.exchanges.base import BookStream, Capabilities, ExchangeAdapter, FundingCall, QuotesCall, StreamCall
from apps.markets.exchanges.columns import FundingColumns, RowTime
from apps.markets.exchanges.throttle import RequestLimit
from apps.markets.exchanges.typed import (
    Ask,
    Listed,
    Number,
    Row,
    Rows,
    Typed,
    funding_columns,
    hours_filled,
    matrix,
    quote_columns,
)


class _BookTicker(Row):
    id: str = field(name="symbol")
    bid: Number = field(name="bidPrice", default=None)
    bid_size: Number = field(name="bidQty", default=None)
    ask: Number = field(name="askPrice", default=None)
    ask_size: Number = field(name="askQty", default=None)
    row_ts: Number = field(name="time", default=None)


class _Premium(Row):
    id: str = field(name="symbol")
    rate: Number = field(name="lastFundingRate", default=None)
    next_funding_at: Number = field(name="nextFundingTime", default=None)
    mark: Number = field(name="markPrice", default=None)
    index: Number = field(name="indexPrice", default=None)
    row_ts: Number = field(name="time", default=None)


class _Info(Row):
    id: str = field(name="symbol")
    interval_hours: Number = field(name="fundingIntervalHours", default=None)


def _fundings(listed: Listed, infos: Sequence[_Info], premiums: Sequence[_Premium]) -> FundingColumns:
    """With the intervals of the symbols that have one of their own.

    Raises ValueError where none has: there are hundreds, and every one of them would be taken for one of eight hours.
    What is listed without readable hours has not eight either: it gets infinite ones, which are refused."""
    if not infos:
        raise ValueError("no symbol has a funding interval of its own")
    told = matrix(infos, ("interval_hours",))["interval_hours"]
    told = np.where(told > 0, told, np.inf)
    symbols = (listed.symbols.get(info.id, "") for info in infos)
    hours = dict(zip(symbols, told.tolist(), strict=True))
    return hours_filled(funding_columns(listed, premiums), hours)


class BinanceUsdm(ExchangeAdapter):
    """The futures' 24 h tickers carry no bid and ask, so the book tickers do; their `time` is the last book change."""

    capabilities = Capabilities(
        quotes={
            SnapshotKind.SWAP: QuotesCall(
                "fetch_bids_asks",
                RowTime.QUOTE,
                {"subType": "linear"},
                typed=Typed((Ask("fapiPublicGetTickerBookTicker", Rows(list, _BookTicker)),), quote_columns),
            )
        },
        funding=FundingCall(
            params={"subType": "linear"},
            intervals_method="fetch_funding_intervals",
            constant_hours=8.0,
            # fundingInfo: "Query funding rate info for symbols that had FundingRateCap/ FundingRateFloor /
            # fundingIntervalHours adjustment"; all others are settled every eight hours.
            constant_source=(
                "https://developers.binance.com/docs/derivatives/usds-margined-futures/market-data/rest-api/"
                "Get-Funding-Rate-Info and https://www.binance.com/en/support/faq/360033525031"
            ),
            typed=Typed(
                (
                    Ask("fapiPublicGetFundingInfo", Rows(list, _Info)),
                    Ask("fapiPublicGetPremiumIndex", Rows(list, _Premium)),
                ),
                _fundings,
            ),
        ),
        options={"defaultType": "swap", "defaultSubType": "linear", "fetchMarkets": {"types": ["linear"]}},
        limit=RequestLimit(
            60.0, "https://developers.binance.com/docs/derivatives/usds-margined-futures/general-info (2,400 a minute)"
        ),
        stream={
            SnapshotKind.SWAP: StreamCall(
                "watch_bids_asks",
                200,
                "https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams/Individual-Symbol-Book-Ticker-Streams",
            )
        },
        stream_books=BookStream(500),
    )
