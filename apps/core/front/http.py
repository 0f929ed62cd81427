"""The little of HTTP that the front speaks by itself."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import orjson

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Mapping[str, Any]]]
Send: TypeAlias = Callable[[dict[str, Any]], Awaitable[None]]
Headers: TypeAlias = list[tuple[bytes, bytes]]

PROBLEM = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer."""

    status: int
    headers: Headers
    body: bytes = b""

    async def send(self, send: Send) -> None:
        """Give it."""
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": False})


def encoded(headers: Mapping[str, str]) -> Headers:
    """Headers as ASGI wants them."""
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]


def problem_reply(status: int, code: str, detail: str, headers: Mapping[str, str] | None = None) -> Reply:
    """An error as every room tells them."""
    # DRF comes with it, which only web processes load.
    from apps.core.api.errors import problem

    body = orjson.dumps(problem(status=status, code=code, detail=detail))
    told = {"Content-Type": PROBLEM, "Content-Length": str(len(body)), "Cache-Control": "no-store", **(headers or {})}
    return Reply(status, encoded(told), body)


def without(headers: Iterable[tuple[bytes, bytes]], *names: bytes) -> Headers:
    """The headers but those, whose names are lowercase."""
    return [(name, value) for name, value in headers if name.lower() not in names]
