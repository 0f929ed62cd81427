"""What markets hands to other rooms: snapshots as columns, the market table, order books. (Its news: events.py.)"""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from apps.markets.enums import BarOrigin, FeedState, FeeSource, Gate, MarketType, SnapshotKind, SnapshotOrigin

Floats: TypeAlias = NDArray[np.float64]
Int8s: TypeAlias = NDArray[np.int8]
Int16s: TypeAlias = NDArray[np.int16]
Int32s: TypeAlias = NDArray[np.int32]
Int64s: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Quotes:
    """Best bid and ask of many markets of one exchange at one moment; all arrays have length n, sorted by market id.

    Prices are in quote currency per unit of the listed base, sizes in units of the listed base (contract size applied),
    `quote_volume` in quote currency over 24 h, times in Unix ms; `exchange_ts` is corrected by the exchange's clock
    offset. NaN means unknown: in `last`, `quote_volume`, and in the sizes of exchanges whose bulk call tells none; rows
    without bid or ask are refused earlier. `open_interest` is what stands open of a perpetual, counted once, in units
    of the listed base; None where the exchange's bulk call tells it of no market.
    """

    exchange: str
    kind: SnapshotKind
    received_at: int
    market_version: int
    market_id: Int32s
    bid: Floats
    bid_size: Floats
    ask: Floats
    ask_size: Floats
    last: Floats
    quote_volume: Floats
    exchange_ts: Int64s
    origin: SnapshotOrigin = SnapshotOrigin.POLL
    open_interest: Floats | None = None


@dataclass(frozen=True, slots=True)
class FundingRates:
    """Funding of many perpetuals of one exchange; all arrays have length n, sorted by market id.

    `rate` is the predicted fraction of notional that longs pay shorts per interval of `interval_hours` (NaN: unknown,
    the rate is then not comparable), which `interval_source` vouches for (`IntervalSource`), `next_funding_at` Unix ms
    (0: unknown), `mark` and `index` in quote currency (NaN: unknown). Settled rates are rows of their own.
    """

    exchange: str
    received_at: int
    market_version: int
    market_id: Int32s
    rate: Floats
    interval_hours: Floats
    interval_source: Int8s
    next_funding_at: Int64s
    mark: Floats
    index: Floats
    exchange_ts: Int64s
    origin: SnapshotOrigin = SnapshotOrigin.POLL

    @property
    def kind(self) -> SnapshotKind:
        """Always funding; so that both snapshots can be stored alike."""
        return SnapshotKind.FUNDING


Snapshot: TypeAlias = Quotes | FundingRates


@dataclass(frozen=True, slots=True)
class FundingHistory:
    """Settled fundings of one perpetual, oldest first, of length n: when (Unix ms), and the fraction of notional that
    longs really paid shorts then."""

    market_id: int
    settled_at: Int64s
    rate: Floats


@dataclass(frozen=True, slots=True)
class FundingStats:
    """What a perpetual's settled fundings come to: how many there are, their interval in hours, mean and standard
    deviation of the rate per hour. None: too few to tell."""

    market_id: int
    count: int
    interval_hours: float | None
    mean_hourly: float | None
    std_hourly: float | None

    @property
    def mean_8h(self) -> float | None:
        """The mean as a rate per eight hours, the way most exchanges write it."""
        return None if self.mean_hourly is None else 8 * self.mean_hourly

    @property
    def std_8h(self) -> float | None:
        """The deviation of rates written per eight hours."""
        return None if self.std_hourly is None else 8 * self.std_hourly


@dataclass(frozen=True, slots=True)
class SpreadStats:
    """How the funding of a long and a short perpetual differed: per hour what the short leg received less what the long
    leg paid, at `points` moments `step_hours` apart.

    `phi` is the part of a deviation that is left one step later, `half_life_hours` the time in which half of it is
    gone; both are None where the spread does not return to its mean or there are too few points to tell."""

    long_id: int
    short_id: int
    points: int
    step_hours: float | None
    mean_hourly: float | None
    std_hourly: float | None
    phi: float | None
    half_life_hours: float | None


@dataclass(frozen=True, slots=True)
class Candles:
    """Bars of n markets of one exchange over the same m spans of time, as they are known now.

    `market_ids` [n] sorted, `open_ms` [m] the start of each bar in Unix ms, ascending and evenly spaced by the
    timeframe; the last bar is closed. Prices [n, m] in quote currency per unit of the listed base, NaN where nobody
    watched; `volume` [n, m] as the exchange tells it in its own bars (NaN: not told, always so in bars of our quotes).
    """

    exchange: str
    timeframe: str
    market_ids: Int64s
    open_ms: Int64s
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats


@dataclass(frozen=True, slots=True)
class Candle:
    """One known bar of one market: prices in quote currency per listed base, `volume` as the exchange tells it in its
    own bars (None: not told), and where it comes from."""

    open_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float | None
    origin: BarOrigin


@dataclass(frozen=True, slots=True)
class Latest:
    """The usable newest snapshots of every exchange: fresh, of enabled exchanges, not refused."""

    spot: list[Quotes] = field(default_factory=list)
    swap: list[Quotes] = field(default_factory=list)
    funding: list[FundingRates] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class MarketTable:
    """All active markets of usable exchanges as columns of length m, sorted by id.

    `type_code` is 0 for spot, 1 for linear and 2 for inverse perpetuals; the other codes index the short lists
    `exchange`, `instruments` and `quotes`. Prices in snapshots are per unit of the listed base: one listed unit is
    `multiplier` units of the instrument (`1000PEPE` -> 1000). A fee, step, minimum or leverage that is not known is
    NaN.
    """

    version: int
    market_id: Int32s
    exchange: list[str]
    exchange_code: Int16s
    symbol: list[str]
    type_code: Int8s
    instrument_code: Int32s
    instruments: list[str]
    base: list[str]
    quote_code: Int16s
    quotes: list[str]
    contract_size: Floats
    multiplier: Floats
    taker_fee: Floats
    amount_step: Floats
    min_amount: Floats
    min_notional: Floats
    max_leverage: Floats

    def rows(self, market_ids: NDArray[np.integer]) -> NDArray[np.intp]:
        """Row of each market id (same length as given), -1 where this table does not have it."""
        if not len(self.market_id):
            return np.full(len(market_ids), -1, dtype=np.intp)
        found = np.searchsorted(self.market_id, market_ids)
        found = np.minimum(found, len(self.market_id) - 1)
        return np.where(self.market_id[found] == market_ids, found, -1)


@dataclass(frozen=True, slots=True)
class OrderBook:
    """Levels of one market, best first: price in quote currency per listed base, size in listed base units.

    `exchange_ts` is Unix ms, offset-corrected, 0 where the exchange gives none; `received_at` Unix ms.
    """

    market_id: int
    bids: tuple[tuple[Decimal, Decimal], ...]
    asks: tuple[tuple[Decimal, Decimal], ...]
    exchange_ts: int
    received_at: int


@dataclass(frozen=True, slots=True)
class FeedStatus:
    """How one feed is, for people: `age_s` counts from the last good answer, None when there was none."""

    exchange: str
    kind: SnapshotKind
    state: FeedState
    reason: str
    since: datetime
    last_ok_at: datetime | None
    age_s: float | None
    rows: int
    refused: int
    latency_ms: int | None


@dataclass(frozen=True, slots=True)
class Guards:
    """How our calls to an exchange are guarded now: its breaker (closed, open, half_open), in how many seconds an open
    one lets a call through, and the fraction of the request budget that is used in its window (None: Redis is away)."""

    breaker: str
    retry_in_s: float
    budget_used: float | None


@dataclass(frozen=True, slots=True)
class ExchangeReport:
    """How one exchange is, for people: its row, its feeds, its guards, and how many dead letters are open."""

    id: str
    name: str
    enabled: bool
    status: str
    status_reason: str
    clock_offset_ms: int
    markets_loaded_at: datetime | None
    transfers_checked_at: datetime | None
    key_problem: str
    feeds: tuple[FeedStatus, ...]
    guards: Guards
    letters: int


@dataclass(frozen=True, slots=True)
class TransferRoute:
    """Whether an asset can be moved from one exchange to another, and why not, or why nobody knows.

    Where `state` is OPEN: over which `network` (ccxt's unified code), and what the withdrawal takes at least and costs,
    in units of the currency as the first exchange lists it (None: not told), one of which is `unit` units of the
    instrument. `checked_at` is when the exchange whose
    knowledge is older was asked (None: never)."""

    state: Gate
    reason: str
    network: str
    withdraw_fee: Decimal | None
    withdraw_min: Decimal | None
    checked_at: datetime | None
    unit: int = 1


@dataclass(frozen=True, slots=True)
class Fee:
    """Fees of one market as fractions of what is traded, and whose word that is; None = unknown, 0 = free and meant so,
    a negative maker fee is a rebate."""

    taker: Decimal | None
    maker: Decimal | None
    source: FeeSource


@dataclass(frozen=True, slots=True)
class MarketFacts:
    """One market in exact numbers, amounts in listed base units; None = the exchange does not say.

    The fees are the ones that count (an operator's rule before the exchange's word), as fractions."""

    id: int
    exchange: str
    symbol: str
    type: MarketType
    base: str
    quote: str
    settle: str
    instrument: str
    multiplier: int
    contract_size: Decimal
    taker_fee: Decimal | None
    maker_fee: Decimal | None
    amount_step: Decimal | None
    min_amount: Decimal | None
    min_notional: Decimal | None
    price_step: Decimal | None
    max_leverage: Decimal | None
    active: bool
