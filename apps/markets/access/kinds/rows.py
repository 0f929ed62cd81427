"""What stands in rows of ours: read through the cache, where it lies compressed under the moment it was brought."""

from abc import abstractmethod
from typing import Any, ClassVar

import msgspec

from apps.markets.access import cells
from apps.markets.access.answers import Found
from apps.markets.access.base import Query, T
from apps.markets.enums import DataSource


class RowsQuery(Query[T]):
    """Rows that a worker brings now and then; `shape` is the type of the value, for decoding it."""

    shape: ClassVar[Any]

    @abstractmethod
    def stamp(self) -> tuple[int, str] | None:
        """When the rows were brought (Unix ms) and their version; None where they never were. One small query."""

    @abstractmethod
    def rows(self) -> T:
        """The rows themselves."""

    def look(self) -> Found[T] | None:
        """From the cache, else from the rows, which then go into the cache. A new version is another key."""
        stamp = self.stamp()
        if stamp is None:
            return None
        received_at_ms, version = stamp
        key = f"markets:access:rows:{self.name}:{self.key}:{version}"
        data = cells.blob_get(key)
        if data is not None:
            return Found(msgspec.msgpack.decode(data, type=self.shape), DataSource.REDIS, received_at_ms)
        value = self.rows()
        cells.blob_put(key, msgspec.msgpack.encode(value), lifetime_s=self.ttl_s)
        return Found(value, DataSource.DATABASE, received_at_ms)
