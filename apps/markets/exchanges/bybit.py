"""Bybit, unified v5 interface: spot and USDT/USDC perpetuals."""

from apps.markets.enums import SnapshotKind
from apps.markets.exchanges.base import Capabilities, ExchangeAdapter, FundingCall, QuotesCall
from apps.markets.exchanges.columns import RowTime


class Bybit(ExchangeAdapter):
    """Tickers carry no time of their own, every answer carries `time`; the funding interval is part of the market.

    https://bybit-exchange.github.io/docs/v5/market/tickers
    https://bybit-exchange.github.io/docs/v5/market/instrument (fundingInterval, minutes)
    """

    capabilities = Capabilities(
        quotes={
            SnapshotKind.SPOT: QuotesCall("fetch_tickers", RowTime.QUOTE, {"type": "spot"}),
            SnapshotKind.SWAP: QuotesCall("fetch_tickers", RowTime.QUOTE, {"type": "swap", "subType": "linear"}),
        },
        funding=FundingCall(params={"type": "swap", "subType": "linear"}),
        options={"fetchMarkets": {"types": ["spot", "linear"]}},
        answer_time_field="time",
    )
