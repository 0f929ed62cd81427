"""The news of the markets room; apart from the arrays of `types`, because every process loads the table of news."""

from dataclasses import dataclass

from apps.core.events import Event


@dataclass(frozen=True, slots=True)
class SnapshotStored(Event):
    """A usable snapshot is in the store."""

    exchange: str
    kind: str
    rows: int
    refused: int
    received_at: int


@dataclass(frozen=True, slots=True)
class FeedStateChanged(Event):
    """A feed went from one state to another; `reason` says why in words."""

    exchange: str
    kind: str
    state: str
    reason: str


@dataclass(frozen=True, slots=True)
class QuarantineOpened(Event):
    """A market costs `ratio` times as much as its namesakes: nothing is found with it until an operator decides."""

    market_id: int
    exchange: str
    symbol: str
    instrument: str
    ratio: float


@dataclass(frozen=True, slots=True)
class BooksStored(Event):
    """Order books of these markets are in the store."""

    market_ids: tuple[int, ...]
    received_at: int
