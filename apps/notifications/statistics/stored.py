"""Cells as they are stored."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from apps.notifications.models import DeliveryStatistic
from apps.notifications.statistics.cells import COUNTS, Cell, Place
from apps.notifications.statistics.spread import Spread

_PLACE: Final = ("hour", "channel", "provider", "template")
_MORE: Final = ("reasons", "errors", "latency", "latency_buckets", "calls", "calls_buckets")
_CHUNK: Final = 2000


def cells_stored(*, hours: int, start: datetime, end: datetime, **only: str) -> Iterator[tuple[Place, Cell]]:
    """The cells of hours (`hours` 1) or days (24) from `start` until before `end`, `only` those of a channel, provider
    or template. One query, read in pieces."""
    rows = DeliveryStatistic.objects.filter(hours=hours, hour__gte=start, hour__lt=end, **only).order_by()
    for row in rows.values(*_PLACE, *COUNTS, *_MORE).iterator(chunk_size=_CHUNK):
        yield (
            Place(*(row[name] for name in _PLACE)),
            Cell(
                **{name: row[name] for name in COUNTS},
                reasons=Counter(row["reasons"]),
                errors=Counter(row["errors"]),
                latency=Spread.of(row["latency"], row["latency_buckets"]),
                calls=Spread.of(row["calls"], row["calls_buckets"]),
            ),
        )
