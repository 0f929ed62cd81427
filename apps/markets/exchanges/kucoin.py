"""KuCoin spot."""

from typing import Generic, Literal

import msgspec
from msgspec import field

from apps.markets.enums import SnapshotKind
from apps.markets.exchanges.base import Capabilities, ExchangeAdapter, QuotesCall
from apps.markets.exchanges.columns import RowTime
from apps.markets.exchanges.throttle import RequestLimit
from apps.markets.exchanges.transfers import TransfersCall
from apps.markets.exchanges.typed import Ask, Number, R, Row, RowsOfOneTime, Typed, quote_columns


class _Data(msgspec.Struct, Generic[R]):
    rows: list[R] = field(name="ticker")
    time: int = 0


class _Envelope(msgspec.Struct, Generic[R]):
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
    bid: Number = field(name="buy", default=None)
    bid_size: Number = field(name="bestBidSize", default=None)
    ask: Number = field(name="sell", default=None)
    ask_size: Number = field(name="bestAskSize", default=None)
    last: Number = None
    quote_volume: Number = field(name="volValue", default=None)
    row_ts: Number = None


class Kucoin(ExchangeAdapter):
    """Spot only; the perpetuals are an exchange of their own (`kucoinfutures`). All tickers are taken at once, every
    two seconds, and have one time. A market's fee is the basic rate times its own coefficient, from the same tickers.

    https://www.kucoin.com/docs-new/rest/spot-trading/market-data/get-all-tickers
    https://www.kucoin.com/docs-new/rest/spot-trading/market-data/get-part-orderbook (20 or 100 levels)
    """

    capabilities = Capabilities(
        quotes={
            SnapshotKind.SPOT: QuotesCall(
                "fetch_tickers",
                RowTime.QUOTE,
                {"type": "spot"},
                typed=Typed(
                    (Ask("publicGetMarketAllTickers", RowsOfOneTime(_Envelope, _Ticker)),),
                    quote_columns,
                ),
            ),
        },
        transfers=TransfersCall("https://www.kucoin.com/docs-new/rest/spot-trading/market-data/get-all-currencies"),
        limit=RequestLimit(30.0, "https://www.kucoin.com/docs-new/rate-limit (2,000 weight in 30 s)"),
        options={"defaultType": "spot", "fetchMarkets": {"types": ["spot"]}},
        book_levels=100,
    )
