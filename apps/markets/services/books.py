"""Order books of a few markets, now: bounded per exchange, side by side, what did not come in time is left out."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from django.conf import settings

from apps.core import clock, events, loop
from apps.core.exceptions import ArbEdgeError, PermanentError, TemporaryError
from apps.markets import store
from apps.markets.exchanges import registry
from apps.markets.exchanges.base import ExchangeAdapter
from apps.markets.exchanges.columns import Book, Reply
from apps.markets.models import Market
from apps.markets.services import guard
from apps.markets.types import BooksStored, OrderBook

logger = logging.getLogger(__name__)

BOOKS_PER_EXCHANGE: Final = 20
DEADLINE_S: Final = 8.0
_GRACE_S: Final = 2.0

Answer = Reply[Book] | ArbEdgeError


@dataclass(frozen=True, slots=True)
class BooksReport:
    """Which books were stored, and why the others were not."""

    stored: tuple[int, ...] = ()
    failed: Mapping[int, str] = field(default_factory=dict)


def books_fetch(*, market_ids: Sequence[int]) -> BooksReport:
    """Fetch, check and store the books of these markets; at most 20 per exchange, the first ones given.

    Partial success is fine: each failure is logged with its reason and returned. Announces `BooksStored`."""
    failed: dict[int, str] = {}
    wanted = _wanted(market_ids, failed)
    asked = {}
    for exchange in sorted({market.exchange_id for market in wanted.values()}):
        mine = {key: market for key, market in wanted.items() if market.exchange_id == exchange}
        if guard.breaker(exchange).allow():
            asked.update(mine)
        else:
            failed.update(dict.fromkeys(mine, f"{exchange} is left alone for now (breaker open)"))
    answers = _ask(asked, failed)
    books = []
    for market_id, answer in answers.items():
        try:
            books.append(_checked(asked[market_id], answer))
        except ArbEdgeError as error:
            failed[market_id] = error.message
    _breakers_note(asked, answers)
    if books:
        store.books_put(books)
        events.publish(BooksStored(tuple(book.market_id for book in books), max(book.received_at for book in books)))
    for market_id, reason in failed.items():
        logger.info("Order book of market %d not stored: %s", market_id, reason)
    return BooksReport(tuple(book.market_id for book in books), failed)


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


def _ask(wanted: Mapping[int, Market], failed: dict[int, str]) -> dict[int, Answer]:
    calls = {}
    for market_id, market in wanted.items():
        try:
            adapter = registry.adapter(market.exchange_id, gateway=settings.SANDBOX_URL)
        except ArbEdgeError as error:
            failed[market_id] = error.message
            continue
        loaded = market.exchange.markets_loaded_at
        calls[market_id] = (adapter, market.symbol, clock.to_ms(loaded) if loaded else 0)
    if not calls:
        return {}
    return loop.run(_gather(calls), timeout=DEADLINE_S + _GRACE_S)


async def _gather(calls: Mapping[int, tuple[ExchangeAdapter, str, int]]) -> dict[int, Answer]:
    tasks = {
        market_id: asyncio.create_task(adapter.book(symbol, markets_from=markets_from))
        for market_id, (adapter, symbol, markets_from) in calls.items()
    }
    _, late = await asyncio.wait(tasks.values(), timeout=DEADLINE_S)
    for task in late:
        task.cancel()
    await asyncio.gather(*tasks.values(), return_exceptions=True)
    return {market_id: _outcome(task) for market_id, task in tasks.items()}


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
    if exchange_ts and answer.received_at - (exchange_ts - offset) > settings.MAX_CLOCK_OFFSET_S * 1000:
        raise PermanentError("the book is stale")
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
