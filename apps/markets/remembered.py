"""What is remembered of a feed's markets from sample to sample: columns by market id, kept as bytes in the cache."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Final, Self, TypeVar, cast

import msgspec
import numpy as np

from apps.core import redis
from apps.markets.enums import SnapshotKind
from apps.markets.types import Int32s

logger = logging.getLogger(__name__)

# Longer than any market is usefully remembered without being seen.
_TTL_S: Final = 86_400

# Kinds of columns, as metadata of their fields: the type as it is kept, and what stands for a market of which nothing
# is remembered.
IDS: Final[Mapping[str, Any]] = {"dtype": "<i4", "unknown": 0}
WHOLE: Final[Mapping[str, Any]] = {"dtype": "<i8", "unknown": 0}
SUMS: Final[Mapping[str, Any]] = {"dtype": "<f8", "unknown": 0.0}
PRICES: Final[Mapping[str, Any]] = {"dtype": "<f8", "unknown": np.nan}

C = TypeVar("C", bound="Remembered")


@dataclass(frozen=True, slots=True)
class Remembered:
    """Columns of length n, sorted by market id; `place` is where those of a class are kept."""

    place: ClassVar[str]
    market_id: Int32s = field(metadata=IDS)

    @classmethod
    def empty(cls) -> Self:
        """Nothing is remembered of any market."""
        return cls(**{name: np.empty(0, dtype) for name, dtype in _dtypes(cls).items()})

    def of(self, market_id: Int32s) -> Self:
        """These markets' rows (sorted ids), to be written to; unknown ones where nothing is remembered."""
        rows = np.minimum(np.searchsorted(self.market_id, market_id), max(len(self.market_id) - 1, 0))
        known = self.market_id[rows] == market_id if len(self.market_id) else np.zeros(len(market_id), dtype=np.bool_)
        columns = {}
        for each in fields(self):
            columns[each.name] = np.full(len(market_id), each.metadata["unknown"], each.metadata["dtype"])
            columns[each.name][known] = getattr(self, each.name)[rows[known]]
        return type(self)(**columns | {"market_id": market_id})


def remembered_get(cls: type[C], exchange: str, kind: SnapshotKind) -> C:
    """What is remembered of a feed's markets; empty for a new one, and after the cache was lost."""
    return remembered_all(cls, [(exchange, kind)])[0]


def remembered_all(cls: type[C], feeds: Sequence[tuple[str, SnapshotKind]]) -> list[C]:
    """The same of several feeds, in one round trip."""
    rows = cast("list[bytes | None]", redis.cache().mget([_key(cls, *feed) for feed in feeds])) if feeds else []
    return [_decoded(cls, data, *feed) for feed, data in zip(feeds, rows, strict=True)]


def remembered_put(columns: Remembered, exchange: str, kind: SnapshotKind) -> None:
    """Remember it for the next sample."""
    dtypes = _dtypes(type(columns))
    stored = {name: getattr(columns, name).astype(dtype).tobytes() for name, dtype in dtypes.items()}
    redis.cache().set(_key(type(columns), exchange, kind), msgspec.msgpack.encode(stored), ex=_TTL_S)


def _decoded(cls: type[C], data: bytes | None, exchange: str, kind: SnapshotKind) -> C:
    if data is None:
        return cls.empty()
    stored, dtypes = msgspec.msgpack.decode(data, type=dict[str, bytes]), _dtypes(cls)
    if stored.keys() != dtypes.keys():
        logger.info("%s of %s %s are of another release: forgotten", cls.place, exchange, kind)
        return cls.empty()
    return cls(**{name: np.frombuffer(stored[name], dtype) for name, dtype in dtypes.items()})


def _dtypes(cls: type[Remembered]) -> Mapping[str, str]:
    return {each.name: each.metadata["dtype"] for each in fields(cls)}


def _key(cls: type[Remembered], exchange: str, kind: SnapshotKind) -> str:
    return f"markets:{cls.place}:{exchange}:{kind}"
