"""What arrived at the message providers, in order."""

from collections import deque
from datetime import UTC, datetime
from typing import Any

# Enough for the largest load test; older ones are forgotten rather than filling the memory.
CAPACITY = 200_000


class Inbox:
    """Messages as the providers took them."""

    def __init__(self) -> None:
        self._messages: deque[dict[str, Any]] = deque(maxlen=CAPACITY)

    def add(self, *, provider: str, to: str, body: Any, at: float, **facts: Any) -> dict[str, Any]:
        """Keep one message; `at` is Unix seconds and is told as ISO 8601."""
        moment = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
        message = {"provider": provider, "at": moment, "to": to, "body": body, **facts}
        self._messages.append(message)
        return message

    def select(self, *, provider: str | None = None, to: str | None = None) -> list[dict[str, Any]]:
        """Messages of a provider and for an address (None: of all), oldest first."""
        return [
            message
            for message in self._messages
            if (provider is None or message["provider"] == provider) and (to is None or message["to"] == to)
        ]

    def clear(self) -> None:
        """Forget everything."""
        self._messages.clear()
