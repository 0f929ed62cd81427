"""ccxt.pro's websockets: only `manage.py stream` loads this. What they push comes out as a poll's answer would.

ccxt keeps the newest row of each market by itself. So each market is subscribed once and what has come is read now and
then, instead of awaiting every update, which costs ccxt a callback per subscribed market each time."""

import asyncio
import logging
import time
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

import ccxt.pro as ccxt_pro
import numpy as np
from numpy.typing import NDArray

from apps.core import clock
from apps.core.exceptions import ArbEdgeError, TemporaryError
from apps.core.retry import backoff
from apps.markets.enums import SnapshotKind
from apps.markets.exchanges import parse
from apps.markets.exchanges.base import BOOK_LEVELS, BookStream, Capabilities, StreamCall
from apps.markets.exchanges.client import CcxtClient, Heard
from apps.markets.exchanges.columns import Book, QuoteColumns, Reply, RowTime
from apps.markets.exchanges.errors import translated

logger = logging.getLogger(__name__)

# A busy exchange pushes many times a second; one that says nothing for this long has forgotten us.
SILENCE_S = 10.0
# A single quiet book may honestly stand still for longer.
BOOK_SILENCE_S: Final = 30.0
# So long the first row of a batch is waited for; a batch of quiet markets is left to come later.
FIRST_S: Final = 5.0
# How often a session looks whether it is still well.
_LOOK_S: Final = 0.5
# Waits between attempts to connect, with jitter; a session that lasted as long as the longest starts afresh.
RETRY_S = 1.0
RETRY_CAP_S = 60.0
_FIGURES: Final = ("bid", "bidVolume", "ask", "askVolume", "last", "quoteVolume")
# Times beyond what NumPy can hold are garbage.
_LATEST_MS: Final = 2**53


class _Pushed(dict[str, Any]):
    """ccxt's newest row of each market, and when it came (our clock, Unix ms)."""

    def __init__(self) -> None:
        super().__init__()
        self.at: dict[str, int] = {}

    def __setitem__(self, symbol: str, row: Any) -> None:
        self.at[symbol] = clock.now_ms()
        super().__setitem__(symbol, row)


class _Watching:
    """Mixed into ccxt.pro's class of an exchange: says when a connection is gone, gives up one that talks garbage."""

    lost: asyncio.Event

    def on_error(self, client: Any, error: Any) -> None:
        """ccxt's hook for a connection that failed."""
        super().on_error(client, error)  # type: ignore[misc]
        self.lost.set()

    def on_close(self, client: Any, error: Any) -> None:
        """ccxt's hook for a connection that the exchange ended."""
        super().on_close(client, error)  # type: ignore[misc]
        self.lost.set()

    def safe_ticker(self, ticker: Any, market: Any = None) -> Any:
        """The row as told: the figures that ccxt derives (averages, changes) take half of its time and go nowhere."""
        return ticker

    def handle_message(self, client: Any, message: Any) -> None:
        """One frame; what ccxt trips over would end its reading without a word."""
        try:
            super().handle_message(client, message)  # type: ignore[misc]
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            client.on_error(ccxt_pro.NetworkError(f"an unreadable frame: {error!r}"))


class StreamClient(CcxtClient):
    """A ccxt.pro client: the same markets, gateway, limits and errors, and websockets."""

    library = ccxt_pro
    mixins = (_Watching, *CcxtClient.mixins)

    def __init__(
        self, exchange: str, able: Capabilities, *, gateway: str, lender: "StreamClient | None" = None
    ) -> None:
        super().__init__(exchange, options=able.options, gateway=gateway, limit=able.limit, lender=lender)
        self.lost = self._ccxt.lost = asyncio.Event()
        self.pushed: Mapping[str, _Pushed] = {"watch_tickers": _Pushed(), "watch_bids_asks": _Pushed()}
        self._ccxt.tickers, self._ccxt.bidsasks = self.pushed.values()

    async def watch(self, method: str, *args: Any) -> Any:
        """Subscribe, unless that is done, and wait for the next update; raises core errors only."""
        with translated(self.exchange, Heard()):
            try:
                return await getattr(self._ccxt, method)(*args)
            except OSError as error:
                raise ccxt_pro.NetworkError(str(error)) from error

    def row(self, told: Mapping[str, Any]) -> dict[str, Any]:
        """A pushed row with its figures as numbers; None for one that is none."""
        return {**told, **{name: self._ccxt.safe_float(told, name) for name in _FIGURES}}

    async def disconnect(self) -> None:
        """End all websockets; whoever waits for an update is cancelled."""
        await self._ccxt.close_ws_clients()


class QuoteStreams:
    """Best bids and asks of one exchange: all wanted markets stay subscribed, whatever happens to the connections."""

    def __init__(self, exchange: str, able: Capabilities, *, gateway: str) -> None:
        self.exchange = exchange
        self.client = StreamClient(exchange, able, gateway=gateway)
        self._calls: Mapping[SnapshotKind, StreamCall] = able.stream
        self._symbols: dict[SnapshotKind, dict[str, None]] = {kind: {} for kind in self._calls}
        self._batches: dict[SnapshotKind, list[list[str]]] = {kind: [] for kind in self._calls}
        self._markets_from = 0
        self._taken: dict[SnapshotKind, int] = dict.fromkeys(self._calls, 0)
        self._news = asyncio.Event()

    async def want(self, kind: SnapshotKind, symbols: Iterable[str], *, markets_from: int) -> None:
        """Keep these markets subscribed; new ones are subscribed at once, those that are gone are no longer read.

        `markets_from` (Unix ms): how old the client's markets may be, it must know the new ones."""
        known, wanted = self._symbols[kind], dict.fromkeys(symbols)
        fresh = [symbol for symbol in wanted if symbol not in known]
        size = self._calls[kind].batch
        # Batches stay as they are: ccxt has a connection for each of them on some exchanges.
        self._batches[kind] += [fresh[start : start + size] for start in range(0, len(fresh), size)]
        self._symbols[kind] = wanted
        self._markets_from = max(self._markets_from, markets_from)
        if fresh:
            self._news.set()

    async def run(self) -> None:
        """Connect, and again after every loss, with growing pauses; never returns."""
        attempt = 0
        while True:
            began = time.monotonic()
            problem = await self._session()
            attempt = 1 if time.monotonic() - began > RETRY_CAP_S else attempt + 1
            pause = backoff(attempt, base=RETRY_S, cap=RETRY_CAP_S)
            logger.warning("Stream of %s: %s; again in %.1f s", self.exchange, problem, pause)
            await asyncio.sleep(pause)

    async def taken(self, kind: SnapshotKind, *, max_age_ms: int) -> Reply[QuoteColumns] | None:
        """All rows that came within the last `max_age_ms`; None where none came since this was asked last.

        Nothing was asked, so it does not tell the exchange's clock (`exchange_at` is None)."""
        pushed, now = self.client.pushed[self._calls[kind].method], clock.now_ms()
        oldest = now - max_age_ms
        came = [symbol for symbol in self._symbols[kind] if pushed.at.get(symbol, 0) > oldest]
        newest = max((pushed.at[symbol] for symbol in came), default=0)
        if newest <= self._taken[kind]:
            return None
        self._taken[kind] = newest
        rows = {symbol: self.client.row(pushed[symbol]) for symbol in came}
        with parse.readable(self.exchange):
            columns = parse.quote_columns(rows, row_time=RowTime.QUOTE)
            columns = replace(columns, row_ts=self._row_times(kind, rows, pushed.at))
        return Reply(columns, newest, newest, None)

    async def close(self) -> None:
        """End the connections; it can't be used again."""
        await self.client.close()

    async def _session(self) -> str:
        """Subscribe what is wanted and stay with it until something is wrong, which is returned in words."""
        self.client.lost.clear()
        began = clock.now_ms()
        while True:
            self._news.clear()
            problem = await self._subscribe()
            if problem:
                return problem
            while not self._news.is_set():
                with suppress(TimeoutError):
                    await asyncio.wait_for(self.client.lost.wait(), _LOOK_S)
                if self.client.lost.is_set():
                    return "a connection was lost"
                silent = self._silent(began)
                if silent:
                    await self.client.disconnect()
                    return f"no {silent} quotes for {SILENCE_S:g} s"

    async def _subscribe(self) -> str:
        """Ask for every batch that isn't subscribed yet; what went wrong first, in words."""
        try:
            await self.client.load(not_before=self._markets_from)
        except ArbEdgeError as error:
            return error.message
        tasks = [
            asyncio.create_task(self.client.watch(call.method, batch, dict(call.params)))
            for kind, call in self._calls.items()
            for batch in self._batches[kind]
        ]
        if not tasks:
            return ""
        late = (await asyncio.wait(tasks, timeout=FIRST_S))[1]
        for task in late:
            task.cancel()
        ends = await asyncio.gather(*(task for task in tasks if task not in late), return_exceptions=True)
        problems = [end for end in ends if isinstance(end, BaseException)]
        for problem in problems:
            if not isinstance(problem, ArbEdgeError | asyncio.CancelledError):
                raise problem
        # Cancelled: ccxt gave up the connection.
        return (str(problems[0]) or "a connection was closed") if problems else ""

    def _silent(self, began: int) -> str:
        """The kind of which nothing has come for too long; "" for none."""
        oldest = clock.now_ms() - SILENCE_S * 1000
        for kind, symbols in self._symbols.items():
            arrived = self.client.pushed[self._calls[kind].method].at
            if symbols and max(began, *(arrived.get(symbol, 0) for symbol in symbols)) < oldest:
                return kind
        return ""

    def _row_times(self, kind: SnapshotKind, rows: Mapping[str, Any], arrived: Mapping[str, int]) -> NDArray[np.int64]:
        field = self._calls[kind].row_time_field
        told = (row["info"].get(field) if field else row["timestamp"] for row in rows.values())
        times = (int(time_ms or 0) for time_ms in told)
        pairs = zip(rows, times, strict=True)
        moments = (moment if 0 < moment < _LATEST_MS else arrived[symbol] for symbol, moment in pairs)
        return np.fromiter(moments, dtype=np.int64, count=len(rows))


class BookStreams:
    """Order books of a few markets of one exchange, as long as they are wanted."""

    def __init__(
        self, exchange: str, able: Capabilities, call: BookStream, *, gateway: str, lender: StreamClient
    ) -> None:
        self.exchange = exchange
        # A client of its own with the lender's markets: ccxt mixes up a book of one level (its quotes) with a deep one.
        self.client = StreamClient(exchange, able, gateway=gateway, lender=lender)
        self._call = call
        self._markets_from = 0
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._came: dict[str, tuple[int, Any]] = {}

    async def want(self, symbols: Collection[str], *, markets_from: int) -> None:
        """Follow these books and no others."""
        self._markets_from = max(self._markets_from, markets_from)
        for symbol in [symbol for symbol in self._tasks if symbol not in symbols]:
            self._tasks.pop(symbol).cancel()
            await self._end(symbol)
        for symbol in symbols:
            task = self._tasks.get(symbol)
            # One that has ended was cancelled by ccxt with its connection.
            if task is None or task.done():
                self._tasks[symbol] = asyncio.create_task(self._follow(symbol))

    async def taken(self) -> dict[str, Reply[Book]]:
        """The books that changed since this was asked last, by symbol."""
        came, self._came = self._came, {}
        books = {}
        for symbol, (at, levels) in came.items():
            try:
                with parse.readable(self.exchange):
                    book = parse.book(levels, most=BOOK_LEVELS)
            except TemporaryError as error:
                logger.info("Book of %s %s left out: %s", self.exchange, symbol, error.message)
                continue
            books[symbol] = Reply(book, at, at, None)
        return books

    async def close(self) -> None:
        """End everything; it can't be used again."""
        for task in self._tasks.values():
            task.cancel()
        await self.client.close()

    async def _follow(self, symbol: str) -> None:
        attempt = 0
        while True:
            try:
                await self.client.load(not_before=self._markets_from)
                watch = self.client.watch("watch_order_book", symbol, self._call.levels)
                levels = await asyncio.wait_for(watch, BOOK_SILENCE_S)
                self._came[symbol] = (clock.now_ms(), levels)
                attempt = 0
                continue
            except TimeoutError:
                logger.info("Book of %s %s: silent for %g s", self.exchange, symbol, BOOK_SILENCE_S)
                await self.client.disconnect()
            except ArbEdgeError as error:
                logger.info("Book of %s %s: %s", self.exchange, symbol, error.message)
            attempt += 1
            await asyncio.sleep(backoff(attempt, base=RETRY_S, cap=RETRY_CAP_S))

    async def _end(self, symbol: str) -> None:
        """Tell the exchange, where ccxt can; a book that goes on is only not read."""
        self._came.pop(symbol, None)
        if not self.client.has("unWatchOrderBook"):
            return
        try:
            await asyncio.wait_for(self.client.watch("un_watch_order_book", symbol, dict(self._call.end)), FIRST_S)
        except (TimeoutError, ArbEdgeError) as error:
            logger.info("Book of %s %s not ended: %s", self.exchange, symbol, str(error) or "no answer")
