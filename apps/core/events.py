"""Small typed news between rooms: published after commit, each handler on its own, told to the terminal's stream."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar, cast

import orjson
from django.db import transaction

from apps.core import clock, redis

logger = logging.getLogger(__name__)

NEWS_STREAM = "arbedge:news"
NEWS_KEPT = 10_000
# Redis answers a blocking read when nothing came; that has to happen before our socket gives up.
_BLOCK_MAX_MS = int(redis.SOCKET_TIMEOUT_S * 500)


@dataclass(frozen=True, slots=True)
class Event:
    """Base of every event: a frozen dataclass of ids and small values."""


E = TypeVar("E", bound=Event)
_handlers: dict[type[Event], list[Callable[[Any], None]]] = {}


def subscribe(event_type: type[E], handler: Callable[[E], None]) -> None:
    """Call `handler` with every published event of exactly this type; subscribing one twice counts once."""
    handlers = _handlers.setdefault(event_type, [])
    if handler not in handlers:
        handlers.append(handler)


def unsubscribe(event_type: type[E], handler: Callable[[E], None]) -> None:
    """Undo `subscribe`."""
    _handlers[event_type].remove(handler)


def publish(event: Event) -> None:
    """Hand the event to its handlers once the current transaction has committed (at once outside of one).

    A failing handler is logged; it stops neither the others nor the caller, because the schedules heal a lost ring."""
    transaction.on_commit(partial(_deliver, event), robust=True)


def news_read(last_id: str, block_ms: int) -> list[tuple[str, str, dict[str, Any]]]:
    """News after stream id `last_id` ("$": only what comes now, "0": all that is kept) as (id, event type, data).

    Waits at most `block_ms` milliseconds (at most one second); raises redis.Error when Redis is away."""
    block = max(1, min(block_ms, _BLOCK_MAX_MS))
    answer = cast(
        "list[tuple[bytes, list[tuple[bytes, dict[bytes, bytes]]]]] | dict[bytes, Any] | None",
        redis.state().xread({NEWS_STREAM: last_id}, count=500, block=block),
    )
    if not answer:
        return []
    entries = next(iter(answer.values()))[0] if isinstance(answer, dict) else answer[0][1]
    return [(name.decode(), fields[b"type"].decode(), orjson.loads(fields[b"data"])) for name, fields in entries]


def _deliver(event: Event) -> None:
    for handler in tuple(_handlers.get(type(event), ())):
        try:
            handler(event)
        except Exception:
            logger.exception("Handler %s failed on %s", getattr(handler, "__qualname__", handler), type(event).__name__)
    _tell(event)


def _tell(event: Event) -> None:
    row: dict[Any, Any] = {
        "type": type(event).__name__,
        "at": clock.now().isoformat(),
        "data": orjson.dumps(event, default=str, option=orjson.OPT_SERIALIZE_NUMPY),
    }
    try:
        redis.state().xadd(NEWS_STREAM, row, maxlen=NEWS_KEPT, approximate=True)
    except redis.Error as error:
        logger.warning("News of %s not told, Redis is away: %s", type(event).__name__, error)
