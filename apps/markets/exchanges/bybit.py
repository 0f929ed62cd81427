"""Bybit, unified v5 interface: spot and USDT/USDC perpetuals."""

from collections.abc import Sequence
from typing import Any, Generic, Literal, TypeAlias, TypeVar

import msgspec
from msgspec import field

from apps.markets.enums import SnapshotKind
from apps.markets.exchanges import parse
from apps.markets.exchanges.base import (
    BookStream,
    Capabilities,
    ExchangeAdapter,
    FundingCall,
    QuotesCall,
    StreamCall,
)
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
    hours_filled,
    quote_columns,
)

K = TypeVar("K")


class _Result(msgspec.Struct, Generic[K, R]):
    # Spot markets and perpetuals have the same names: whoever forgets the query gives one's prices for the other's.
    category: K
    rows: list[R] = field(name="list")


class _Envelope(msgspec.Struct, Generic[K, R]):
    code: Literal[0] = field(name="retCode")
    result: _Result[K, R]
    told_at: int = field(name="time", default=0)

    @property
    def rows(self) -> list[R]:
        """The rows of the result."""
        return self.result.rows


class _Ticker(Row):
    id: str = field(name="symbol")
    bid: Number = field(name="bid1Price", default=None)
    bid_size: Number = field(name="bid1Size", default=None)
    ask: Number = field(name="ask1Price", default=None)
    ask_size: Number = field(name="ask1Size", default=None)
    last: Number = field(name="lastPrice", default=None)
    quote_volume: Number = field(name="turnover24h", default=None)


class _LinearTicker(_Ticker):
    open_interest: Number = field(name="openInterest", default=None)


class _Funding(Row):
    id: str = field(name="symbol")
    rate: Number = field(name="fundingRate", default=None)
    interval_hours: Number = field(name="fundingIntervalHour", default=None)
    next_funding_at: Number = field(name="nextFundingTime", default=None)
    mark: Number = field(name="markPrice", default=None)
    index: Number = field(name="indexPrice", default=None)


# The success of a question about one category.
_Spot: TypeAlias = _Envelope[Literal["spot"], R]
_Linear: TypeAlias = _Envelope[Literal["linear"], R]


def _tickers(category: str, envelope: Any, row: type[_Ticker]) -> Typed[QuoteColumns]:
    ask = Ask("publicGetV5MarketTickers", Rows(envelope, row), {"category": category})
    return Typed((ask,), quote_columns)


def _fundings(listed: Listed, rows: Sequence[_Funding]) -> FundingColumns:
    """With the ticker's own interval, else that of the market."""
    return hours_filled(funding_columns(listed, rows), listed.once(_market_hours))


def _market_hours(listed: Listed) -> dict[str, float]:
    told = ((symbol, parse.interval_hours(f"{info.get('fundingInterval')}m")) for symbol, info in listed.infos.items())
    return {symbol: hours for symbol, hours in told if hours is not None}


class Bybit(ExchangeAdapter):
    """Tickers carry no time of their own, every answer carries `time`. The funding interval stands in the ticker, in
    hours; ccxt takes that of the market, which is as old as the last load and misses a change at a rate's cap.

    https://bybit-exchange.github.io/docs/v5/market/tickers
    https://bybit-exchange.github.io/docs/v5/market/instrument (fundingInterval, minutes)
    """

    capabilities = Capabilities(
        quotes={
            SnapshotKind.SPOT: QuotesCall(
                "fetch_tickers", RowTime.QUOTE, {"type": "spot"}, typed=_tickers("spot", _Spot, _Ticker)
            ),
            SnapshotKind.SWAP: QuotesCall(
                "fetch_tickers",
                RowTime.QUOTE,
                {"type": "swap", "subType": "linear"},
                typed=_tickers("linear", _Linear, _LinearTicker),
                interest_field="openInterest",
            ),
        },
        funding=FundingCall(
            params={"type": "swap", "subType": "linear"},
            interval_field="fundingIntervalHour",
            typed=Typed((Ask("publicGetV5MarketTickers", Rows(_Linear, _Funding), {"category": "linear"}),), _fundings),
        ),
        options={"fetchMarkets": {"types": ["spot", "linear"]}},
        answer_time_field="time",
        # https://bybit-exchange.github.io/docs/v5/enum#symboltype
        stock_marks={"symbolType": ("stock", "xstocks")},
        limit=RequestLimit(5.0, "https://bybit-exchange.github.io/docs/v5/rate-limit (600 requests in 5 s)"),
        # Spot tickers are pushed without bid and ask, so order books of one level are asked for, ten in a message.
        stream={
            SnapshotKind.SPOT: StreamCall("watch_bids_asks", 10, "https://bybit-exchange.github.io/docs/v5/ws/connect"),
            SnapshotKind.SWAP: StreamCall("watch_tickers", 200, "https://bybit-exchange.github.io/docs/v5/ws/connect"),
        },
        stream_books=BookStream(50, {"limit": 50}),
        transfers=TransfersCall(
            "https://bybit-exchange.github.io/docs/v5/asset/coin-info",
            signed=True,
            fields=("chainDeposit", "chainWithdraw"),
        ),
    )
