"""Every write of the markets room."""

from apps.markets.services.books import BooksReport, books_fetch
from apps.markets.services.candles import candles_roll
from apps.markets.services.feeds import feed_ring, feeds_due, ingest_queue
from apps.markets.services.fees import fee_rule_save, fee_rules_delete
from apps.markets.services.fundings import FundingsReport, fundings_prune, fundings_sync, market_fundings_sync
from apps.markets.services.identity import name_rule_save, name_rules_delete
from apps.markets.services.ingest import ingest
from apps.markets.services.klines import KlinesReport, klines_sync
from apps.markets.services.letters import letter_dismiss, letter_replay, letters_prune
from apps.markets.services.quarantine import QuarantineReport, quarantine_check, quarantine_decide
from apps.markets.services.reach import exchanges_reach
from apps.markets.services.setup import exchange_retry, exchanges_setup
from apps.markets.services.stream import Streamer, stream_problem, stream_run
from apps.markets.services.sync import SyncReport, exchange_sync_markets
from apps.markets.services.take import IngestReport
from apps.markets.services.transfers import TransfersReport, transfers_sync
from apps.markets.services.universe import UniverseReport, markets_watch, spreads_sample, universe_rank
from apps.markets.services.volatility import volatility_sample

__all__ = [
    "BooksReport",
    "FundingsReport",
    "IngestReport",
    "KlinesReport",
    "QuarantineReport",
    "Streamer",
    "SyncReport",
    "TransfersReport",
    "UniverseReport",
    "books_fetch",
    "candles_roll",
    "exchange_retry",
    "exchange_sync_markets",
    "exchanges_reach",
    "exchanges_setup",
    "fee_rule_save",
    "fee_rules_delete",
    "feed_ring",
    "feeds_due",
    "fundings_prune",
    "fundings_sync",
    "ingest",
    "ingest_queue",
    "klines_sync",
    "letter_dismiss",
    "letter_replay",
    "letters_prune",
    "market_fundings_sync",
    "markets_watch",
    "name_rule_save",
    "name_rules_delete",
    "quarantine_check",
    "quarantine_decide",
    "spreads_sample",
    "stream_problem",
    "stream_run",
    "transfers_sync",
    "universe_rank",
    "volatility_sample",
]
