"""Recorded websocket sessions through ccxt's handlers as the streaming process uses them: what real exchanges push
becomes rows with prices, sizes and times. The markets are the sandbox's, so only pairs that it lists are compared."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apps.core import loop
from apps.markets.enums import SnapshotKind
from apps.markets.exchanges import registry
from apps.markets.exchanges.streaming import QuoteStreams
from tests.sandbox_process import Sandbox

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "recordings" / "ws"

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no recorded websocket sessions at {FOLDER}")

# Recording, exchange, kind, and where its frames would come from; combined streams wrap each event in `data`.
SESSIONS = [
    ("bybit_ws_2026-08-09", "bybit", SnapshotKind.SWAP, "wss://stream.bybit.com/v5/public/linear"),
    ("okx_ws_2022-05-13", "okx", SnapshotKind.SPOT, "wss://ws.okx.com:443/ws/v5/public"),
    ("binanceusdm_ws_2021-04-17", "binanceusdm", SnapshotKind.SWAP, "wss://fstream.binance.com/public/ws/0"),
]


def frames(name: str, url: str) -> Iterator[tuple[float, dict[str, Any]]]:
    """What was received, and when (Unix seconds); of a session of several connections that to `url`."""
    others = set()
    with gzip.open(FOLDER / f"{name}.jsonl.gz", "rt") as lines:
        for line in lines:
            entry = json.loads(line)
            if entry["dir"] == "connect" and "conn" in entry and entry["addr"] != url:
                others.add(entry["conn"])
            if entry["dir"] == "recv" and entry.get("conn") not in others and entry["data"].startswith("{"):
                data = json.loads(entry["data"])
                yield entry["ts"], data["data"] if "stream" in data else data


@pytest.mark.parametrize(("name", "exchange", "kind", "url"), SESSIONS, ids=[session[0] for session in SESSIONS])
def test_recorded_pushes_become_rows(sandbox: Sandbox, name: str, exchange: str, kind: SnapshotKind, url: str) -> None:
    if not (FOLDER / f"{name}.jsonl.gz").exists():
        pytest.skip(f"{name} is not among the recordings")
    able = registry.adapter_class(exchange).capabilities
    played = list(frames(name, url))

    async def play() -> Any:
        streams = QuoteStreams(exchange, able, gateway=sandbox.url)
        markets = await streams.client.load(not_before=None)
        await streams.want(kind, list(markets), markets_from=0)
        library = streams.client._ccxt
        connection = library.client(url)
        for _, data in played:
            library.handle_message(connection, data)
        reply = await streams.taken(kind, max_age_ms=600_000)
        await streams.close()
        return reply

    reply = loop.run(play(), timeout=30)
    if reply is None:
        pytest.skip(f"{name} has no pair that the sandbox lists")
    columns = reply.value
    for row in range(len(columns.symbols)):
        assert 0 < columns.bid[row] <= columns.ask[row]
        assert columns.bid_size[row] > 0
        assert columns.ask_size[row] > 0
        # Times are the exchange's, of the session.
        assert 0 <= played[-1][0] * 1000 - columns.row_ts[row] + 5000 < 120_000
