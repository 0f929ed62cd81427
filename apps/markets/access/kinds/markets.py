"""What an exchange lists."""

from dataclasses import dataclass
from typing import Any, ClassVar, Final

from apps.core import clock
from apps.markets import selectors, services
from apps.markets.access.kinds.known import exchange_known
from apps.markets.access.kinds.rows import RowsQuery
from apps.markets.models import Market
from apps.markets.types import MarketFacts

# Loaded each hour anyway; who looks more closely gets them twice as often.
TTL_S: Final = 1800.0
USABLE_S: Final = 3 * 3600.0


@dataclass(frozen=True, slots=True)
class MarketsQuery(RowsQuery[tuple[MarketFacts, ...]]):
    """Every market of one exchange."""

    exchange: str
    name: ClassVar[str] = "markets"
    retry_s: ClassVar[float] = 5.0
    shape: ClassVar[Any] = tuple[MarketFacts, ...]

    @property
    def ttl_s(self) -> float:
        """Half an hour."""
        return TTL_S

    @property
    def usable_s(self) -> float:
        """Three hours: an exchange that is down for a while still lists the same."""
        return USABLE_S

    @property
    def key(self) -> str:
        """The exchange."""
        return self.exchange

    def check(self) -> None:
        """It is read here."""
        exchange_known(self.exchange)

    def stamp(self) -> tuple[int, str] | None:
        """When they were loaded; every change of them makes a new version."""
        row = exchange_known(self.exchange)
        return (clock.to_ms(row.markets_loaded_at), str(row.market_version)) if row.markets_loaded_at else None

    def rows(self) -> tuple[MarketFacts, ...]:
        """By id."""
        ids = Market.objects.filter(exchange=self.exchange).order_by("id").values_list("id", flat=True)
        return tuple(selectors.market_get(list(ids)).values())

    def fetch(self) -> None:
        """Load them anew."""
        services.exchange_sync_markets(exchange=self.exchange)
