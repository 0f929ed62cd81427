"""The front as the server calls it, on a loop of its own, with Django in its threads behind it."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

import pytest
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, connections

from apps.accounts.models import ApiToken, User
from apps.accounts.services import token_create
from apps.core import clock, config
from apps.core.front.application import Front
from apps.core.front.bridge import Bridge
from arbedge import front
from tests.api.conftest import make_opportunity, make_user

__all__ = ["make_opportunity", "make_user"]

T = TypeVar("T")
LIST = "/api/v1/opportunities"
STREAM = "/api/v1/stream"


@pytest.fixture(autouse=True)
def _fresh_config() -> None:
    config.forget()


@dataclass
class Answer:
    """A whole answer; `early`: Django was not asked for it."""

    status: int
    headers: dict[str, str]
    body: bytes
    early: bool

    def json(self) -> Any:
        return json.loads(self.body)

    def ids(self) -> list[str]:
        return [row["id"] for row in self.json()["results"]]


@dataclass
class Reader:
    """One open stream; while `paused` is not set nothing is taken from it."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    text: str = ""
    ended: bool = False
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    taking: asyncio.Event = field(default_factory=asyncio.Event)

    def events(self, name: str = "") -> list[tuple[str, str, Any]]:
        """(id, name, data) of what has come."""
        found = []
        for block in self.text.split("\n\n"):
            lines = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line and line[0] != ":")
            if "data" in lines and (not name or lines["event"] == name):
                found.append((lines.get("id", ""), lines["event"], json.loads(lines["data"])))
        return found

    async def until(self, count: int, name: str = "") -> list[tuple[str, str, Any]]:
        """What has come, as soon as there are so many."""
        await eventually(lambda: len(self.events(name)) >= count, lambda: self.text)
        return self.events(name)


class Site:
    """One process's front."""

    def __init__(self) -> None:
        self.passed = 0
        django = get_wsgi_application()

        def counted(environ: Any, start_response: Any) -> Any:
            self.passed += 1
            return django(environ, start_response)

        self.bridges = [Bridge(counted, threads=2, waiting=200) for _ in range(2)]
        self.streams = front.streams()
        self.front = Front(
            self.bridges[0],
            repeats=self.bridges[1],
            routes=front.ROUTES,
            load=front.callers,
            touch=front.touch,
            streamer=self.streams,
            close_thread=close_old_connections,
        )
        self.tasks: list[asyncio.Future[None]] = []

    async def ask(
        self, path: str = LIST, token: str | None = None, method: str = "GET", body: bytes = b"", **headers: str
    ) -> Answer:
        """One request."""
        before, sent = self.passed, []
        given = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def receive() -> dict[str, Any]:
            return next(given)

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await self.front(scope_of(path, token, method, headers), receive, send)
        told = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        whole = b"".join(one.get("body", b"") for one in sent[1:])
        return Answer(sent[0]["status"], told, whole, self.passed == before)

    async def listen(self, token: str | None, path: str = STREAM, **headers: str) -> Reader:
        """Open a stream and wait until it has begun."""
        reader, given = Reader(), iter([{"type": "http.request", "body": b"", "more_body": False}])
        reader.taking.set()

        async def receive() -> dict[str, Any]:
            for message in given:
                return message
            await reader.gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                reader.status = message["status"]
                reader.headers = {name.decode(): value.decode() for name, value in message["headers"]}
                return
            await reader.taking.wait()
            reader.text += message.get("body", b"").decode()
            reader.ended = not message.get("more_body", False)

        self.tasks.append(asyncio.ensure_future(self.front(scope_of(path, token, "GET", headers), receive, send)))
        await eventually(lambda: bool(reader.text), lambda: "no stream")
        return reader


async def eventually(holds: Callable[[], bool], words: Callable[[], str]) -> None:
    """Return as soon as it holds; AssertionError after a time that no healthy machine needs."""
    for _ in range(2000):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(words())


def scope_of(path: str, token: str | None, method: str, headers: dict[str, str]) -> dict[str, Any]:
    """What a server says of a request."""
    address, _, query = path.partition("?")
    told = {"host": "127.0.0.1", **{name.replace("_", "-").lower(): value for name, value in headers.items()}}
    if token is not None:
        told["authorization"] = f"Token {token}"
    return {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": address,
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in told.items()],
        "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 50000),
    }


Scene: TypeAlias = Callable[[Site], Coroutine[Any, Any, T]]
Play: TypeAlias = Callable[[Scene[Any]], Any]
TokenOf: TypeAlias = Callable[..., str]


@pytest.fixture
def play(transactional_db: None, redis_state: None) -> Play:
    """Plays a scene with a fresh front and gives what it returns."""

    def run(scene: Scene[T]) -> T:
        return asyncio.run(_whole(scene))

    return run


async def _whole(scene: Scene[T]) -> T:
    site = Site()
    try:
        return await asyncio.wait_for(scene(site), 60)
    finally:
        running = [*site.tasks, *site.front._tasks]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        loop = asyncio.get_running_loop()
        beside = (site.front._asker, site.front._writer, site.front._counter, site.streams._looker, site.streams._ear)
        for pool in (*beside, *(one._pool for one in site.bridges)):
            # Each of its threads has a connection, which would keep the test's database.
            for _ in range(pool._max_workers):
                await loop.run_in_executor(pool, connections.close_all)
            pool.shutdown()


@pytest.fixture
def token_of() -> TokenOf:
    """Makes a token that was used today already: the first use of a day is Django's to audit."""

    def make(user: User, **fields: Any) -> str:
        text = token_create(user=user, name="front", **fields)
        ApiToken.objects.filter(user=user).update(last_used_at=clock.wall_now())
        return text

    return make


async def in_thread(work: Callable[[], T]) -> T:
    """Ask the database beside the loop."""

    def closing() -> T:
        try:
            return work()
        finally:
            connections.close_all()

    return await asyncio.to_thread(closing)
