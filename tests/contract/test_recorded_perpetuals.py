"""Recorded answers of HTX and Hyperliquid: markets, books and settled fundings; there are no bulk quotes of them."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from apps.markets.enums import MarketType
from apps.markets.exchanges.base import ExchangeAdapter
from sandbox.calls import Answer, Call, json_answer
from sandbox.recordings.har import har_folder_read
from sandbox.recordings.replay import Replay
from tests.markets.offline import offline

RECORDINGS = Path(__file__).resolve().parents[3] / "shared" / "recordings" / "har"

pytestmark = pytest.mark.skipif(not RECORDINGS.is_dir(), reason=f"the recordings are not there: {RECORDINGS}")


def recorded(exchange: str, question: Callable[[ExchangeAdapter], Awaitable[Any]]) -> Any:
    """What the exchange's adapter makes of the recordings."""
    entries, refused = har_folder_read(RECORDINGS)
    assert not refused
    replay = Replay(entries)

    async def outside(call: Call) -> Answer:
        """Hyperliquid's contexts were not recorded, its list of perpetuals was: each gets an empty context."""
        if call.host == "api.hyperliquid.xyz" and orjson.loads(call.body) == {"type": "metaAndAssetCtxs"}:
            body = orjson.dumps({"type": "meta"})
            known = Call(**{name: getattr(call, name) for name in call.__slots__} | {"body": body})
            meta = orjson.loads((await replay.answer(known)).body)
            return json_answer([meta, [{"markPx": "1.0", "impactPxs": None} for _ in meta["universe"]]])
        return await replay.answer(call)

    async def run() -> Any:
        adapter = offline(exchange, outside)
        try:
            return await question(adapter)
        finally:
            await adapter.close()

    return asyncio.run(run())


def test_htxs_markets_have_the_sizes_that_it_tells() -> None:
    specs = {spec.symbol: spec for spec in recorded("htx", lambda adapter: adapter.markets())}
    swaps = [spec for spec in specs.values() if spec.type is MarketType.SWAP]
    assert len(specs) > 1_000
    assert len(swaps) > 100
    # 1,000 SHIB are one contract, and one contract is the least order.
    shib = specs["SHIB/USDT:USDT"]
    assert shib.contract_size == shib.amount_step == shib.min_amount == 1000
    assert {spec.max_leverage for spec in swaps} == {None}
    assert 0 < sum(not spec.active for spec in specs.values()) < len(specs) / 10


def test_hyperliquids_thousands_are_named_as_it_names_them() -> None:
    specs = {spec.symbol: spec for spec in recorded("hyperliquid", lambda adapter: adapter.markets())}
    assert specs["KPEPE/USDC:USDC"].base == "kPEPE"
    assert all(spec.base == "kPEPE" or spec.base.isupper() for spec in specs.values())


def test_hyperliquids_book_is_read() -> None:
    book = recorded("hyperliquid", lambda adapter: adapter.book("DYDX/USDC:USDC", markets_from=0)).value
    assert len(book.bids) > 5
    assert book.bids[0][0] < book.asks[0][0]
    assert str(book.bids[0][0]) == "2.111"


def test_hyperliquids_settled_fundings_are_read() -> None:
    async def question(adapter: ExchangeAdapter) -> Any:
        return await adapter.settled("BTC/USDC:USDC", since=1681923833000, markets_from=0)

    settled = recorded("hyperliquid", question).value
    assert len(settled.rate) > 50
    assert (np.diff(settled.settled_at) > 0).all()
    assert settled.rate[0] == -0.00061334
