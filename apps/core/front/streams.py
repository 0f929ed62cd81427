"""All event streams of a process: one look at the database for all of them together, once news are rung or a second
passed.

The database is the truth: what a stream tells are rows that are committed, so one that broke off goes on where it was,
in any process, and Redis only says that it is worth looking now."""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from typing import Final

from apps.core import clock, events, redis
from apps.core.front.events import OVERLAP, Listener, Opening, Source, StreamEvent
from apps.core.front.http import Headers, Receive, Send, problem_reply, without
from apps.core.front.places import RENEW_S, place_leave, places_renew

logger = logging.getLogger(__name__)

STREAMS_MAX: Final = 2000
HEARTBEAT_S: Final = 15.0
LOOK_EVERY_S: Final = 1.0
# A burst of news is looked at together.
_PAUSE_S: Final = 0.05
# A reader who takes nothing for so long is let go.
SLOW_S: Final = 10.0

Standing = Callable[[Collection[Opening]], Collection[Opening]]


class Streams:
    """`standing` says whose openings still count: tokens may be revoked while their streams are open."""

    def __init__(self, sources: Sequence[Source], *, standing: Standing, close_thread: Callable[[], None]) -> None:
        self._sources, self._standing, self._close_thread = sources, standing, close_thread
        self._listeners: dict[Listener, asyncio.Event] = {}
        self._looker = ThreadPoolExecutor(1, thread_name_prefix="streams")
        self._ear = ThreadPoolExecutor(1, thread_name_prefix="news")
        self._somebody = asyncio.Event()
        self._heard = "$"
        self._renewed = 0.0

    async def serve(self, opening: Opening, headers: Headers, receive: Receive, send: Send) -> None:
        """One stream, until the reader goes, is too slow, or may not read any longer."""
        if len(self._listeners) >= STREAMS_MAX:
            await self._leave(opening)
            await problem_reply(503, "busy", "Too many streams are open; try again.", {"Retry-After": "5"}).send(send)
            return
        listener, wake = Listener(opening, opening.since), asyncio.Event()
        listener.buffer.append(b"retry: 2000\n\n")
        if opening.too_old:
            listener.buffer.append(b'event: reset\ndata: {"reason": "too_old"}\n\n')
        kept = without(headers, b"content-type", b"content-length", b"cache-control", b"etag")
        kept += [
            (b"content-type", b"text/event-stream"),
            (b"cache-control", b"no-store"),
            (b"x-accel-buffering", b"no"),
        ]
        gone = asyncio.ensure_future(_gone(receive, listener, wake))
        self._listeners[listener] = wake
        self._somebody.set()
        wake.set()
        try:
            await send({"type": "http.response.start", "status": 200, "headers": kept})
            while await self._some(listener, wake, send):
                pass
        except TimeoutError:
            logger.info("A stream was let go: its reader took nothing for %g s", SLOW_S)
        finally:
            del self._listeners[listener]
            gone.cancel()
            await self._leave(opening)
        with suppress(OSError, RuntimeError, TimeoutError):
            await asyncio.wait_for(send({"type": "http.response.body", "body": b"", "more_body": False}), 1.0)

    async def run(self) -> None:
        """Look for news as long as somebody listens, for ever."""
        while True:
            if not self._listeners:
                self._somebody.clear()
            await self._somebody.wait()
            try:
                await self._hear()
                await self._look(list(self._listeners))
            except Exception:
                # The next look is in a second and begins where this one did.
                logger.exception("Streams could not look for news")
                await asyncio.sleep(LOOK_EVERY_S)

    async def _some(self, listener: Listener, wake: asyncio.Event, send: Send) -> bool:
        """Send what there is, or a heartbeat; False after the last."""
        if not listener.buffer and not listener.ended:
            with suppress(TimeoutError):
                await asyncio.wait_for(wake.wait(), HEARTBEAT_S)
        wake.clear()
        if listener.ended and not listener.buffer:
            return False
        body = b"".join(listener.buffer) or b": still here\n\n"
        listener.buffer.clear()
        await asyncio.wait_for(send({"type": "http.response.body", "body": body, "more_body": True}), SLOW_S)
        return True

    async def _hear(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            self._heard = await loop.run_in_executor(self._ear, _wait_for_news, self._heard)
            await asyncio.sleep(_PAUSE_S)
        except redis.Error as error:
            logger.warning("Streams look once a second, Redis is away: %s", error)
            await asyncio.sleep(LOOK_EVERY_S)

    async def _look(self, listeners: list[Listener]) -> None:
        until = clock.now()
        loop = asyncio.get_running_loop()
        standing, found = await loop.run_in_executor(self._looker, self._looking, listeners, until)
        for listener, event in sorted(found, key=lambda one: one[1].at):
            listener.take(event)
        for listener in listeners:
            listener.since = max(listener.since, until - OVERLAP)
            if listener.opening not in standing:
                listener.end("signed_out")
            wake = self._listeners.get(listener)
            if wake is not None and listener.buffer:
                wake.set()

    def _looking(
        self, listeners: Sequence[Listener], until: datetime
    ) -> tuple[Collection[Opening], list[tuple[Listener, StreamEvent]]]:
        try:
            standing = frozenset(self._standing([one.opening for one in listeners]))
            live = [one for one in listeners if one.opening in standing]
            found: list[tuple[Listener, StreamEvent]] = []
            for source in self._sources:
                interested = [one for one in live if source.topic in one.opening.topics]
                if interested:
                    found += source.events(interested, until=until)
            if time.monotonic() - self._renewed > RENEW_S:
                self._renewed = time.monotonic()
                with suppress(redis.Error):
                    places_renew((one.user_id, one.opening.place) for one in live)
            return standing, found
        finally:
            self._close_thread()

    async def _leave(self, opening: Opening) -> None:
        with suppress(redis.Error):
            await asyncio.get_running_loop().run_in_executor(None, place_leave, opening.user_id, opening.place)


def _wait_for_news(last: str) -> str:
    """The id of the newest news, as soon as there are some, or the same one after a second."""
    news = events.news_read(last, int(LOOK_EVERY_S * 1000))
    return news[-1][0] if news else last


async def _gone(receive: Receive, listener: Listener, wake: asyncio.Event) -> None:
    """Ends the listener when its reader has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
    listener.buffer.clear()
    listener.ended = True
    wake.set()
