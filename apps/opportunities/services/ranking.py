"""What scans found, ranked across kinds by what it may earn."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
from django.conf import settings

from apps.markets.types import Floats, Int64s
from apps.opportunities.strategies.base import Candidates
from apps.opportunities.view import MarketView, dollar_rates

# A book holds about this many times its best level before the price has moved by a typical edge. Only ranks: the true
# size comes from the books.
_DEPTH_OVER_BEST = 10.0

LegKey = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """One kind's candidates with what ranks them; all of length n.

    `market_ids[n, k]` in the legs' order (0: no such leg); `expected` dollars (negative infinity: not to be opened);
    `dollar_rate` per quote unit.
    """

    candidates: Candidates
    market_ids: Int64s
    expected: Floats
    dollar_rate: Floats

    def key(self, at: int) -> LegKey:
        """The legs of one candidate."""
        return tuple(market_id for market_id in self.market_ids[at].tolist() if market_id)

    def matching(self, keys: Collection[LegKey]) -> dict[LegKey, int]:
        """Which of `keys` were found, and where."""
        if not keys or not len(self.candidates):
            return {}
        hits = np.ones(len(self.candidates), dtype=bool)
        for leg, ids in zip(range(self.market_ids.shape[1]), zip_longest(*keys, fillvalue=0), strict=False):
            hits &= np.isin(self.market_ids[:, leg], ids)
        return {self.key(at): at for at in np.flatnonzero(hits).tolist() if self.key(at) in keys}


def found_of(view: MarketView, candidates: Candidates) -> Found:
    """Candidates with their expected profit: net edge times the reference size, or less where the best levels are thin.

    Those whose quote currency has no dollar rate can't be sized and rank last. Left out is what has a leg whose market
    is known to trade less than `MIN_VOLUME_USD` a day, or less than `MIN_OPEN_INTEREST_USD` to stand open in.
    """
    candidates = _thick(view, candidates, settings.MIN_VOLUME_USD, settings.MIN_OPEN_INTEREST_USD)
    legs = candidates.legs
    codes = candidates.quote_code
    rates = dollar_rates(view, codes)
    dollar_rate = np.array([rates.get(code, np.nan) for code in codes.tolist()], dtype=np.float64)
    reference = float(settings.REFERENCE_NOTIONAL)
    size = np.fmin(candidates.notional * dollar_rate * _DEPTH_OVER_BEST, reference)
    return Found(
        candidates=candidates,
        market_ids=np.where(legs < 0, 0, view.layout.market_id[legs]).astype(np.int64) if len(legs) else legs,
        expected=np.where(np.isnan(dollar_rate), -np.inf, candidates.net * size),
        dollar_rate=dollar_rate,
    )


@dataclass(frozen=True, slots=True)
class Thickness:
    """How much there is of markets, in dollars, as long as the rows that were asked for; NaN: not told, or no such
    thing."""

    volume: Floats
    open_interest: Floats


def thickness(view: MarketView, rows: Int64s) -> Thickness:
    """What these rows of the view trade in 24 h, and what stands open in them."""
    codes = view.layout.quote_code[rows]
    rates = dollar_rates(view, codes.ravel())
    dollars = np.array([rates.get(code, np.nan) for code in range(len(view.table.quotes))])[codes]
    return Thickness(view.volume[rows] * dollars, view.open_interest[rows] * view.mid[rows] * dollars)


def _thick(view: MarketView, candidates: Candidates, least_volume: float, least_interest: float) -> Candidates:
    """What is not told stays: some exchanges tell neither in bulk, and all of them would be gone."""
    if max(least_volume, least_interest) <= 0 or not len(candidates):
        return candidates
    known = thickness(view, candidates.legs)
    thin = (known.volume < least_volume) | (known.open_interest < least_interest)
    thin &= candidates.legs >= 0
    return candidates.only(np.flatnonzero(~thin.any(axis=1)))


def best(found: Sequence[Found], count: int) -> list[tuple[Found, int]]:
    """The `count` candidates with the highest expected profit over all kinds, best first; equals keep their order."""
    expected = np.concatenate([one.expected for one in found])
    source = np.repeat(np.arange(len(found)), [len(one.expected) for one in found])
    offset = np.concatenate([np.arange(len(one.expected)) for one in found])
    order = np.argsort(-expected, kind="stable")[:count]
    return [(found[source[at]], int(offset[at])) for at in order.tolist() if np.isfinite(expected[at])]
