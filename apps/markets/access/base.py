"""What may be asked for: one small class per kind of data, made with what it asks about."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Generic, TypeVar

from apps.markets.access.answers import Found

T = TypeVar("T")


class Query(ABC, Generic[T]):
    """One question; a frozen dataclass whose fields are plain values (they travel in a message).

    `name` is its row in the registry, `retry_s` when to ask again once a worker was rung, `queue` where that waits."""

    name: ClassVar[str]
    retry_s: ClassVar[float] = 2.0
    queue: ClassVar[str] = "market.slow"

    @property
    @abstractmethod
    def ttl_s(self) -> float:
        """How old an answer may be before a worker is rung for a newer one, in seconds."""

    @property
    def usable_s(self) -> float:
        """How old an answer may be at all, in seconds, unless the reader says otherwise. Slow data is answered while
        a newer one is on its way."""
        return self.ttl_s

    @property
    @abstractmethod
    def key(self) -> str:
        """What tells it from other questions of its kind; equal keys share one fetch."""

    @abstractmethod
    def check(self) -> None:
        """Raise PermanentError(code="not_found") for what we don't know: nobody is rung for it."""

    @abstractmethod
    def look(self) -> Found[T] | None:
        """The newest in our own stores, whatever its age. Cheap; any process."""

    @abstractmethod
    def fetch(self) -> None:
        """Ask the exchange, so that `look` finds it. Market workers only; raises core errors."""

    @property
    def archive_step_s(self) -> float | None:
        """How far apart its samples in the archive are, in seconds; None: it is not archived."""
        return None

    def dig(self) -> Found[T] | None:
        """The newest in the archive, whatever its age. Slow, and loads pyarrow: market workers only."""
        return None

    def encode(self, value: T) -> bytes:
        """The bytes under which a value from the archive is kept for other processes."""
        raise NotImplementedError(f"{self.name} is not archived")

    def decode(self, data: bytes) -> T:
        """The value in those bytes."""
        raise NotImplementedError(f"{self.name} is not archived")


AnyQuery = Query[Any]
