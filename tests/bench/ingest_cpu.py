"""CPU from a body to its stored snapshot, against ccxt's own parse of the same body: the typed and the generic path."""

import gc
import statistics
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

from django.conf import settings
from django.core.management import call_command

from apps.core import loop
from apps.markets import selectors, services, store
from apps.markets.enums import FeedState, SnapshotKind
from apps.markets.exchanges import registry
from apps.markets.exchanges.base import ExchangeAdapter
from apps.markets.exchanges.columns import RawAnswer
from apps.markets.judge import Pulse, Rules, feed_judge
from apps.markets.services.clean import Answer, answer_clean
from tests.markets.offline import offline, offline_adapters, world_answers

T = TypeVar("T")

SYMBOLS = 2000
ROUNDS = 7
# Each side runs so often in its turn, on its own warm caches and without the other's garbage.
TURN = 5
# Of the CPU that ccxt takes to parse the body.
MOST = {"typed": 0.10, "generic": 1.15}
TYPED = ("binance", "binanceusdm", "bybit", "okx", "bitget", "gate", "kucoin", "kucoinfutures", "mexc")
GENERIC = ("bybit", "okx")
RULES = Rules(max_offset_ms=60_000, frozen_after_ms=30_000, max_age_ms=120_000)


def figures() -> Iterator[dict[str, Any]]:
    """Milliseconds per poll, one figure per path, exchange and kind; bodies come from the sandbox's hosts."""
    call_command("migrate", verbosity=0)
    outside = world_answers(symbols=SYMBOLS)
    for path, exchanges in (("typed", TYPED), ("generic", GENERIC)):
        settings.EXCHANGES = list(exchanges)
        with offline_adapters({name: offline(name, outside, generic=path == "generic") for name in exchanges}):
            services.exchanges_setup()
            for exchange in exchanges:
                services.exchange_sync_markets(exchange=exchange)
                adapter = registry.adapter(exchange, gateway=settings.SANDBOX_URL)
                for kind in adapter.able.kinds:
                    if unified(adapter, kind):
                        yield figure(path, adapter, kind)


def unified(adapter: ExchangeAdapter, kind: SnapshotKind) -> bool:
    """Whether ccxt itself has this call: what it lacks (MEXC's funding rates in bulk) has no control."""
    return kind is not SnapshotKind.FUNDING or adapter.client.has("fetchFundingRates")


def figure(path: str, adapter: ExchangeAdapter, kind: SnapshotKind) -> dict[str, Any]:
    """Both in turns. The times are the least ones; the ratio is the median of the turns, whose two sides met the same
    machine."""
    raw = loop.run(_asked(adapter, kind), timeout=30).raw
    rounds = [(_turn(ours, adapter, kind, raw), _turn(ccxt_alone, adapter, kind, raw)) for _ in range(ROUNDS)]
    value, control = (min(each) for each in zip(*rounds, strict=True))
    ratio = statistics.median(mine / theirs for mine, theirs in rounds)
    return {
        "bench": "ingest_cpu",
        "path": path,
        "exchange": adapter.client.exchange,
        "kind": str(kind),
        "value": round(value * 1000, 2),
        "unit": "ms",
        "control": round(control * 1000, 1),
        "ratio": round(ratio, 3),
        "ok": ratio <= MOST[path],
    }


def _turn(side: Callable[..., float], *args: Any) -> float:
    """The least seconds of CPU in one side's turn: what a run costs, without what a busy machine adds, which is
    as much for two milliseconds as for thirty."""
    gc.collect()
    return min(side(*args) for _ in range(TURN))


def ours(adapter: ExchangeAdapter, kind: SnapshotKind, raw: tuple[RawAnswer, ...]) -> float:
    """Seconds of CPU from the body to the stored snapshot: decode, columns, judge, validate, encode, store."""
    exchange = adapter.client.exchange
    index = selectors.market_index(exchange, kind)
    reply, decoded = loop.run(_timed(adapter.reread(kind, raw)), timeout=30)
    begun = time.thread_time()
    verdict = feed_judge(exchange, reply, Pulse(), RULES)
    snapshot, _ = answer_clean(
        exchange=exchange,
        kind=kind,
        reply=reply,
        index=index,
        answered_at=verdict.answered_at,
        offset_ms=verdict.offset_ms,
        constant_hours=adapter.constant_hours,
    )
    store.snapshot_put(snapshot)
    stored = time.thread_time() - begun
    if verdict.state is not FeedState.OK or len(snapshot.market_id) < 0.9 * len(reply.value.symbols):
        raise AssertionError(f"{exchange} {kind}: {verdict.reason}, {len(snapshot.market_id)} rows")
    return decoded + stored


def ccxt_alone(adapter: ExchangeAdapter, kind: SnapshotKind, raw: tuple[RawAnswer, ...]) -> float:
    """Seconds of CPU that ccxt takes to make its own structures of the body."""

    async def parse() -> None:
        with adapter.client.reading(again=raw):
            if kind is SnapshotKind.FUNDING:
                call = adapter.able.funding
                assert call is not None
                if call.intervals_method:
                    await adapter.client.call(call.intervals_method, None, dict(call.params))
                await adapter.client.call(call.method, None, dict(call.params))
            else:
                quotes = adapter.able.quotes[kind]
                await adapter.client.call(quotes.method, None, dict(quotes.params))

    _, taken = loop.run(_timed(parse()), timeout=30)
    return taken


async def _asked(adapter: ExchangeAdapter, kind: SnapshotKind) -> Answer:
    if kind is SnapshotKind.FUNDING:
        return await adapter.funding(markets_from=0)
    return await adapter.quotes(kind, markets_from=0)


async def _timed(work: Coroutine[Any, Any, T]) -> tuple[T, float]:
    begun = time.thread_time()
    result = await work
    return result, time.thread_time() - begun
