"""What an adapter gives back: an exchange's answer as columns, not yet judged, and when it was asked and answered."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from apps.markets.enums import MarketType

T = TypeVar("T")
U = TypeVar("U")


class RowTime(Enum):
    """What the time in a row of a bulk answer says."""

    QUOTE = "when the row's quote was made: its age is the quote's age"
    TRADE = "when the market last traded: a sign of life; the quote is as old as the answer"


@dataclass(frozen=True, slots=True)
class Reply(Generic[T]):
    """An answer and its moments in Unix ms: ours when asked and answered, the exchange's own (None: it told none)."""

    value: T
    sent_at: int
    received_at: int
    exchange_at: int | None

    def of(self, value: U) -> "Reply[U]":
        """The same moments with the parsed value."""
        return Reply(value, self.sent_at, self.received_at, self.exchange_at)


@dataclass(frozen=True, slots=True)
class QuoteColumns:
    """Quotes as the exchange told them, all of length n; NaN where it told none, 0 for a missing row time.

    Sizes are in the exchange's own unit (contracts for perpetuals), row times in Unix ms on the exchange's clock."""

    symbols: Sequence[str]
    bid: NDArray[np.float64]
    bid_size: NDArray[np.float64]
    ask: NDArray[np.float64]
    ask_size: NDArray[np.float64]
    last: NDArray[np.float64]
    quote_volume: NDArray[np.float64]
    row_ts: NDArray[np.int64]
    row_time: RowTime


@dataclass(frozen=True, slots=True)
class FundingColumns:
    """Funding rates as the exchange told them, all of length n; NaN or 0 (times) where it told none."""

    symbols: Sequence[str]
    rate: NDArray[np.float64]
    interval_hours: NDArray[np.float64]
    next_funding_at: NDArray[np.int64]
    mark: NDArray[np.float64]
    index: NDArray[np.float64]
    row_ts: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Book:
    """An order book as told: (price, size in the exchange's unit), best first; `row_ts` 0 where it told no time."""

    bids: tuple[tuple[Decimal, Decimal], ...]
    asks: tuple[tuple[Decimal, Decimal], ...]
    row_ts: int


@dataclass(frozen=True, slots=True)
class MarketSpec:
    """One spot market or linear perpetual as listed; amounts in base units, None where the exchange does not say."""

    symbol: str
    type: MarketType
    base: str
    quote: str
    settle: str
    contract_size: Decimal
    taker_fee: Decimal | None
    amount_step: Decimal | None
    min_amount: Decimal | None
    min_notional: Decimal | None
    price_step: Decimal | None
    max_leverage: Decimal | None
    active: bool
