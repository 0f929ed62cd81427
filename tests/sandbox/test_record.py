"""Recording: calls are forwarded, and what comes back can be played."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from sandbox.calls import Answer, Call
from sandbox.recordings.har import har_folder_read
from sandbox.recordings.record import ENTRIES_PER_FILE, Recorder
from sandbox.recordings.replay import Replay
from tests.sandbox.conftest import http
from tests.sandbox_process import sandbox_run


@asynccontextmanager
async def exchange(seen: list[tuple[str, str, bytes]]) -> AsyncIterator[str]:
    """A small real host; gives host:port."""

    async def answer(request: web.Request) -> web.Response:
        seen.append((request.method, request.path_qs, await request.read()))
        if request.path == "/binary":
            return web.Response(body=b"\x00\xff", content_type="application/x")
        if request.path == "/away":
            raise web.HTTPFound("/elsewhere")
        return web.json_response({"n": len(seen)}, status=418 if request.path == "/teapot" else 200)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def call(host: str, path: str, query: dict[str, str] | None = None, *, method: str = "GET", body: bytes = b"") -> Call:
    raw = "&".join(f"{name}={value}" for name, value in (query or {}).items())
    headers = {"Content-Type": "application/json", "X-Api-Key": "top-secret", "Accept-Encoding": "br"}
    return Call(method, "http", host, path, query or {}, headers, body, 0.0, raw)


def test_what_was_recorded_plays_again(tmp_path: Path) -> None:
    seen: list[tuple[str, str, bytes]] = []

    async def run() -> tuple[list[Answer], list[Answer]]:
        async with exchange(seen) as host:
            calls = [
                call(host, "/a", {"symbol": "BTC", "signature": "top-secret"}),
                call(host, "/a", {"symbol": "ETH"}),
                call(host, "/post", method="POST", body=b'{"type": "meta"}'),
                call(host, "/teapot"),
                call(host, "/binary"),
                call(host, "/away"),
            ]
            async with Recorder(tmp_path / "new") as recorder:
                first = [await recorder.answer(each) for each in calls]
            entries, refused = har_folder_read(tmp_path / "new")
            assert refused == []
            replay = Replay(entries)
            return first, [await replay.answer(each) for each in calls]

    first, again = asyncio.run(run())
    assert len(seen) == 6
    assert [(each.status, each.body) for each in first] == [(each.status, each.body) for each in again]
    assert [each.status for each in first] == [200, 200, 200, 418, 200, 302]
    assert seen[0][1] == "/a?symbol=BTC&signature=top-secret"
    assert seen[2][2] == b'{"type": "meta"}'


def test_no_secret_is_written(tmp_path: Path) -> None:
    async def run() -> None:
        async with exchange([]) as host, Recorder(tmp_path) as recorder:
            await recorder.answer(
                call(host, "/a", {"symbol": "BTC", "apiKey": "top-secret", "signature": "top-secret"})
            )

    asyncio.run(run())
    ((entry,), _) = har_folder_read(tmp_path)
    assert entry.fields == {"symbol": "BTC"}
    (file,) = tmp_path.iterdir()
    assert b"top-secret" not in gzip.decompress(file.read_bytes())


def test_files_are_kept_small_and_none_is_left_half_written(tmp_path: Path) -> None:
    async def run() -> None:
        async with exchange([]) as host, Recorder(tmp_path) as recorder:
            for number in range(ENTRIES_PER_FILE + 1):
                await recorder.answer(call(host, "/a", {"n": str(number)}))

    asyncio.run(run())
    assert sorted(file.name[-11:] for file in tmp_path.iterdir()) == ["-001.har.gz", "-002.har.gz"]
    entries, _ = har_folder_read(tmp_path)
    assert len(entries) == ENTRIES_PER_FILE + 1


def test_a_host_that_cannot_be_reached_is_a_502_and_not_recorded(tmp_path: Path) -> None:
    async def run() -> Answer:
        async with Recorder(tmp_path) as recorder:
            return await recorder.answer(call("127.0.0.1:1", "/a"))

    answer = asyncio.run(run())
    assert answer.status == 502
    assert "127.0.0.1:1" in json.loads(answer.body)["sandbox"]
    assert list(tmp_path.iterdir()) == []


def test_a_process_records_through_the_gateway(tmp_path: Path) -> None:
    async def run() -> None:
        async with exchange([]) as host:
            with sandbox_run("--record", str(tmp_path)) as sandbox:
                reply = await asyncio.to_thread(http, f"{sandbox.url}/http://{host}/v5/tickers?category=linear")
                assert reply.json == {"n": 1}

    asyncio.run(run())
    entries, _ = har_folder_read(tmp_path)
    assert [(entry.path, dict(entry.fields), entry.body) for entry in entries] == [
        ("/v5/tickers", {"category": "linear"}, b'{"n": 1}')
    ]
