"""Bybit, unified v5 interface: spot and USDT/USDC perpetuals."""

from apps.markets.enums import SnapshotKind
from apps.markets.exchanges.base import Capabilities, ExchangeAdapter, FundingCall, QuotesCall
from apps.markets.exchanges.columns import RowTime


class Bybit(ExchangeAdapter):
    """Tickers carry no time of their own, every answer carries `time`. The funding interval stands in the ticker, in
    hours; ccxt takes that of the market, which is as old as the last load and misses a change at a rate's cap.

    https://bybit-exchange.github.io/docs/v5/market/tickers
    https://bybit-exchange.github.io/docs/v5/market/instrument (fundingInterval, minutes)
    """

    capabilities = Capabilities(
        quotes={
            SnapshotKind.SPOT: QuotesCall("fetch_tickers", RowTime.QUOTE, {"type": "spot"}),
            SnapshotKind.SWAP: QuotesCall("fetch_tickers", RowTime.QUOTE, {"type": "swap", "subType": "linear"}),
        },
        funding=FundingCall(params={"type": "swap", "subType": "linear"}, interval_field="fundingIntervalHour"),
        options={"fetchMarkets": {"types": ["spot", "linear"]}},
        answer_time_field="time",
    )
