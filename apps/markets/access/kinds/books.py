"""Order books: kept for seconds, asked for one by one, not archived."""

from dataclasses import dataclass
from typing import ClassVar, Final

from apps.core.exceptions import TemporaryError
from apps.markets import services, store
from apps.markets.access.answers import Found
from apps.markets.access.base import Query
from apps.markets.access.kinds.known import market_known
from apps.markets.enums import DataSource
from apps.markets.types import OrderBook

# As long as prices for an amount are worked out from it.
TTL_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class BookQuery(Query[OrderBook]):
    """The book of one market."""

    market_id: int
    name: ClassVar[str] = "book"
    retry_s: ClassVar[float] = 1.0
    queue: ClassVar[str] = "market.books"

    @property
    def ttl_s(self) -> float:
        """Two seconds."""
        return TTL_S

    @property
    def key(self) -> str:
        """The market."""
        return str(self.market_id)

    def check(self) -> None:
        """An active market of an exchange that is read."""
        market_known(self.market_id)

    def look(self) -> Found[OrderBook] | None:
        """The stored book."""
        book, kept = store.book_found(self.market_id)
        if book is None:
            return None
        return Found(book, DataSource.MEMORY if kept else DataSource.REDIS, book.received_at)

    def fetch(self) -> None:
        """As for the legs of an opportunity."""
        report = services.books_fetch(market_ids=(self.market_id,))
        if self.market_id in report.failed:
            raise TemporaryError(report.failed[self.market_id], code="unavailable")
