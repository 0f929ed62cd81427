"""The one front for reading market data: what is nearest and fresh enough answers, and says where it was found.

The order is stream, Redis (this process's memory while Redis is away), our own rows, the archive, the exchange itself.

A *reader* below never asks an exchange, in whatever process it runs: where nothing is fresh enough it rings a market
worker and gives a `Pending`, which an API answers as 202 with `Retry-After`. `obtain` is for tasks of the market
queues: it goes on to the archive and the exchange. Both raise PermanentError(code="not_found") for an exchange or a
market that we don't know and for what an exchange does not give, and for some seconds after a vain attempt the error
that it ended with.

    answer = access.tickers("binance", SnapshotKind.SPOT, symbols=("BTC/USDT",))
    if isinstance(answer, access.Pending):
        return 202, {"Retry-After": answer.retry_after}
    answer.value, answer.source, answer.age_ms

`max_age_s` says how old an answer may be (default: what its kind of data allows, `Query.usable_s`); a larger one
reaches further back, as far as the archive."""

from apps.markets.access.answers import Answer, FundingRate, NetworkState, Pending, Settlement, Ticker
from apps.markets.access.base import Query
from apps.markets.access.counts import AccessCounts, access_counts
from apps.markets.access.front import obtain, read
from apps.markets.access.readers import funding_history, funding_rates, markets, networks, order_book, tickers
from apps.markets.access.registry import query_of

__all__ = [
    "AccessCounts",
    "Answer",
    "FundingRate",
    "NetworkState",
    "Pending",
    "Query",
    "Settlement",
    "Ticker",
    "access_counts",
    "funding_history",
    "funding_rates",
    "markets",
    "networks",
    "obtain",
    "order_book",
    "query_of",
    "read",
    "tickers",
]
