"""What markets hands to other rooms: snapshots as columns, the market table, order books, and its news."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from apps.core.events import Event
from apps.markets.enums import FeedState, MarketType, SnapshotKind

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
    offset. NaN means unknown (only in `last` and `quote_volume`: rows without bid, ask or sizes are refused earlier).
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


@dataclass(frozen=True, slots=True)
class FundingRates:
    """Funding of many perpetuals of one exchange; all arrays have length n, sorted by market id.

    `rate` is the fraction of notional that longs pay shorts per interval of `interval_hours` (NaN: unknown, the rate is
    then not comparable), `next_funding_at` Unix ms (0: unknown), `mark` and `index` in quote currency (NaN: unknown).
    """

    exchange: str
    received_at: int
    market_version: int
    market_id: Int32s
    rate: Floats
    interval_hours: Floats
    next_funding_at: Int64s
    mark: Floats
    index: Floats
    exchange_ts: Int64s

    @property
    def kind(self) -> SnapshotKind:
        """Always funding; so that both snapshots can be stored alike."""
        return SnapshotKind.FUNDING


Snapshot: TypeAlias = Quotes | FundingRates


@dataclass(frozen=True, slots=True)
class Latest:
    """The usable newest snapshots of every exchange: fresh, of enabled exchanges, not refused."""

    spot: list[Quotes] = field(default_factory=list)
    swap: list[Quotes] = field(default_factory=list)
    funding: list[FundingRates] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class MarketTable:
    """All active markets of usable exchanges as columns of length m, sorted by id.

    `type_code` is 0 for spot and 1 for perpetuals; the other codes index the short lists `exchange`, `instruments` and
    `quotes`. Prices in snapshots are per unit of the listed base: one listed unit is `multiplier` units of the
    instrument (`1000PEPE` -> 1000). A fee, step, minimum or leverage that is not known is NaN.
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
class BooksStored(Event):
    """Order books of these markets are in the store."""

    market_ids: tuple[int, ...]
    received_at: int


@dataclass(frozen=True, slots=True)
class MarketFacts:
    """One market in exact numbers, amounts in listed base units; None = the exchange does not say.

    `taker_fee` is the one that counts (an operator's override before the exchange's word), a fraction."""

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
    amount_step: Decimal | None
    min_amount: Decimal | None
    min_notional: Decimal | None
    price_step: Decimal | None
    max_leverage: Decimal | None
    active: bool
