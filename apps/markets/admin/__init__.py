"""The admin pages of the markets room."""

from apps.markets.admin import exchanges, fees, fundings, identity, letters, markets, transfers

__all__ = ["exchanges", "fees", "fundings", "identity", "letters", "markets", "transfers"]
