"""Quotes and predicted funding rates: the newest snapshot of a feed, by stream or by poll."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Final, cast

from apps.core.exceptions import PermanentError, TemporaryError
from apps.markets import archive, selectors, services, store
from apps.markets.access.answers import Found
from apps.markets.access.base import Query, T
from apps.markets.access.kinds.known import exchange_known
from apps.markets.enums import DataSource, FeedState, SnapshotKind, SnapshotOrigin
from apps.markets.models import Feed
from apps.markets.snapshot import snapshot_decode, snapshot_encode
from apps.markets.types import FundingRates, Quotes, Snapshot

_ORIGINS: Final = {SnapshotOrigin.STREAM: DataSource.STREAM, SnapshotOrigin.POLL: DataSource.REDIS}


class _SnapshotQuery(Query[T]):
    """The snapshot of one feed. What is fetched goes the way of every poll, so everybody gets it."""

    exchange: str
    retry_s: ClassVar[float] = 1.0
    queue: ClassVar[str] = "market.quotes"

    @property
    @abstractmethod
    def feed(self) -> SnapshotKind:
        """The kind of feed that holds it."""

    @property
    def key(self) -> str:
        """The feed."""
        return f"{self.exchange}:{self.feed}"

    @property
    def ttl_s(self) -> float:
        """As old as strategies accept it."""
        return selectors.max_age_ms(self.feed) / 1000

    @property
    def archive_step_s(self) -> float | None:
        """As the settings say."""
        return archive.step_s(self.feed)

    def check(self) -> None:
        """The exchange has this feed."""
        exchange_known(self.exchange)
        feed = Feed.objects.filter(exchange=self.exchange, kind=self.feed).first()
        if feed is None or feed.state == FeedState.DISABLED:
            reason = feed.reason if feed else ""
            raise PermanentError(reason or f"{self.exchange} has no {self.feed} data.", code="not_found")

    def look(self) -> Found[T] | None:
        """The newest snapshot, unless the markets have changed since it was made."""
        snapshot, kept = store.snapshot_found(self.exchange, self.feed)
        index = selectors.market_index(self.exchange, self.feed)
        if snapshot is None or snapshot.market_version != index.version:
            return None
        source = DataSource.MEMORY if kept else _ORIGINS[snapshot.origin]
        return Found(cast("T", snapshot), source, snapshot.received_at)

    def dig(self) -> Found[T] | None:
        """The newest archived sample, with today's market ids."""
        snapshot = archive.latest(self.exchange, self.feed, selectors.market_index(self.exchange, self.feed))
        return None if snapshot is None else Found(cast("T", snapshot), DataSource.ARCHIVE, snapshot.received_at)

    def fetch(self) -> None:
        """Poll the feed once."""
        report = services.ingest(exchange=self.exchange, kind=self.feed)
        if report is None:
            raise TemporaryError(f"{self.exchange} is left alone for now (its breaker is open).", code="unavailable")
        if report.state is not FeedState.OK:
            raise TemporaryError(report.reason or f"{self.exchange}: {report.state.label}", code=str(report.state))

    def encode(self, value: T) -> bytes:
        """As in the store."""
        return snapshot_encode(cast("Snapshot", value))

    def decode(self, data: bytes) -> T:
        """As in the store."""
        return cast("T", snapshot_decode(data))


@dataclass(frozen=True, slots=True)
class TickersQuery(_SnapshotQuery[Quotes]):
    """Quotes of one exchange's spot markets or perpetuals (`market`: a quotes kind of feed)."""

    exchange: str
    market: str
    name: ClassVar[str] = "tickers"

    @property
    def feed(self) -> SnapshotKind:
        """Spot or swap."""
        return SnapshotKind(self.market)


@dataclass(frozen=True, slots=True)
class FundingQuery(_SnapshotQuery[FundingRates]):
    """Predicted funding rates of one exchange's perpetuals."""

    exchange: str
    name: ClassVar[str] = "funding"
    queue: ClassVar[str] = "market.funding"

    @property
    def feed(self) -> SnapshotKind:
        """Funding."""
        return SnapshotKind.FUNDING
