"""Django behind the front: its WSGI handler in a bounded number of threads, so that its database connections are as
many.

A request waits for a thread with its body already read: slow senders hold none."""

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import IO, Any, TypeAlias

from apps.core.front.http import Headers, Receive, Reply, Scope, Send, problem_reply
from apps.core.front.mark import ENVIRON_KEY, Mark

Wsgi: TypeAlias = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

# A body up to this size stays in memory; what is larger than the second waits on disk, beyond the third it is refused.
SPOOL_BYTES = 1_000_000
BODY_MAX_BYTES = 32_000_000
# A reader of a long answer that takes none of it for so long is given up, and its thread freed.
SEND_TIMEOUT_S = 30.0


class _TooLarge(Exception):
    pass


@dataclass(slots=True)
class _Started:
    status: int = 500
    headers: Headers = field(default_factory=list)


class Bridge:
    """At most `threads` requests are worked on and `waiting` more wait; the others are told to come again."""

    def __init__(self, wsgi: Wsgi, *, threads: int, waiting: int) -> None:
        self._wsgi = wsgi
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="django")
        self._room = threads + waiting
        self._inside = 0

    async def pass_on(self, scope: Scope, receive: Receive, send: Send, mark: Mark | None = None) -> None:
        """Let Django answer to `send`."""
        reply = await self.answer(scope, receive, mark or Mark(), send)
        if reply is not None:
            await reply.send(send)

    async def answer(self, scope: Scope, receive: Receive, mark: Mark, send: Send | None = None) -> Reply | None:
        """Django's answer; None where it was long and went to `send` in pieces (without `send` it is put together)."""
        if self._inside >= self._room:
            return problem_reply(503, "busy", "Too many requests are waiting; try again.", {"Retry-After": "1"})
        self._inside += 1
        try:
            with tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES) as body:
                try:
                    await _read(receive, body)
                except _TooLarge:
                    return problem_reply(413, "too_large", "The request is too large.")
                except ConnectionError:
                    return Reply(400, [])
                environ = _environ(scope, body)
                environ[ENVIRON_KEY] = mark
                loop = asyncio.get_running_loop()
                return await loop.run_in_executor(self._pool, self._work, environ, loop, send)
        finally:
            self._inside -= 1

    def _work(self, environ: dict[str, Any], loop: asyncio.AbstractEventLoop, send: Send | None) -> Reply | None:
        started = _Started()
        environ[ENVIRON_KEY].begun = time.monotonic()

        def start_response(status: str, headers: list[tuple[str, str]], _: Any = None) -> None:
            started.status = int(status.split(" ", 1)[0])
            started.headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]

        response = self._wsgi(environ, start_response)
        try:
            if send is None or not getattr(response, "streaming", False):
                return Reply(started.status, started.headers, b"".join(response))

            def push(message: dict[str, Any]) -> None:
                asyncio.run_coroutine_threadsafe(_awaited(send, message), loop).result(SEND_TIMEOUT_S)

            push({"type": "http.response.start", "status": started.status, "headers": started.headers})
            for chunk in response:
                push({"type": "http.response.body", "body": chunk, "more_body": True})
            push({"type": "http.response.body", "body": b"", "more_body": False})
            return None
        finally:
            close = getattr(response, "close", None)
            if close is not None:
                close()


async def _awaited(send: Send, message: dict[str, Any]) -> None:
    await send(message)


async def _read(receive: Receive, body: IO[bytes]) -> None:
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionError
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > BODY_MAX_BYTES:
            raise _TooLarge
        body.write(chunk)
        more = message.get("more_body", False)
    body.seek(0)


def _environ(scope: Scope, body: IO[bytes]) -> dict[str, Any]:
    """PEP 3333. Names with underscores are dropped: `X_Forwarded_For` would be read as `X-Forwarded-For`."""
    server, client = scope.get("server") or ("localhost", 80), scope.get("client")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": scope["path"].encode().decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": client[0] if client else "",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": body,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for raw_name, raw_value in scope["headers"]:
        if b"_" in raw_name:
            continue
        name, value = raw_name.decode("latin-1").upper().replace("-", "_"), raw_value.decode("latin-1")
        key = name if name in ("CONTENT_LENGTH", "CONTENT_TYPE") else f"HTTP_{name}"
        if key in environ:
            value = f"{environ[key]}{';' if name == 'COOKIE' else ','}{value}"
        environ[key] = value
    if "CONTENT_LENGTH" not in environ:
        # Sent in chunks: by now it is known how many there were.
        end = body.seek(0, 2)
        body.seek(0)
        environ["CONTENT_LENGTH"] = str(end)
    return environ
