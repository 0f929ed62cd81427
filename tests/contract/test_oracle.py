"""ccxt's own parser is the oracle: what an adapter decodes itself has the same values, for the sandbox's bodies and for
every recorded one; and a broken row costs that row only."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
from msgspec import structs

from apps.core.exceptions import ArbEdgeError
from apps.markets.enums import SnapshotKind
from apps.markets.exchanges import registry
from apps.markets.exchanges.base import ExchangeAdapter
from apps.markets.exchanges.columns import FundingColumns, QuoteColumns, RawAnswer, Reply
from apps.markets.validate import Arrival, MarketIndex, funding_clean, quotes_clean
from sandbox.recordings.har import har_folder_read
from sandbox.recordings.replay import Replay
from tests.markets.offline import Outside, by_ccxt, offline, world_answers

RECORDINGS = Path(__file__).resolve().parents[3] / "shared" / "recordings" / "har"

Answer: TypeAlias = Reply[QuoteColumns] | Reply[FundingColumns]


def typed_feeds() -> list[tuple[str, SnapshotKind]]:
    """Every feed that some adapter decodes itself and that ccxt can parse too."""
    feeds = []
    for exchange in registry.EXCHANGES.names():
        able = registry.adapter_class(exchange).capabilities
        feeds += [(exchange, kind) for kind, call in able.quotes.items() if call.typed]
        if able.funding and able.funding.typed and able.funding.method.startswith("fetch_"):
            feeds.append((exchange, SnapshotKind.FUNDING))
    return feeds


# Where we don't take ccxt's word, as the adapter says, and which columns differ therefore.
OUR_WORD: Mapping[tuple[str, SnapshotKind], frozenset[str]] = {
    # The sizes are in the answer, ccxt leaves them out.
    ("gate", SnapshotKind.SWAP): frozenset({"bid_size", "ask_size"}),
    # ccxt takes the beginning of the funding period for the row's time.
    ("bingx", SnapshotKind.FUNDING): frozenset({"row_ts"}),
    # ccxt leaves out the volume in dollars.
    ("krakenfutures", SnapshotKind.SWAP): frozenset({"quote_volume"}),
    # ccxt divides an inverse contract's rate too, invents the interval, and gives up where an index is in the answer.
    ("krakenfutures", SnapshotKind.FUNDING): frozenset({"rate", "interval_hours", "next_funding_at", "row_ts"}),
}
CCXT_GIVES_UP = ("krakenfutures", SnapshotKind.FUNDING)

each_feed = pytest.mark.parametrize(("exchange", "kind"), typed_feeds())


@cache
def world() -> Outside:
    """The sandbox's exchanges."""
    return world_answers()


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    """An event loop of its own: the adapters here are nobody else's."""
    with asyncio.Runner() as runner:
        yield runner


async def asked(adapter: ExchangeAdapter, kind: SnapshotKind) -> Answer:
    if kind is SnapshotKind.FUNDING:
        return await adapter.funding(markets_from=0)
    return await adapter.quotes(kind, markets_from=0)


def rows_of(columns: QuoteColumns | FundingColumns) -> dict[str, dict[str, Any]]:
    """Values by symbol; None for NaN, so that they compare equal."""
    names = [each.name for each in fields(columns) if isinstance(getattr(columns, each.name), np.ndarray)]
    values = zip(*(getattr(columns, name).tolist() for name in names), strict=True)
    rows = ({name: None if value != value else value for name, value in zip(names, row, strict=True)} for row in values)
    return dict(zip(columns.symbols, rows, strict=True))


async def assert_same(exchange: str, kind: SnapshotKind, outside: Outside) -> int:
    """How many rows were compared; 0 where even ccxt finds nothing to parse."""
    adapter = offline(exchange, outside)
    fast_able = adapter.able
    try:
        by_ccxt(adapter)
        oracle = await asked(adapter, kind)
    except ArbEdgeError:
        return 0
    else:
        adapter.able = fast_able
        fast = await adapter.reread(kind, oracle.raw)
        listed = set(adapter.client.listed(kind).symbols.values())
    finally:
        adapter.client._ccxt.timeout_on_exit = 0  # type: ignore[attr-defined]
        await adapter.close()
    expected = {symbol: row for symbol, row in rows_of(oracle.value).items() if symbol in listed}
    told = rows_of(fast.value)
    assert told.keys() == expected.keys()
    ours = OUR_WORD.get((exchange, kind), frozenset())
    for symbol, row in expected.items():
        row.update({name: told[symbol][name] for name in ours})
        if not told[symbol]["row_ts"]:
            # ccxt stamps some rows with the time of the answer; to us they have none of their own.
            assert row["row_ts"] in (0, oracle.exchange_at)
            row["row_ts"] = 0
        assert told[symbol] == row, symbol
    assert (fast.sent_at, fast.received_at) == (oracle.sent_at, oracle.received_at)
    return len(expected)


@each_feed
def test_the_sandboxs_bodies_mean_what_they_mean_to_ccxt(
    runner: asyncio.Runner, exchange: str, kind: SnapshotKind
) -> None:
    compared = runner.run(assert_same(exchange, kind, world()))
    assert compared > 20 or (exchange, kind) == CCXT_GIVES_UP


@pytest.mark.skipif(not RECORDINGS.is_dir(), reason=f"the recordings are not there: {RECORDINGS}")
@each_feed
def test_recorded_bodies_mean_what_they_mean_to_ccxt(runner: asyncio.Runner, exchange: str, kind: SnapshotKind) -> None:
    entries, refused = har_folder_read(RECORDINGS)
    assert not refused
    if not runner.run(assert_same(exchange, kind, Replay(entries).answer)):
        pytest.skip("no recording of these markets and this feed that ccxt can parse")


def index_of(columns: QuoteColumns | FundingColumns) -> MarketIndex:
    symbols = sorted(set(columns.symbols))
    count = len(symbols)
    return MarketIndex(
        version=1,
        row_of={symbol: row for row, symbol in enumerate(symbols)},
        market_id=np.arange(1, count + 1, dtype=np.int32),
        contract_size=np.ones(count),
        is_inverse=np.zeros(count, dtype=np.bool_),
        settled_interval_hours=np.full(count, np.nan),
    )


def surviving(answer: Answer, index: MarketIndex, kind: SnapshotKind) -> set[str]:
    """The symbols whose rows pass validation."""
    at = answer.received_at
    arrival = Arrival("x", received_at=at, answered_at=at, offset_ms=0, max_age_ms=10**15)
    if isinstance(answer.value, FundingColumns):
        kept = funding_clean(answer.value, index, arrival=arrival, constant_hours=8.0)[0].market_id
    else:
        kept = quotes_clean(answer.value, index, kind=kind, arrival=arrival)[0].market_id
    symbols = sorted(index.row_of)
    return {symbols[row] for row in kept - 1}


def spoiled(adapter: ExchangeAdapter, kind: SnapshotKind, raw: RawAnswer, good: set[str]) -> tuple[RawAnswer, set[str]]:
    """The answer with three good rows spoiled, each in a way of its own (words for numbers, no object, another object),
    and their symbols."""
    call = adapter.able.funding if kind is SnapshotKind.FUNDING else adapter.able.quotes[kind]
    assert call is not None
    assert call.typed is not None
    id_field = next(each.encode_name for each in structs.fields(call.typed.asks[-1].rows.row) if each.name == "id")
    ids = adapter.client.listed(kind).symbols
    body = json.loads(raw.text)
    rows = longest_list(body)
    places = [at for at, row in enumerate(rows) if ids.get(row[id_field]) in good]
    first, second, third = places[:: len(places) // 3][:3]
    victims = {ids[rows[at][id_field]] for at in (first, second, third)}
    rows[first] = dict.fromkeys(rows[first], "garbage") | {id_field: rows[first][id_field]}
    rows[second] = 17
    rows[third] = {"unexpected": [None, {"deep": True}]}
    return replace(raw, text=json.dumps(body)), victims


def longest_list(body: Any) -> list[Any]:
    """The rows of a bulk answer, whatever is around them."""
    lists = [body] if isinstance(body, list) else []
    inner = body.values() if isinstance(body, dict) else ()
    return max([*lists, *(longest_list(each) for each in inner)], key=len, default=[])


@pytest.mark.parametrize(
    # Hyperliquid's rows have no id: they belong to the names before them, one by one.
    ("exchange", "kind"),
    [feed for feed in typed_feeds() if feed[0] != "hyperliquid"],
)
def test_broken_rows_cost_only_themselves(runner: asyncio.Runner, exchange: str, kind: SnapshotKind) -> None:
    async def whole_and_spoiled() -> None:
        adapter = offline(exchange, world())
        whole = await asked(adapter, kind)
        index = index_of(whole.value)
        good = surviving(whole, index, kind)
        last, victims = spoiled(adapter, kind, whole.raw[-1], good)
        after = await adapter.reread(kind, (*whole.raw[:-1], last))
        adapter.client._ccxt.timeout_on_exit = 0  # type: ignore[attr-defined]
        await adapter.close()
        assert surviving(after, index, kind) == good - victims
        before, then = rows_of(whole.value), rows_of(after.value)
        assert all(then[symbol] == before[symbol] for symbol in before.keys() - victims)

    runner.run(whole_and_spoiled())
