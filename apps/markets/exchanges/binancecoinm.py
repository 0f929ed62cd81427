"""Binance COIN-M perpetuals, all inverse."""

from apps.markets.enums import SnapshotKind
from apps.markets.exchanges.base import Capabilities, ExchangeAdapter, FundingCall, QuotesCall
from apps.markets.exchanges.columns import RowTime


class BinanceCoinm(ExchangeAdapter):
    """Sizes are contracts of 100 (BTC) or 10 dollars. The 24 h tickers carry no bid and ask, so the book tickers do;
    their `time` is the last book change. Dated futures come along in both answers and are not listed here.

    https://developers.binance.com/docs/derivatives/coin-margined-futures/market-data/rest-api/Symbol-Order-Book-Ticker
    https://developers.binance.com/docs/derivatives/coin-margined-futures/market-data/rest-api/Index-Price-and-Mark-Price
    """

    capabilities = Capabilities(
        quotes={SnapshotKind.SWAP: QuotesCall("fetch_bids_asks", RowTime.QUOTE, {"subType": "inverse"})},
        funding=FundingCall(
            params={"subType": "inverse"},
            intervals_method="fetch_funding_intervals",
            constant_hours=8.0,
            # fundingInfo lists only symbols whose cap, floor or interval was adjusted; all others pay every 8 h.
            constant_source=(
                "https://developers.binance.com/docs/derivatives/coin-margined-futures/market-data/rest-api/"
                "Get-Funding-Info and https://www.binance.com/en/support/faq/360033525031"
            ),
        ),
        options={"defaultType": "swap", "defaultSubType": "inverse", "fetchMarkets": {"types": ["inverse"]}},
    )
