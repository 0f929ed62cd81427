"""Binance USD-M perpetuals."""

from apps.markets.enums import SnapshotKind
from apps.markets.exchanges.base import Capabilities, ExchangeAdapter, FundingCall, QuotesCall
from apps.markets.exchanges.columns import RowTime


class BinanceUsdm(ExchangeAdapter):
    """The futures' 24 h tickers carry no bid and ask, so the book tickers do; their `time` is the last book change."""

    capabilities = Capabilities(
        quotes={SnapshotKind.SWAP: QuotesCall("fetch_bids_asks", RowTime.QUOTE, {"subType": "linear"})},
        funding=FundingCall(
            params={"subType": "linear"},
            intervals_method="fetch_funding_intervals",
            default_hours=8.0,
            # fundingInfo: "Query funding rate info for symbols that had FundingRateCap/ FundingRateFloor /
            # fundingIntervalHours adjustment"; all others are settled every eight hours.
            default_source=(
                "https://developers.binance.com/docs/derivatives/usds-margined-futures/market-data/rest-api/"
                "Get-Funding-Rate-Info and https://www.binance.com/en/support/faq/360033525031"
            ),
        ),
        options={"defaultType": "swap", "defaultSubType": "linear", "fetchMarkets": {"types": ["linear"]}},
    )
