"""Addresses of market data under /api/v1/."""

from django.urls import path

from apps.markets.api.views import (
    CandleList,
    ExchangeList,
    FundingHistory,
    FundingRateList,
    FundingSpread,
    MarketList,
    Networks,
    OrderBookDetail,
    TickerList,
)

urlpatterns = [
    path("trading/exchanges", ExchangeList.as_view(), name="exchange-list"),
    path("trading/markets", MarketList.as_view(), name="market-list"),
    path("trading/tickers", TickerList.as_view(), name="ticker-list"),
    path("trading/order-books/<int:market_id>", OrderBookDetail.as_view(), name="order-book-detail"),
    path("trading/candles", CandleList.as_view(), name="candle-list"),
    path("trading/funding-rates", FundingRateList.as_view(), name="funding-rate-list"),
    path("trading/funding-rates/<int:market_id>/history", FundingHistory.as_view(), name="funding-history"),
    path("trading/funding-spread", FundingSpread.as_view(), name="funding-spread"),
    path("trading/networks", Networks.as_view(), name="networks"),
]
