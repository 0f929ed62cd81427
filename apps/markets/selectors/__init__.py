"""Every read of the markets room."""

from apps.markets.selectors.candles import (
    candle_markets,
    candle_markets_ranked,
    candles,
    market_candles,
)
from apps.markets.selectors.exchanges import exchanges_all, exchanges_status, guards_of
from apps.markets.selectors.feeds import feeds_status
from apps.markets.selectors.fees import fee_book, fee_of, fee_under
from apps.markets.selectors.funding import (
    funding_histories,
    funding_history,
    funding_stats,
    settlements_stats,
    spread_stats,
)
from apps.markets.selectors.identity import name_rules
from apps.markets.selectors.keys import (
    feed_key_trouble,
    feed_needs_key,
    key_of,
    key_trouble,
    transfers_need_key,
    transfers_trouble,
)
from apps.markets.selectors.markets import market_get, markets_listed, markets_read, perpetuals_read
from apps.markets.selectors.snapshots import books_latest, max_age_ms, snapshots_latest
from apps.markets.selectors.tables import caches_forget, market_index, market_table
from apps.markets.selectors.transfers import transfer_between, transfers_between
from apps.markets.selectors.volatility import volatility_of

__all__ = [
    "books_latest",
    "caches_forget",
    "candle_markets",
    "candle_markets_ranked",
    "candles",
    "exchanges_all",
    "exchanges_status",
    "fee_book",
    "fee_of",
    "fee_under",
    "feed_key_trouble",
    "feed_needs_key",
    "feeds_status",
    "funding_histories",
    "funding_history",
    "funding_stats",
    "guards_of",
    "key_of",
    "key_trouble",
    "market_candles",
    "market_get",
    "market_index",
    "market_table",
    "markets_listed",
    "markets_read",
    "max_age_ms",
    "name_rules",
    "perpetuals_read",
    "settlements_stats",
    "snapshots_latest",
    "spread_stats",
    "transfer_between",
    "transfers_between",
    "transfers_need_key",
    "transfers_trouble",
    "volatility_of",
]
