"""The minute that is being watched: the middle prices of quotes, poll by poll, become one bar per market. Pure.

The middle of bid and ask, not the last trade: every feed tells it (several bulk calls tell no last price), and it is
never older than the quote. It can differ from the exchange's own bars, which are made of trades, by half a spread."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from apps.markets.candles.bars import CLOSE, FIELDS, HIGH, LOW, OPEN, Bars
from apps.markets.candles.timeframes import MINUTE_MS
from apps.markets.types import Floats, Int64s

# A minute counts where its first price came in its first third and its last in the last one: of one that was watched
# for a moment nobody knows open, high, low and close.
_THIRD_MS: Final = MINUTE_MS // 3


@dataclass(frozen=True, slots=True)
class Forming:
    """Columns of length n, sorted by market id: prices so far in the minute from `minute_ms` on, and when the first
    and the last came (Unix ms)."""

    minute_ms: int
    market_ids: Int64s
    prices: Floats
    first_ms: Int64s
    last_ms: Int64s

    @classmethod
    def at(cls, now_ms: int) -> "Forming":
        """The minute of `now_ms`, of which nothing has been seen."""
        none = np.empty(0, np.int64)
        return cls(now_ms // MINUTE_MS * MINUTE_MS, none, np.empty((4, 0)), none, none)

    def is_over(self, now_ms: int) -> bool:
        """Whether it is another minute (also where our clock was set back)."""
        return not self.minute_ms <= now_ms < self.minute_ms + MINUTE_MS

    def seen(self, market_ids: Int64s, price: Floats, *, at_ms: int) -> "Forming":
        """With the prices (positive) of these markets (sorted) at `at_ms`; as it is where they are of another minute
        or not newer than what it has seen."""
        if self.is_over(at_ms) or (len(self.last_ms) and at_ms <= self.last_ms.max()):
            return self
        everyone = np.union1d(self.market_ids, market_ids)
        before, now = np.searchsorted(everyone, self.market_ids), np.searchsorted(everyone, market_ids)
        prices = np.full((4, len(everyone)), np.nan)
        first, last = np.full(len(everyone), at_ms, np.int64), np.full(len(everyone), at_ms, np.int64)
        prices[:, before], first[before], last[before] = self.prices, self.first_ms, self.last_ms
        prices[OPEN, now] = np.where(np.isnan(prices[OPEN, now]), price, prices[OPEN, now])
        prices[HIGH, now] = np.fmax(prices[HIGH, now], price)
        prices[LOW, now] = np.fmin(prices[LOW, now], price)
        prices[CLOSE, now] = price
        last[now] = at_ms
        return Forming(self.minute_ms, everyone, prices, first, last)

    def bar(self) -> Bars:
        """The bar of each market that was watched for the whole minute; volumes are not known."""
        early = self.first_ms - self.minute_ms < _THIRD_MS
        late = self.minute_ms + MINUTE_MS - self.last_ms <= _THIRD_MS
        whole = np.flatnonzero(early & late)
        values = np.full((FIELDS, len(whole), 1), np.nan)
        values[:4, :, 0] = self.prices[:, whole]
        return Bars(self.market_ids[whole], MINUTE_MS, self.minute_ms, values)
