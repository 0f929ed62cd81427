"""What the websocket hosts have in common: a talk per connection that knows nothing of sockets."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import orjson

Levels = list[list[str]]
Side = Mapping[str, list[str]]
# Makes the frames of one subscription at a moment (Unix seconds); keeps what it has sent before.
Topic = Callable[[float], list[str]]


class Talk(Protocol):
    """One connection: what it answers to a frame of the client, and what it pushes at a tick."""

    def hear(self, text: str, now: float) -> list[str]:
        """Frames in answer to one of the client's."""

    def push(self, now: float) -> list[str]:
        """The updates of everything that is subscribed."""


class SocketHost(Protocol):
    """One outside host that takes websocket connections."""

    def talk(self, path: str) -> Talk | None:
        """A new conversation at this path; None where there is none."""


class Subscriptions:
    """Topics by the exchange's own name for them, pushed in the order in which they were asked for."""

    def __init__(self) -> None:
        self._topics: dict[str, Topic] = {}

    def add(self, name: str, topic: Topic) -> None:
        """Push this from now on; a topic that is there already starts anew."""
        self._topics[name] = topic

    def drop(self, name: str) -> None:
        """Push it no more."""
        self._topics.pop(name, None)

    def names(self) -> list[str]:
        """What is subscribed."""
        return list(self._topics)

    def push(self, now: float) -> list[str]:
        """All of their frames."""
        return [frame for topic in self._topics.values() for frame in topic(now)]


class SideDeltas:
    """One side of an order book as changes against what was told before; a level that is gone gets size 0."""

    def __init__(self) -> None:
        self._told: Side = {}

    def changes(self, levels: Levels) -> Levels:
        """The levels (price first, size second) that are new, changed or gone."""
        now = {level[0]: level for level in levels}
        gone = [[price, "0", *old[2:]] for price, old in self._told.items() if price not in now]
        fresh = [level for price, level in now.items() if self._told.get(price) != level]
        self._told = now
        return fresh + gone


def text(value: Any) -> str:
    """A frame."""
    return orjson.dumps(value).decode()


def heard(frame: str) -> dict[str, Any]:
    """The client's frame as an object; empty where it is none."""
    try:
        value = orjson.loads(frame)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}
