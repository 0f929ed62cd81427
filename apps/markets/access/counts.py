"""How often reads were answered without asking an exchange; counted per day in Redis."""

import logging
from collections import Counter
from dataclasses import dataclass, field
from typing import Final, cast

from apps.core import clock, redis
from apps.markets.enums import DataSource

logger = logging.getLogger(__name__)

KEEP_S: Final = 3 * 86_400


@dataclass(frozen=True, slots=True)
class AccessCounts:
    """Reads of one kind of data today (UTC): answered at once (`hits`, and from where), not (`misses`), and how often
    the exchange was asked for it (`upstream`)."""

    kind: str
    hits: int = 0
    misses: int = 0
    upstream: int = 0
    by_source: dict[str, int] = field(default_factory=dict)

    @property
    def hit_rate(self) -> float | None:
        """Hits per read, None where nothing was read."""
        reads = self.hits + self.misses
        return self.hits / reads if reads else None


def note(kind: str, source: DataSource | None) -> None:
    """One read: answered at once from `source`, or not (None)."""
    _count(f"{kind}:hit:{source}" if source else f"{kind}:miss")


def note_found(kind: str, source: DataSource) -> None:
    """A read that was not answered at once went on to the archive or to the exchange."""
    _count(f"{kind}:upstream" if source is DataSource.API else f"{kind}:found:{source}")


def access_counts() -> list[AccessCounts]:
    """Today's counts by kind of data, for health, metrics and the admin; empty while Redis is away."""
    try:
        rows = cast("dict[bytes, bytes]", redis.state().hgetall(_key()))
    except redis.Error as error:
        logger.warning("Access counts not read, Redis is away: %s", error)
        return []
    hits: dict[str, Counter[str]] = {}
    others: dict[str, Counter[str]] = {}
    for name, value in rows.items():
        kind, what, *source = name.decode().split(":")
        if what == "hit":
            hits.setdefault(kind, Counter())[source[0]] += int(value)
        else:
            others.setdefault(kind, Counter())[what] += int(value)
    none: Counter[str] = Counter()
    return [
        AccessCounts(
            kind=kind,
            hits=sum(hits.get(kind, none).values()),
            misses=others.get(kind, none)["miss"],
            upstream=others.get(kind, none)["upstream"],
            by_source=dict(hits.get(kind, none)),
        )
        for kind in sorted({*hits, *others})
    ]


def _count(field_name: str) -> None:
    try:
        if redis.state().hincrby(_key(), field_name, 1) == 1:
            redis.state().expire(_key(), KEEP_S)
    except redis.Error as error:
        logger.debug("%s not counted, Redis is away: %s", field_name, error)


def _key() -> str:
    return f"markets:access:counts:{clock.now():%Y%m%d}"
