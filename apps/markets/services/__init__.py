"""Every write of the markets room."""

from apps.markets.services.books import BooksReport, books_fetch
from apps.markets.services.feeds import feeds_due
from apps.markets.services.fees import market_fee_set
from apps.markets.services.ingest import IngestReport, ingest
from apps.markets.services.reach import exchanges_reach
from apps.markets.services.setup import exchanges_setup
from apps.markets.services.sync import SyncReport, exchange_sync_markets

__all__ = [
    "BooksReport",
    "IngestReport",
    "SyncReport",
    "books_fetch",
    "exchange_sync_markets",
    "exchanges_reach",
    "exchanges_setup",
    "feeds_due",
    "ingest",
    "market_fee_set",
]
