"""The table of what may be asked for."""

from typing import Any, Final

from apps.core.registry import Registry
from apps.markets.access.base import AnyQuery

QUERIES: Final[Registry[AnyQuery]] = Registry(
    "market data query",
    "apps.markets.access.base.Query",
    {
        "tickers": "apps.markets.access.kinds.snapshots.TickersQuery",
        "funding": "apps.markets.access.kinds.snapshots.FundingQuery",
        "book": "apps.markets.access.kinds.books.BookQuery",
        "history": "apps.markets.access.kinds.history.HistoryQuery",
        "networks": "apps.markets.access.kinds.networks.NetworksQuery",
        "markets": "apps.markets.access.kinds.markets.MarketsQuery",
    },
)


def query_of(kind: str, fields: dict[str, Any]) -> AnyQuery:
    """The question that a message carries; raises OperatorError for an unknown kind, TypeError for other fields."""
    return QUERIES.get(kind)(**fields)
