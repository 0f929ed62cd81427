"""What readers of market data get."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Generic, TypeVar

from apps.markets.enums import DataSource, Gate, IntervalSource

T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """A value, where it was found, and when the exchange's answer had arrived (Unix ms, our clock)."""

    value: T
    source: DataSource
    received_at_ms: int


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """A value that is fresh enough, where it was found, when it had arrived (Unix ms, our clock) and how old that is
    now (ms, never negative)."""

    value: T
    source: DataSource
    received_at_ms: int
    age_ms: int

    def of(self, value: U) -> "Answer[U]":
        """The same answer with its value in another shape."""
        return Answer(value, self.source, self.received_at_ms, self.age_ms)


@dataclass(frozen=True, slots=True)
class Pending:
    """Nothing is fresh enough yet: a market worker has been rung for it; ask again after `retry_after` seconds.

    `newest_age_ms` is the age of what there is (None: nothing at all); `rung` is False where the broker is away, so
    that only the schedule will bring it."""

    retry_after: float
    newest_age_ms: int | None
    rung: bool


@dataclass(frozen=True, slots=True)
class Ticker:
    """Best bid and ask of one market: prices in quote currency per listed base unit, sizes in listed base units,
    `quote_volume` in quote currency over 24 h, `open_interest` in listed base units, `exchange_ts` Unix ms on our
    clock. None = unknown."""

    market_id: int
    symbol: str
    bid: float
    bid_size: float | None
    ask: float
    ask_size: float | None
    last: float | None
    quote_volume: float | None
    exchange_ts: int
    open_interest: float | None = None


@dataclass(frozen=True, slots=True)
class FundingRate:
    """The predicted rate of one perpetual: the fraction of notional that longs will pay shorts at `next_funding_at`
    (Unix ms) for `interval_hours`; without an interval it is not comparable. `mark` and `index` in quote currency,
    `exchange_ts` Unix ms on our clock. None = unknown."""

    market_id: int
    symbol: str
    rate: float
    interval_hours: float | None
    interval_source: IntervalSource
    next_funding_at: int | None
    mark: float | None
    index: float | None
    exchange_ts: int


@dataclass(frozen=True, slots=True)
class Settlement:
    """What was really paid: the fraction of notional that longs paid shorts at `settled_at`."""

    settled_at: datetime
    rate: float


@dataclass(frozen=True, slots=True)
class NetworkState:
    """Whether a currency can be moved on one network, and what a withdrawal costs, in the currency (None: unknown)."""

    currency: str
    network: str
    deposit: Gate
    withdraw: Gate
    withdraw_fee: Decimal | None
    withdraw_min: Decimal | None
