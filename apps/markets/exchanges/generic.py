"""Any other exchange that ccxt knows: what it can do is asked of ccxt."""

from apps.markets.enums import SnapshotKind
from apps.markets.exchanges.base import Capabilities, Client, ExchangeAdapter, FundingCall, QuotesCall
from apps.markets.exchanges.columns import RowTime


class Generic(ExchangeAdapter):
    """ccxt's own word on the exchange; row times count as trade times because nobody vouches for more.

    `capabilities` is what to expect until the client is there; a feed that turns out missing is switched off."""

    capabilities = Capabilities(
        quotes={
            SnapshotKind.SPOT: QuotesCall("fetch_tickers", RowTime.TRADE),
            SnapshotKind.SWAP: QuotesCall("fetch_tickers", RowTime.TRADE),
        },
        funding=FundingCall(),
    )

    @classmethod
    def abilities(cls, client: Client) -> Capabilities:
        """Bulk calls that ccxt has for this exchange; the market type is named only where there are both."""
        types = [kind for kind in (SnapshotKind.SPOT, SnapshotKind.SWAP) if client.has(kind.value)]
        calls = {"fetchTickers": "fetch_tickers", "fetchBidsAsks": "fetch_bids_asks"}
        method = next((call for name, call in calls.items() if client.has(name)), "")
        return Capabilities(
            quotes={
                kind: QuotesCall(method, RowTime.TRADE, {"type": kind.value} if len(types) > 1 else {})
                for kind in types
                if method
            },
            funding=FundingCall() if client.has("fetchFundingRates") else None,
        )
