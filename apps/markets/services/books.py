"""Order books of a few markets, now: bounded per exchange, side by side, stored in waves as they come.

A leg's book waits for nobody: an exchange that is slow, or whose limits hold its calls back, delays only its own."""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from queue import Empty, SimpleQueue
from typing import Final

from django.conf import settings

from apps.core import clock, events, loop, redis
from apps.core.exceptions import ArbEdgeError, PermanentError, TemporaryError
from apps.markets import beats, selectors, store
from apps.markets.events import BooksStored
from apps.markets.exchanges import registry
from apps.markets.exchanges.base import ExchangeAdapter
from apps.markets.exchanges.columns import Book, Reply
from apps.markets.models import Market
from apps.markets.services import guard
from apps.markets.types import OrderBook

logger = logging.getLogger(__name__)

BOOKS_PER_EXCHANGE: Final = 20
DEADLINE_S: Final = 8.0
# Scans follow each other faster than books are worth asking for again.
FRESH_MS: Final = 1000
WAVE_S: Final = 0.15
_GRACE_S: Final = 2.0

Answer = Reply[Book] | ArbEdgeError
_under_way: "dict[int, asyncio.Task[Reply[Book]]]" = {}


@dataclass(frozen=True, slots=True)
class BooksReport:
    """Which books were stored, which were new enough to be left as they are, and why the others are missing."""

    stored: tuple[int, ...] = ()
    fresh: tuple[int, ...] = ()
    failed: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Call:
    market: Market
    adapter: ExchangeAdapter

    async def make(self) -> Reply[Book]:
        loaded = self.market.exchange.markets_loaded_at
        return await self.adapter.book(self.market.symbol, markets_from=clock.to_ms(loaded) if loaded else 0)


def books_fetch(*, market_ids: Sequence[int]) -> BooksReport:
    """Fetch, check and store the books of these markets; at most 20 per exchange, the first ones given.

    What is newer than FRESH_MS is not asked for again. Partial success is fine: each failure is logged with its reason
    and returned. Announces `BooksStored` for each wave."""
    failed: dict[int, str] = {}
    wanted = _wanted(market_ids, failed)
    beats.books_ask(wanted, now_ms=clock.now_ms())
    fresh = _fresh(tuple(wanted))
    _announce(fresh, clock.now_ms())
    calls = _calls({key: market for key, market in wanted.items() if key not in fresh}, failed)
    stored: list[int] = []
    answers: dict[int, Answer] = {}
    for wave in _waves(calls):
        answers |= wave
        stored += books_take({key: (calls[key].market, answer) for key, answer in wave.items()}, failed)
    _breakers_note({key: call.market for key, call in calls.items()}, answers)
    for market_id, reason in failed.items():
        logger.info("Order book of market %d not stored: %s", market_id, reason)
    return BooksReport(tuple(stored), fresh, failed)


def books_take(answers: Mapping[int, tuple[Market, Answer]], failed: dict[int, str]) -> list[int]:
    """Check, store and announce these answers, however they came; the markets stored. Others go into `failed` with the
    reason."""
    books = []
    for market_id, (market, answer) in answers.items():
        try:
            books.append(_checked(market, answer))
        except ArbEdgeError as error:
            failed[market_id] = error.message
    stored = [book.market_id for book in books]
    if books:
        store.books_put(books)
        _announce(stored, max(book.received_at for book in books))
    return stored


def _fresh(market_ids: Sequence[int]) -> tuple[int, ...]:
    try:
        return tuple(selectors.books_latest(market_ids, max_age_ms=FRESH_MS))
    except redis.Error as error:
        logger.info("All books are asked for: which are fresh is not known, %s", error)
        return ()


def _announce(market_ids: Sequence[int], received_at: int) -> None:
    if market_ids:
        events.publish(BooksStored(tuple(market_ids), received_at))


def _wanted(market_ids: Sequence[int], failed: dict[int, str]) -> dict[int, Market]:
    rows = Market.objects.select_related("exchange").filter(
        id__in=set(market_ids), active=True, exchange__enabled=True, exchange__in=settings.EXCHANGES
    )
    known = {market.id: market for market in rows}
    count: dict[str, int] = defaultdict(int)
    wanted = {}
    for market_id in dict.fromkeys(market_ids):
        market = known.get(market_id)
        if market is None:
            failed[market_id] = "no active market of a usable exchange"
            continue
        count[market.exchange_id] += 1
        if count[market.exchange_id] > BOOKS_PER_EXCHANGE:
            failed[market_id] = f"more than {BOOKS_PER_EXCHANGE} books of {market.exchange_id} at once"
            continue
        wanted[market_id] = market
    return wanted


def _calls(wanted: Mapping[int, Market], failed: dict[int, str]) -> dict[int, _Call]:
    calls = {}
    closed = {name for name in {market.exchange_id for market in wanted.values()} if not guard.breaker(name).allow()}
    for market_id, market in wanted.items():
        if market.exchange_id in closed:
            failed[market_id] = f"{market.exchange_id} is left alone for now (breaker open)"
            continue
        try:
            calls[market_id] = _Call(market, registry.adapter(market.exchange_id, gateway=settings.SANDBOX_URL))
        except ArbEdgeError as error:
            failed[market_id] = error.message
    return calls


def _waves(calls: Mapping[int, _Call]) -> Iterator[dict[int, Answer]]:
    """The answers of these calls: every WAVE_S seconds what has come, until all have or the deadline is over."""
    if not calls:
        return
    arrived: SimpleQueue[tuple[int, Answer]] = SimpleQueue()
    asyncio.run_coroutine_threadsafe(_gather(calls, arrived), loop.get())
    missing = set(calls)
    give_up = time.monotonic() + DEADLINE_S + _GRACE_S
    while missing:
        wave = _wave(arrived, len(missing))
        missing -= set(wave)
        if wave:
            yield wave
        if time.monotonic() > give_up:
            raise TemporaryError("The event loop did not answer.", code="timeout")


def _wave(arrived: "SimpleQueue[tuple[int, Answer]]", most: int) -> dict[int, Answer]:
    wave: dict[int, Answer] = {}
    until = time.monotonic() + WAVE_S
    while len(wave) < most:
        try:
            market_id, answer = arrived.get(timeout=max(0.0, until - time.monotonic()))
        except Empty:
            break
        wave[market_id] = answer
    return wave


async def _gather(calls: Mapping[int, _Call], arrived: "SimpleQueue[tuple[int, Answer]]") -> None:
    async def fetch(market_id: int, call: _Call) -> None:
        task = _join(market_id, call)
        await asyncio.wait((task,), timeout=DEADLINE_S)
        if not task.done():
            task.cancel()
            arrived.put((market_id, TemporaryError(f"no book within {DEADLINE_S:g} s", code="timeout")))
            return
        arrived.put((market_id, _outcome(task)))

    await asyncio.gather(*(fetch(market_id, call) for market_id, call in calls.items()))


def _join(market_id: int, call: _Call) -> "asyncio.Task[Reply[Book]]":
    """The call for this market's book that is under way, else a new one; only the loop's thread comes here."""
    task = _under_way.get(market_id)
    if task is None:
        task = _under_way[market_id] = asyncio.create_task(call.make())
        task.add_done_callback(lambda _: _under_way.pop(market_id, None))
    return task


def _outcome(task: "asyncio.Task[Reply[Book]]") -> Answer:
    if task.cancelled():
        return TemporaryError(f"no book within {DEADLINE_S:g} s", code="timeout")
    error = task.exception()
    if error is None:
        return task.result()
    if isinstance(error, ArbEdgeError):
        return error
    raise error


def _checked(market: Market, answer: Answer) -> OrderBook:
    """The book in base units; raises what came instead of one, or why it is refused."""
    if isinstance(answer, ArbEdgeError):
        raise answer
    book = answer.value
    if not book.bids or not book.asks:
        raise PermanentError("one side of the book is empty")
    if book.bids[0][0] > book.asks[0][0]:
        raise PermanentError("the book is crossed")
    offset = market.exchange.clock_offset_ms
    exchange_ts = book.row_ts or answer.exchange_at or 0
    age = answer.received_at - (exchange_ts - offset) if exchange_ts else 0
    if abs(age) > settings.MAX_QUOTE_AGE_S * 1000:
        raise PermanentError("the book is stale" if age > 0 else "the book is from the future")
    return OrderBook(
        market_id=market.id,
        bids=_in_base(book.bids, market.contract_size),
        asks=_in_base(book.asks, market.contract_size),
        exchange_ts=exchange_ts - offset if exchange_ts else 0,
        received_at=answer.received_at,
    )


def _in_base(side: tuple[tuple[Decimal, Decimal], ...], contract: Decimal) -> tuple[tuple[Decimal, Decimal], ...]:
    return side if contract == 1 else tuple((price, size * contract) for price, size in side)


def _breakers_note(asked: Mapping[int, Market], answers: Mapping[int, Answer]) -> None:
    """One word per exchange: a pause it asked for, else a success if anything came, else one failure."""
    by_exchange: dict[str, list[Answer]] = defaultdict(list)
    for market_id, answer in answers.items():
        by_exchange[asked[market_id].exchange_id].append(answer)
    for exchange, outcomes in by_exchange.items():
        errors = [outcome for outcome in outcomes if isinstance(outcome, ArbEdgeError)]
        pauses = [error for error in errors if guard.asks_for_pause(error)]
        if pauses or len(errors) == len(outcomes):
            guard.failure_note(exchange, (pauses or errors)[0])
        else:
            guard.breaker(exchange).success()
