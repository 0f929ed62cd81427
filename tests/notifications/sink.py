"""A provider on loopback, over real HTTP: keeps what arrives and answers what a test tells it to."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass(frozen=True)
class Arrived:
    """One request as it came over the wire."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    at: float = field(default_factory=time.monotonic)
    query: Mapping[str, str] = field(default_factory=dict)

    @property
    def json(self) -> Any:
        """The decoded body."""
        return json.loads(self.body)


@dataclass
class Answer:
    """What to say to the next request."""

    status: int = 200
    body: str = "{}"
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    # Answered only when so many requests have arrived.
    arrivals: int = 0


class Sink:
    """Queued answers come first, in order; then `always` by path prefix; then success in Telegram's shape."""

    def __init__(self) -> None:
        self.arrived: list[Arrived] = []
        self.answers: list[Answer] = []
        self.always: dict[str, Answer] = {}
        self.port = 0

    @property
    def netloc(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """The base address."""
        return f"http://{self.netloc}"

    def reset(self) -> None:
        """Forget everything."""
        self.arrived, self.answers, self.always = [], [], {}

    def paths(self) -> list[str]:
        """Where requests went, in order of arrival."""
        return [one.path for one in self.arrived]

    async def handle(self, request: web.Request) -> web.Response:
        """Note the request, then answer."""
        body = await request.read()
        self.arrived.append(Arrived(request.path, dict(request.headers), body, query=dict(request.query)))
        if self.answers:
            answer = self.answers.pop(0)
        else:
            fitting = [answer for prefix, answer in self.always.items() if request.path.startswith(prefix)]
            taken = json.dumps({"ok": True, "result": {"message_id": len(self.arrived)}})
            answer = fitting[0] if fitting else Answer(body=taken)
        await asyncio.sleep(answer.delay_s)
        while len(self.arrived) < answer.arrivals:
            await asyncio.sleep(0.01)
        return web.Response(status=answer.status, text=answer.body, headers=answer.headers)


@contextmanager
def sink_run() -> Iterator[Sink]:
    """A sink on a free port, on a thread and a loop of its own."""
    sink = Sink()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def start() -> web.AppRunner:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", sink.handle)
        # Bodies are kept as they travelled.
        # Answers that hang are not waited for in the end.
        runner = web.AppRunner(app, access_log=None, auto_decompress=False, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        sink.port = runner.addresses[0][1]
        return runner

    runner = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    try:
        yield sink
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
