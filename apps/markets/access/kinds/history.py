"""Settled fundings of a perpetual."""

from dataclasses import dataclass
from typing import Any, ClassVar, Final

from apps.core import clock
from apps.core.exceptions import PermanentError, TemporaryError
from apps.markets import services
from apps.markets.access.answers import Settlement
from apps.markets.access.kinds.known import market_known
from apps.markets.access.kinds.rows import RowsQuery
from apps.markets.enums import MarketType
from apps.markets.models import SettledFunding

# Settlements are an hour apart at least; a day without a look at them leaves a gap that has to be shown.
TTL_S: Final = 1800.0
USABLE_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class HistoryQuery(RowsQuery[tuple[Settlement, ...]]):
    """What one perpetual has paid, as far back as rows are kept."""

    market_id: int
    name: ClassVar[str] = "history"
    retry_s: ClassVar[float] = 5.0
    shape: ClassVar[Any] = tuple[Settlement, ...]

    @property
    def ttl_s(self) -> float:
        """Half an hour."""
        return TTL_S

    @property
    def usable_s(self) -> float:
        """A day."""
        return USABLE_S

    @property
    def key(self) -> str:
        """The market."""
        return str(self.market_id)

    def check(self) -> None:
        """It pays funding."""
        if market_known(self.market_id).type == MarketType.SPOT:
            raise PermanentError("A spot market pays no funding.", code="not_found")

    def stamp(self) -> tuple[int, str] | None:
        """When its settlements were last read, which is the version too."""
        checked = market_known(self.market_id).settled_checked_at
        return (clock.to_ms(checked), str(clock.to_ms(checked))) if checked else None

    def rows(self) -> tuple[Settlement, ...]:
        """Oldest first."""
        rows = SettledFunding.objects.filter(market=self.market_id).order_by("settled_at")
        return tuple(Settlement(moment, rate) for moment, rate in rows.values_list("settled_at", "rate"))

    def fetch(self) -> None:
        """Ask what it paid since the last look."""
        report = services.market_fundings_sync(market_id=self.market_id, now=clock.now())
        if report.reason:
            raise TemporaryError(report.reason, code="unavailable")
