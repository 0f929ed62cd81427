"""Coinbase, Advanced Trade: spot."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from apps.markets.enums import MarketType, SnapshotKind
from apps.markets.exchanges.base import Capabilities, ExchangeAdapter, QuotesCall
from apps.markets.exchanges.columns import MarketSpec, RowTime

# Flags of a product that nobody can take an order from, though trading in it is not disabled.
_SHUT: Final = ("is_disabled", "cancel_only", "post_only", "view_only", "auction_mode")


class Coinbase(ExchangeAdapter):
    """The public list of products leaves best bid and ask empty; all of them in one call, with sizes and a time of each
    row, are for holders of a (read-only) key. Without one the quotes come by streaming, or not at all. It does not tell
    which deposits and withdrawals are open.

    The taker fee is that of the lowest tier. Futures are listed by the same calls; ccxt guesses their fee, so they are
    left out.

    https://docs.cdp.coinbase.com/api-reference/advanced-trade-api/rest-api/products/get-best-bid-ask
    https://docs.cdp.coinbase.com/api-reference/advanced-trade-api/rest-api/public/list-public-products
    https://www.coinbase.com/advanced-fees
    """

    capabilities = Capabilities(
        quotes={SnapshotKind.SPOT: QuotesCall("fetch_bids_asks", RowTime.QUOTE, signed=True)},
    )

    async def markets(self) -> list[MarketSpec]:
        """Spot markets only."""
        return [spec for spec in await super().markets() if spec.type is MarketType.SPOT]

    def corrected(self, spec: MarketSpec, market: Mapping[str, Any]) -> MarketSpec:
        """A product in which nothing can be taken is off."""
        return replace(spec, active=spec.active and not any(market["info"].get(flag) for flag in _SHUT))
