"""OKX, v5 interface: spot and linear perpetuals."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Generic, Literal

import msgspec
import numpy as np
from msgspec import field

from apps.markets.enums import SnapshotKind
from apps.markets.exchanges.base import BookStream, Capabilities, ExchangeAdapter, FundingCall, QuotesCall, StreamCall
from apps.markets.exchanges.columns import FundingColumns, QuoteColumns, RowTime
from apps.markets.exchanges.throttle import RequestLimit
from apps.markets.exchanges.transfers import TransfersCall
from apps.markets.exchanges.typed import (
    Ask,
    Listed,
    Number,
    R,
    Row,
    Rows,
    Typed,
    funding_columns,
    matrix,
    quote_columns,
)

_HOUR_MS = 3_600_000


class _Envelope(msgspec.Struct, Generic[R]):
    code: Literal["0"]
    rows: list[R] = field(name="data")


class _SwapTicker(Row):
    id: str = field(name="instId")
    bid: Number = field(name="bidPx", default=None)
    bid_size: Number = field(name="bidSz", default=None)
    ask: Number = field(name="askPx", default=None)
    ask_size: Number = field(name="askSz", default=None)
    last: Number = None
    row_ts: Number = field(name="ts", default=None)


class _SpotTicker(_SwapTicker):
    # Of a perpetual this field counts the base currency.
    quote_volume: Number = field(name="volCcy24h", default=None)


class _Funding(Row):
    id: str = field(name="instId")
    rate: Number = field(name="fundingRate", default=None)
    next_funding_at: Number = field(name="fundingTime", default=None)
    following_at: Number = field(name="nextFundingTime", default=None)
    row_ts: Number = field(name="ts", default=None)


def _tickers(kind: str, row: type[_SwapTicker]) -> Typed[QuoteColumns]:
    return Typed((Ask("publicGetMarketTickers", Rows(_Envelope, row), {"instType": kind}),), quote_columns)


def _fundings(listed: Listed, rows: Sequence[_Funding]) -> FundingColumns:
    """The interval lies between the next two fundings."""
    known = [row for row in rows if row.id in listed.symbols]
    columns = funding_columns(listed, known)
    hours = (matrix(known, ("following_at",))["following_at"] - columns.next_funding_at) / _HOUR_MS
    return replace(columns, interval_hours=np.where((columns.next_funding_at > 0) & (hours > 0), hours, np.nan))


class Okx(ExchangeAdapter):
    """One call with `instId=ANY` gives all funding rates; their interval is next minus current funding time.

    Each row has its own `ts`. Perpetuals are counted in contracts of `ctVal` base units.
    https://www.okx.com/docs-v5/en/#public-data-rest-api-get-funding-rate
    """

    capabilities = Capabilities(
        quotes={
            SnapshotKind.SPOT: QuotesCall(
                "fetch_tickers", RowTime.QUOTE, {"type": "spot"}, typed=_tickers("SPOT", _SpotTicker)
            ),
            SnapshotKind.SWAP: QuotesCall(
                "fetch_tickers", RowTime.QUOTE, {"type": "swap"}, typed=_tickers("SWAP", _SwapTicker)
            ),
        },
        funding=FundingCall(
            row_time_field="ts",
            typed=Typed((Ask("publicGetPublicFundingRate", Rows(_Envelope, _Funding), {"instId": "ANY"}),), _fundings),
        ),
        # https://www.okx.com/docs-v5/en/#public-data-rest-api-get-instruments (instCategory 3: stocks)
        stock_marks={"instCategory": ("3",)},
        options={"fetchMarkets": {"types": ["spot", "swap"]}},
        # Without it the answer holds what is planned for next week too, and ccxt takes that for maintenance now.
        status_params={"state": "ongoing"},
        limit=RequestLimit(2.0, "https://www.okx.com/docs-v5/en/#overview-rate-limits (20 requests in 2 s)"),
        stream={
            kind: StreamCall("watch_tickers", 200, "https://www.okx.com/docs-v5/en/#overview-websocket-subscribe")
            for kind in (SnapshotKind.SPOT, SnapshotKind.SWAP)
        },
        stream_books=BookStream(None),
        transfers=TransfersCall("https://www.okx.com/docs-v5/en/#rest-api-funding-get-currencies", signed=True),
    )
