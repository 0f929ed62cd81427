"""What the gateway hands to a host of the outside world, and what that host answers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request to an outside host. `host` carries a port that isn't the scheme's own; `now` is Unix seconds."""

    method: str
    scheme: str
    host: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    now: float
    raw_query: str = ""

    @property
    def url(self) -> str:
        """The address as the client meant it."""
        return f"{self.scheme}://{self.host}{self.path}" + (f"?{self.raw_query}" if self.raw_query else "")


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back over the wire."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})


class Host(Protocol):
    """One outside host: answers calls and knows how it words an error."""

    def answer(self, call: Call) -> Answer:
        """Answer in the host's own wire format; an unknown path is the host's own kind of not found."""

    def error(self, status: int, retry_after: int | None) -> bytes:
        """The body that this host sends with an error status (used by fault rules)."""


Route = Callable[[Call], Answer]


def json_answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """A JSON answer; `value` may hold `orjson.Fragment`s."""
    return Answer(status, orjson.dumps(value), {"Content-Type": "application/json", **(headers or {})})


def problem(status: int, detail: str) -> Answer:
    """The sandbox's own error, told apart from a host's by its `sandbox` key."""
    return json_answer({"sandbox": detail}, status)
