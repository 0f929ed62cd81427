"""OKX, v5 interface: spot and linear perpetuals."""

from apps.markets.enums import SnapshotKind
from apps.markets.exchanges.base import Capabilities, ExchangeAdapter, FundingCall, QuotesCall
from apps.markets.exchanges.columns import RowTime


class Okx(ExchangeAdapter):
    """One call with `instId=ANY` gives all funding rates; their interval is next minus current funding time.

    Each row has its own `ts`. Perpetuals are counted in contracts of `ctVal` base units.
    https://www.okx.com/docs-v5/en/#public-data-rest-api-get-funding-rate
    """

    capabilities = Capabilities(
        quotes={
            SnapshotKind.SPOT: QuotesCall("fetch_tickers", RowTime.QUOTE, {"type": "spot"}),
            SnapshotKind.SWAP: QuotesCall("fetch_tickers", RowTime.QUOTE, {"type": "swap"}),
        },
        funding=FundingCall(row_time_field="ts"),
        options={"fetchMarkets": {"types": ["spot", "swap"]}},
    )
