"""Kraken spot."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from apps.markets.enums import SnapshotKind
from apps.markets.exchanges.base import Capabilities, ExchangeAdapter, QuotesCall
from apps.markets.exchanges.columns import MarketSpec, RowTime
from apps.markets.exchanges.transfers import NetworkSpec, TransfersCall, currency_specs

# Whether deposits and withdrawals are possible, by an asset's status.
_GATES: Final[Mapping[str, tuple[bool, bool]]] = {
    "enabled": (True, True),
    "deposit_only": (True, False),
    "withdrawal_only": (False, True),
    "funding_temporarily_disabled": (False, False),
}


class Kraken(ExchangeAdapter):
    """Tickers of all pairs in one call, without any time: a quote is as old as the answer's `Date`.

    The fee is the first step of each pair's own schedule, in per cent.
    https://docs.kraken.com/api-reference/market-data/get-ticker-information
    https://docs.kraken.com/api-reference/market-data/get-tradable-asset-pairs
    """

    capabilities = Capabilities(
        quotes={SnapshotKind.SPOT: QuotesCall("fetch_tickers", RowTime.QUOTE)},
        # A currency's decimals bound those of its amounts.
        currencies_first=True,
        transfers=TransfersCall("https://docs.kraken.com/api-reference/market-data/get-asset-info"),
    )

    def corrected(self, spec: MarketSpec, market: Mapping[str, Any]) -> MarketSpec:
        """A pair without a status is not off: Kraken did not always tell one."""
        return replace(spec, active=market["info"].get("status", "online") == "online")

    def networks_told(self, currencies: Mapping[str, Mapping[str, Any]]) -> list[NetworkSpec]:
        """The public word is one status for all networks of an asset; those that stake or earn (`ETH.S`) don't move."""
        return currency_specs(
            (code, *_GATES.get(currency["info"].get("status"), (None, None)))
            for code, currency in currencies.items()
            if "." not in code
        )
