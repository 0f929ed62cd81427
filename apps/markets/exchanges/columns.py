"""What an adapter gives back: an exchange's answer as columns, not yet judged, and when it was asked and answered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
class RawAnswer:
    """One HTTP answer as it came: the path that was asked (without its query, which may be signed), status, lower-case
    headers, the body, and when it was asked and answered (our clock, Unix ms)."""

    path: str
    status: int
    headers: Mapping[str, str]
    text: str
    sent_at: int
    received_at: int


@dataclass(frozen=True, slots=True)
class Reply(Generic[T]):
    """An answer and its moments in Unix ms: ours when asked and answered, the exchange's own (None: it told none).

    `raw` is what came over the wire for it, oldest first, to be kept where the value turns out to be useless; `unread`
    counts the rows in it of which nobody can say whose they are."""

    value: T
    sent_at: int
    received_at: int
    exchange_at: int | None
    raw: tuple[RawAnswer, ...] = field(default=(), repr=False)
    unread: int = 0

    def of(self, value: U) -> "Reply[U]":
        """The same moments with the parsed value."""
        return Reply(value, self.sent_at, self.received_at, self.exchange_at, self.raw, self.unread)


@dataclass(frozen=True, slots=True)
class QuoteColumns:
    """Quotes as the exchange told them, all of length n; NaN where it told none, 0 for a missing row time.

    Sizes are in the exchange's own unit (contracts for perpetuals), row times in Unix ms on the exchange's clock. Where
    the call tells no sizes at all, `has_sizes` is False and they are NaN: unknown, which is no fault of a row. What
    stands open of perpetuals (`open_interest`, one side, in the unit of sizes) is None where it is told of none."""

    symbols: Sequence[str]
    bid: NDArray[np.float64]
    bid_size: NDArray[np.float64]
    ask: NDArray[np.float64]
    ask_size: NDArray[np.float64]
    last: NDArray[np.float64]
    quote_volume: NDArray[np.float64]
    row_ts: NDArray[np.int64]
    row_time: RowTime
    has_sizes: bool = True
    open_interest: NDArray[np.float64] | None = None


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
class SettledColumns:
    """Settled fundings of one perpetual as told, oldest first, of length n: when (Unix ms, the exchange's clock), and
    the fraction of notional that longs paid shorts (NaN where it told none)."""

    settled_at: NDArray[np.int64]
    rate: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class BarColumns:
    """Bars of one market as told, oldest first, of length n: when each begins (Unix ms), prices in quote currency, the
    volume as ccxt gives it (listed base units on most exchanges, contracts on some); NaN where it told none."""

    open_ms: NDArray[np.int64]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Book:
    """An order book as told: (price, size in the exchange's unit), best first; `row_ts` 0 where it told no time."""

    bids: tuple[tuple[Decimal, Decimal], ...]
    asks: tuple[tuple[Decimal, Decimal], ...]
    row_ts: int


@dataclass(frozen=True, slots=True)
class MarketSpec:
    """One spot market or perpetual as listed; amounts in base units (those of an inverse perpetual in quote units),
    None where the exchange does not say. `is_stock` where it says that the base is a share or a fund."""

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
    maker_fee: Decimal | None = None
    is_stock: bool = False
