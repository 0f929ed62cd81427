"""`python -m tests.bench.http_load`: keeps many connections busy and says what it got, as one JSON line.

It reads one JSON line: {port, path, connections, seconds, warm_s, people: [[token, rows], …]}. Requests go round the
people; of every hundredth answer it is checked that it has the rows its person may see, of all others that they are
whole 200s."""

import asyncio
import gc
import itertools
import json
import resource
import sys
import time
from typing import Any

import uvloop

_AT_ONCE = 100
_CHECKED_EVERY = 100


class Load:
    """What all connections share."""

    def __init__(self, ask: dict[str, Any]) -> None:
        requests = [
            (f"GET {ask['path']} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Token {token}\r\n\r\n".encode(), rows)
            for token, rows in ask["people"]
        ]
        self.requests = itertools.cycle(requests)
        self.took: list[float] = []
        self.errors: list[str] = []
        self.done = 0
        self.wrong = 0
        self.counting = False
        self.stopped = False


class Connection(asyncio.Protocol):
    """One request after the other."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.pieces: list[bytes] = []
        self.missing = 0
        self.sent_at = 0.0
        self.rows: int | None = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def ask(self) -> None:
        request, self.rows = next(self.load.requests)
        self.pieces, self.missing = [], -1
        self.sent_at = time.perf_counter()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.pieces.append(data)
        if self.missing < 0:
            begun = b"".join(self.pieces) if len(self.pieces) > 1 else data
            end = begun.find(b"\r\n\r\n")
            if end < 0:
                return
            head = begun[:end].lower()
            at = head.find(b"content-length: ")
            if not head.startswith(b"http/1.1 200") or at < 0:
                self.load.errors.append(begun[:400].decode(errors="replace"))
                self.transport.close()
                return
            length = int(head[at + 16 :].split(b"\r\n", 1)[0])
            self.missing = length - (len(begun) - end - 4)
        else:
            self.missing -= len(data)
        if self.missing == 0:
            self.whole()

    def whole(self) -> None:
        load = self.load
        load.done += 1
        if load.counting:
            load.took.append(time.perf_counter() - self.sent_at)
        if self.rows is not None and load.done % _CHECKED_EVERY == 0:
            body = b"".join(self.pieces).split(b"\r\n\r\n", 1)[1]
            if len(json.loads(body)["results"]) != self.rows:
                load.wrong += 1
        if not load.stopped:
            self.ask()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.load.stopped:
            self.load.errors.append(f"connection lost: {error}")


async def run(ask: dict[str, Any]) -> dict[str, Any]:
    load, loop = Load(ask), asyncio.get_running_loop()
    connections: list[Connection] = []
    while len(connections) < ask["connections"]:
        wanted = min(_AT_ONCE, ask["connections"] - len(connections))
        made = await asyncio.gather(
            *(loop.create_connection(lambda: Connection(load), "127.0.0.1", ask["port"]) for _ in range(wanted))
        )
        connections += [protocol for _, protocol in made]
    for connection in connections:
        connection.ask()
    await asyncio.sleep(ask["warm_s"])
    load.counting, before, begun = True, load.done, time.perf_counter()
    await asyncio.sleep(ask["seconds"])
    rate = (load.done - before) / (time.perf_counter() - begun)
    load.stopped = True
    took = sorted(load.took) or [float("nan")]
    return {
        "rate": rate,
        "errors": len(load.errors),
        "first_error": load.errors[0] if load.errors else "",
        "wrong": load.wrong,
        "p50_ms": took[len(took) // 2] * 1000,
        "p99_ms": took[int(len(took) * 0.99)] * 1000,
        "open": sum(not one.transport.is_closing() for one in connections),
    }


if __name__ == "__main__":
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    # Its pauses would be measured as the server's.
    gc.disable()
    print(json.dumps(uvloop.run(run(json.loads(sys.stdin.readline())))))
