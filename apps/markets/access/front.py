"""The order in which sources are asked, and who may ask the exchange."""

import logging
from dataclasses import asdict
from typing import Any, Final, TypeVar, cast

from apps.core import clock, queue, redis
from apps.core.exceptions import ArbEdgeError, PermanentError, TemporaryError
from apps.markets.access import cells, counts
from apps.markets.access.answers import Answer, Found, Pending
from apps.markets.access.base import Query
from apps.markets.access.flight import single_flight
from apps.markets.enums import DataSource

logger = logging.getLogger(__name__)

T = TypeVar("T")
FETCH_TASK: Final = "apps.markets.tasks.fetch"


def read(query: Query[T], *, max_age_s: float | None = None) -> Answer[T] | Pending:
    """What is near and fresh enough; else a market worker is rung and the answer is Pending. Never asks an exchange.

    Data past its TTL that is still usable is answered, and the worker rung all the same. Raises
    PermanentError(code="not_found"), and for some seconds after a vain attempt the error that it ended with."""
    query.check()
    limit_ms = _limit_ms(query, max_age_s)
    answer = _near(query, limit_ms)
    counts.note(query.name, answer.source if answer else None)
    if answer is not None:
        if answer.age_ms > query.ttl_s * 1000 and max_age_s is None and cells.failure(query) is None:
            _ring(query, max_age_s)
        return answer
    failure = cells.failure(query)
    if failure is not None:
        raise failure
    newest = _look(query)
    return Pending(query.retry_s, _age_ms(newest) if newest else None, rung=_ring(query, max_age_s))


def obtain(query: Query[T], *, max_age_s: float | None = None) -> Answer[T] | Pending:
    """The same in a task of a market queue, which goes on to the archive and to the exchange.

    One flight per question: who comes while another process is asking gets Pending. Raises core errors, which readers
    then get for some seconds instead of another vain attempt."""
    query.check()
    # Whoever rang for what is past its TTL wants it newer than that.
    limit_ms = query.ttl_s * 1000 if max_age_s is None else _limit_ms(query, max_age_s)
    answer = _near(query, limit_ms)
    counts.note(query.name, answer.source if answer else None)
    if answer is not None:
        return answer
    with single_flight(query) as mine:
        if not mine:
            return Pending(query.retry_s, None, rung=True)
        # Another thread may have brought it while this one waited.
        return _near(query, limit_ms) or _from_archive(query, limit_ms) or _from_exchange(query, limit_ms)


def _near(query: Query[T], limit_ms: float) -> Answer[T] | None:
    """From our own stores, else what a worker took out of the archive lately."""
    return _fresh(_look(query), limit_ms) or _fresh(cells.get(query), limit_ms)


def _look(query: Query[T]) -> Found[T] | None:
    try:
        return query.look()
    except redis.Error as error:
        # What only Redis holds can't be found now; rows, the archive and the exchange still can.
        logger.info("%s %s not looked for in Redis: %s", query.name, query.key, error)
        return None


def _from_archive(query: Query[T], limit_ms: float) -> Answer[T] | None:
    step_s = query.archive_step_s
    if step_s is None or limit_ms < step_s * 1000:
        return None
    try:
        answer = _fresh(query.dig(), limit_ms)
    except TemporaryError as error:
        logger.warning("Archive not read for %s %s: %s", query.name, query.key, error.message)
        return None
    if answer is not None:
        counts.note_found(query.name, DataSource.ARCHIVE)
        cells.put(query, answer, lifetime_ms=limit_ms - answer.age_ms)
    return answer


def _from_exchange(query: Query[T], limit_ms: float) -> Answer[T]:
    counts.note_found(query.name, DataSource.API)
    try:
        query.fetch()
        found = _look(query)
        if found is None or _age_ms(found) > limit_ms:
            raise TemporaryError(f"{query.name} {query.key}: the exchange gave nothing usable.", code="unavailable")
    except ArbEdgeError as error:
        cells.failure_note(query, error)
        raise
    return _answer(found, DataSource.API)


def _ring(query: Query[T], max_age_s: float | None) -> bool:
    age = None if max_age_s is None else round(max_age_s, 1)
    return queue.ring(
        FETCH_TASK,
        key=f"{query.name}:{query.key}:{age}",
        queue=query.queue,
        kwargs={"kind": query.name, "query": asdict(cast("Any", query)), "max_age_s": age},
    )


def _limit_ms(query: Query[Any], max_age_s: float | None) -> float:
    if max_age_s is not None and max_age_s <= 0:
        raise PermanentError("max_age_s must be positive.", code="invalid")
    return 1000 * (query.usable_s if max_age_s is None else max_age_s)


def _fresh(found: Found[T] | None, limit_ms: float) -> Answer[T] | None:
    # What is from the future was stored before our clock was set back: nobody knows how old it is.
    if found is None or abs(clock.now_ms() - found.received_at_ms) > limit_ms:
        return None
    return _answer(found, found.source)


def _answer(found: Found[T], source: DataSource) -> Answer[T]:
    return Answer(found.value, source, found.received_at_ms, _age_ms(found))


def _age_ms(found: Found[Any]) -> int:
    return max(0, clock.now_ms() - found.received_at_ms)
