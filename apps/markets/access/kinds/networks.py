"""Where an exchange's currencies can be moved."""

from dataclasses import dataclass
from typing import Any, ClassVar, Final

from apps.core import clock
from apps.core.exceptions import TemporaryError
from apps.markets import services
from apps.markets.access.answers import NetworkState
from apps.markets.access.kinds.known import exchange_known
from apps.markets.access.kinds.rows import RowsQuery
from apps.markets.enums import Gate
from apps.markets.models import CurrencyNetwork

# What is older counts as unknown.
TTL_S: Final = 1800.0


@dataclass(frozen=True, slots=True)
class NetworksQuery(RowsQuery[tuple[NetworkState, ...]]):
    """Every network of every currency of one exchange."""

    exchange: str
    name: ClassVar[str] = "networks"
    retry_s: ClassVar[float] = 5.0
    shape: ClassVar[Any] = tuple[NetworkState, ...]

    @property
    def ttl_s(self) -> float:
        """Half an hour."""
        return TTL_S

    @property
    def key(self) -> str:
        """The exchange."""
        return self.exchange

    def check(self) -> None:
        """It is read here."""
        exchange_known(self.exchange)

    def stamp(self) -> tuple[int, str] | None:
        """When the exchange was last asked, which is the version too."""
        checked = exchange_known(self.exchange).transfers_checked_at
        return (clock.to_ms(checked), str(clock.to_ms(checked))) if checked else None

    def rows(self) -> tuple[NetworkState, ...]:
        """By currency and network."""
        rows = CurrencyNetwork.objects.filter(exchange=self.exchange).order_by("currency", "network")
        return tuple(
            NetworkState(
                currency=row.currency,
                network=row.network,
                deposit=Gate(row.deposit),
                withdraw=Gate(row.withdraw),
                withdraw_fee=row.withdraw_fee,
                withdraw_min=row.withdraw_min,
            )
            for row in rows
        )

    def fetch(self) -> None:
        """Ask which networks are open."""
        if services.transfers_sync(exchange=self.exchange) is None:
            raise TemporaryError(f"{self.exchange} is left alone for now (its breaker is open).", code="unavailable")
