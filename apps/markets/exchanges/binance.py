"""Binance spot."""

from apps.markets.enums import SnapshotKind
from apps.markets.exchanges.base import Capabilities, ExchangeAdapter, QuotesCall
from apps.markets.exchanges.columns import RowTime


class Binance(ExchangeAdapter):
    """Spot only; the USD-M perpetuals are an exchange of their own (`binanceusdm`).

    The 24 h tickers (weight 80 of 6,000 a minute) give quotes, volume and the exchange's time in one call; their
    `closeTime` moves with trades, not with the book, so the quote's time is that of the answer.
    https://developers.binance.com/docs/binance-spot-api-docs/rest-api/market-data-endpoints#24hr-ticker-price-change-statistics
    """

    capabilities = Capabilities(
        quotes={SnapshotKind.SPOT: QuotesCall("fetch_tickers", RowTime.TRADE, {"type": "spot"})},
        options={"defaultType": "spot", "fetchMarkets": {"types": ["spot"]}},
    )
