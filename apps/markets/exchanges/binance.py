"""Binance spot."""

from msgspec import field

from apps.markets.enums import SnapshotKind
from apps.markets.exchanges.base import BookStream, Capabilities, ExchangeAdapter, QuotesCall, StreamCall
from apps.markets.exchanges.columns import RowTime
from apps.markets.exchanges.throttle import RequestLimit
from apps.markets.exchanges.transfers import TransfersCall
from apps.markets.exchanges.typed import Ask, Number, Row, Rows, Typed, quote_columns


class _Ticker(Row):
    id: str = field(name="symbol")
    bid: Number = field(name="bidPrice", default=None)
    bid_size: Number = field(name="bidQty", default=None)
    ask: Number = field(name="askPrice", default=None)
    ask_size: Number = field(name="askQty", default=None)
    last: Number = field(name="lastPrice", default=None)
    quote_volume: Number = field(name="quoteVolume", default=None)
    row_ts: Number = field(name="closeTime", default=None)


class Binance(ExchangeAdapter):
    """Spot only; the USD-M perpetuals are an exchange of their own (`binanceusdm`).

    The 24 h tickers (weight 80 of 6,000 a minute) give quotes, volume and the exchange's time in one call; their
    `closeTime` moves with trades, not with the book, so the quote's time is that of the answer.
    https://developers.binance.com/docs/binance-spot-api-docs/rest-api/market-data-endpoints#24hr-ticker-price-change-statistics
    """

    capabilities = Capabilities(
        quotes={
            SnapshotKind.SPOT: QuotesCall(
                "fetch_tickers",
                RowTime.TRADE,
                {"type": "spot"},
                typed=Typed((Ask("publicGetTicker24hr", Rows(list, _Ticker)),), quote_columns),
            )
        },
        # With a key ccxt would ask for the pairs of margin trading too.
        options={"defaultType": "spot", "fetchMarkets": {"types": ["spot"]}, "fetchMargins": False},
        limit=RequestLimit(
            60.0, "https://developers.binance.com/docs/binance-spot-api-docs/rest-api/limits (6,000 weight a minute)"
        ),
        # Book tickers of spot carry no time and no volume; the 24 h tickers come once a second with both.
        stream={
            SnapshotKind.SPOT: StreamCall(
                "watch_tickers",
                200,
                "https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams#individual-symbol-ticker-streams",
                {"name": "ticker"},
                row_time_field="E",
            )
        },
        stream_books=BookStream(500),
        transfers=TransfersCall("https://developers.binance.com/docs/wallet/capital/all-coins-info", signed=True),
    )
