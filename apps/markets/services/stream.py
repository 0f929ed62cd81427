"""Exchanges that push: their websockets' newest rows become snapshots a few times a second, the way polls do.

A feed that is pushed says so (`beats`) and is not polled; when it falls silent the mark expires and polling goes on.
One process does this for all exchanges. Rows and Redis are for its main thread, sockets for the loop's."""

import asyncio
import concurrent.futures
import logging
import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from django.conf import settings
from django.db import DatabaseError, close_old_connections
from django.utils.module_loading import import_string

from apps.core import clock, loop, redis
from apps.core.exceptions import ArbEdgeError
from apps.markets import beats, selectors
from apps.markets.enums import ExchangeStatus, FeedState, SnapshotOrigin
from apps.markets.exchanges import registry
from apps.markets.exchanges.base import Capabilities
from apps.markets.models import Exchange, Market
from apps.markets.services.books import BOOKS_PER_EXCHANGE, books_take
from apps.markets.services.take import answer_take

logger = logging.getLogger(__name__)

# How often exchanges, their markets and the books asked for are looked at.
REFRESH_S: Final = 1.0
# What is asked of the loop is in memory: if it does not answer, the process is not well.
_LOOP_S: Final = 3.0

# By path, so that importing the services does not import ccxt.
_QUOTES: Final = "apps.markets.exchanges.streaming.QuoteStreams"
_BOOKS: Final = "apps.markets.exchanges.streaming.BookStreams"


@dataclass(slots=True)
class _Session:
    """What is streamed of one exchange; `row` and `version` are as of the last look."""

    row: Exchange
    able: Capabilities
    quotes: Any
    books: Any
    running: "concurrent.futures.Future[None]"
    version: int = -1
    followed: Mapping[str, Market] = field(default_factory=dict)
    following: "concurrent.futures.Future[None] | None" = None


class Streamer:
    """Streams some exchanges; `step` is one round of the main thread's work."""

    def __init__(self, exchanges: Sequence[str]) -> None:
        self._exchanges = tuple(exchanges)
        self._sessions: dict[str, _Session] = {}
        self._looked_at = float("-inf")

    def step(self) -> None:
        """Look at what is wanted, where that is due, and store what has come.

        An outage of the database or of Redis, or a loop that can't keep up, costs this round: it is logged, and the
        marks expire, so that feeds are polled meanwhile."""
        try:
            if time.monotonic() - self._looked_at >= REFRESH_S:
                self._look()
                self._looked_at = time.monotonic()
            for session in self._sessions.values():
                _quotes_store(session)
                _books_store(session)
        except (redis.Error, DatabaseError, ArbEdgeError) as error:
            logger.error("Nothing streamed in this round: %s", error)

    def close(self) -> None:
        """End every session; the polls take over at once."""
        for name in list(self._sessions):
            self._end(name)

    def _look(self) -> None:
        rows = Exchange.objects.filter(id__in=self._exchanges, enabled=True, markets_loaded_at__isnull=False)
        found = {row.id: row for row in rows.exclude(status__in=(ExchangeStatus.UNKNOWN, ExchangeStatus.RESTRICTED))}
        for name in [name for name in self._sessions if name not in found]:
            self._end(name)
        for name, row in found.items():
            if name not in self._sessions:
                self._begin(row)
            session = self._sessions.get(name)
            if session is not None:
                session.row = row
                _quotes_want(session)
                if session.running.done():
                    # It never ends by itself: an error of ours, which must be seen.
                    session.running.result()
        _books_want(self._sessions)

    def _begin(self, row: Exchange) -> None:
        able = registry.adapter_class(row.id).capabilities
        if not able.stream:
            return
        quotes = import_string(_QUOTES)(row.id, able, gateway=settings.SANDBOX_URL)
        loop.at_exit(quotes.close)
        books = None
        if able.stream_books is not None:
            books = import_string(_BOOKS)(
                row.id, able, able.stream_books, gateway=settings.SANDBOX_URL, lender=quotes.client
            )
            loop.at_exit(books.close)
        running = asyncio.run_coroutine_threadsafe(quotes.run(), loop.get())
        self._sessions[row.id] = _Session(row, able, quotes, books, running)
        logger.info("Streaming %s: %s", row.id, ", ".join(able.stream))

    def _end(self, name: str) -> None:
        session = self._sessions.pop(name)
        session.running.cancel()
        for streams in (session.quotes, session.books):
            try:
                if streams is not None:
                    loop.run(streams.close(), timeout=_LOOP_S)
            except ArbEdgeError as error:
                logger.warning("Streaming of %s was not closed well: %s", name, error.message)
        for kind in session.able.stream:
            beats.pushed_forget(name, kind)
        logger.info("Streaming of %s has ended", name)


def stream_problem(exchange: str) -> str:
    """Why this exchange can't be streamed, in words; "" where it can."""
    if exchange not in settings.EXCHANGES:
        return f"{exchange} is not among EXCHANGES"
    if not registry.adapter_class(exchange).capabilities.stream:
        return f"{exchange} is not known to push quotes; it is polled"
    return ""


def stream_run(*, exchanges: Sequence[str], stop: threading.Event) -> None:
    """Stream these exchanges until `stop` is set."""
    streamer = Streamer(exchanges)
    try:
        while not stop.wait(settings.STREAM_EVERY_MS / 1000):
            close_old_connections()
            streamer.step()
    finally:
        streamer.close()


def _quotes_want(session: _Session) -> None:
    """Subscribe what the exchange lists now, where that has changed."""
    row = session.row
    if session.version == row.market_version or row.markets_loaded_at is None:
        return
    loaded = clock.to_ms(row.markets_loaded_at)
    for kind in session.able.stream:
        symbols = list(selectors.market_index(row.id, kind).row_of)
        loop.run(session.quotes.want(kind, symbols, markets_from=loaded), timeout=_LOOP_S)
    session.version = row.market_version


def _quotes_store(session: _Session) -> None:
    for kind in session.able.stream:
        max_age_ms = selectors.max_age_ms(kind)
        try:
            reply = loop.run(session.quotes.taken(kind, max_age_ms=max_age_ms), timeout=_LOOP_S)
        except ArbEdgeError as error:
            logger.warning("%s %s: %s", session.row.id, kind, error.message)
            continue
        if reply is None:
            continue
        # How long a push was on its way nobody knows: the exchange's clock is what polls have found it to be.
        reply = replace(reply, exchange_at=reply.received_at + session.row.clock_offset_ms)
        report = answer_take(row=session.row, kind=kind, reply=reply, origin=SnapshotOrigin.STREAM)
        if report.state is FeedState.OK:
            beats.pushed_note(session.row.id, kind)


def _books_want(sessions: Mapping[str, _Session]) -> None:
    """Follow the books that were asked for lately, of each exchange the latest."""
    asked = beats.books_asked(now_ms=clock.now_ms())
    streamed = [name for name, session in sessions.items() if session.books is not None]
    rows = {row.id: row for row in Market.objects.filter(id__in=asked, active=True, exchange__in=streamed)}
    by_exchange: dict[str, dict[str, Market]] = defaultdict(dict)
    for market_id in asked:
        market = rows.get(market_id)
        if market is not None and len(by_exchange[market.exchange_id]) < BOOKS_PER_EXCHANGE:
            by_exchange[market.exchange_id][market.symbol] = market
    for name in streamed:
        session = sessions[name]
        # Ending a book waits for the exchange's word; quotes don't wait for that.
        if session.following is not None and not session.following.done():
            continue
        if session.following is not None:
            session.following.result()
        session.followed = by_exchange[name]
        loaded = session.row.markets_loaded_at
        want = session.books.want(list(session.followed), markets_from=clock.to_ms(loaded) if loaded else 0)
        session.following = asyncio.run_coroutine_threadsafe(want, loop.get())


def _books_store(session: _Session) -> None:
    if session.books is None or not session.followed:
        return
    came = loop.run(session.books.taken(), timeout=_LOOP_S)
    answers = {}
    for symbol, reply in came.items():
        market = session.followed.get(symbol)
        if market is not None:
            market.exchange = session.row
            answers[market.id] = (market, reply)
    refused: dict[int, str] = {}
    books_take(answers, refused)
    for market_id, reason in refused.items():
        logger.info("Pushed order book of market %d not stored: %s", market_id, reason)
