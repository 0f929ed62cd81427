"""Any other exchange that ccxt knows: what it can do is asked of ccxt."""

from dataclasses import replace

import numpy as np

from apps.markets.enums import SnapshotKind
from apps.markets.exchanges.base import Capabilities, Client, ExchangeAdapter, FundingCall, QuotesCall
from apps.markets.exchanges.columns import FundingColumns, QuoteColumns, Reply, RowTime
from apps.markets.exchanges.transfers import TransfersCall

_CURRENCIES = TransfersCall("https://docs.ccxt.com/#/?id=currency-structure")


class Generic(ExchangeAdapter):
    """ccxt's own word on the exchange; row times count as trade times because nobody vouches for more.

    `capabilities` is what to expect until the client is there; a feed that turns out missing is switched off."""

    capabilities = Capabilities(
        quotes={
            SnapshotKind.SPOT: QuotesCall("fetch_tickers", RowTime.TRADE),
            SnapshotKind.SWAP: QuotesCall("fetch_tickers", RowTime.TRADE),
        },
        funding=FundingCall(),
        currencies_first=True,
        transfers=_CURRENCIES,
    )

    async def quotes(self, kind: SnapshotKind, *, markets_from: int) -> Reply[QuoteColumns]:
        """Quotes; where not one row has sizes, the call tells none."""
        reply = await super().quotes(kind, markets_from=markets_from)
        has_sizes = bool(np.isfinite(reply.value.bid_size).any())
        return reply.of(replace(reply.value, has_sizes=has_sizes))

    async def funding(self, *, markets_from: int) -> Reply[FundingColumns]:
        """Funding rates without their row times: with some exchanges that is the time of the last settlement, hours
        ago, and the rates would all count as stale."""
        reply = await super().funding(markets_from=markets_from)
        return reply.of(replace(reply.value, row_ts=np.zeros_like(reply.value.row_ts)))

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
            transfers=_CURRENCIES if client.has("fetchCurrencies") else None,
        )
