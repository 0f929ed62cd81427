"""One event loop on one thread per process, so that warm async clients survive from task to task."""

import asyncio
import atexit
import concurrent.futures
import logging
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from apps.core.exceptions import TemporaryError

logger = logging.getLogger(__name__)

T = TypeVar("T")
# How long the process waits at its end for connections to close.
CLOSE_TIMEOUT_S = 3.0
_HELPERS = 64
_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None
_closers: list[Callable[[], Coroutine[Any, Any, None]]] = []


def run(coro: Coroutine[Any, Any, T], *, timeout: float) -> T:
    """Run `coro` on the process's loop and wait at most `timeout` seconds for its result.

    Raises what the coroutine raises; or TemporaryError(code="timeout") once cancelled. Not for the loop itself."""
    future = asyncio.run_coroutine_threadsafe(coro, get())
    try:
        return future.result(timeout)
    except concurrent.futures.TimeoutError:
        if future.done():
            # The coroutine's own time-out, not ours.
            raise
        future.cancel()
        raise TemporaryError(f"No result within {timeout:g} s.", code="timeout") from None


def get() -> asyncio.AbstractEventLoop:
    """The process's loop, started on first use."""
    global _loop
    with _lock:
        if _loop is None:
            _loop = asyncio.new_event_loop()
            # For look-ups of names: with the usual handful, a few that hang would keep everybody else's waiting.
            _loop.set_default_executor(ThreadPoolExecutor(_HELPERS, thread_name_prefix="core-loop-helper"))
            threading.Thread(target=_loop.run_forever, name="core-loop", daemon=True).start()
        return _loop


def current() -> asyncio.AbstractEventLoop | None:
    """The process's loop if it has been started."""
    return _loop


def at_exit(close: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run `close` on the loop when the process ends, if the loop was ever started by then."""
    _closers.append(close)


def _close_all() -> None:
    if _loop is None:
        return
    try:
        ends = run(_gathered(), timeout=CLOSE_TIMEOUT_S)
    except TemporaryError:
        logger.warning("Not everything on the event loop was closed within %g s", CLOSE_TIMEOUT_S)
        return
    for end in ends:
        if isinstance(end, BaseException):
            logger.warning("A connection was not closed well: %s", type(end).__name__)


async def _gathered() -> list[BaseException | None]:
    return await asyncio.gather(*(close() for close in _closers), return_exceptions=True)


def _forget() -> None:
    # A forked child has the parent's loop object but not its thread: it starts its own.
    global _loop, _lock
    _loop, _lock = None, threading.Lock()


atexit.register(_close_all)
os.register_at_fork(after_in_child=_forget)
