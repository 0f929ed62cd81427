"""What scans found, ranked across kinds by what it may earn."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

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

    `market_ids[n, k]` in the legs' order; `expected` dollars (negative infinity: not to be opened); `dollar_rate` per
    quote unit.
    """

    candidates: Candidates
    market_ids: Int64s
    expected: Floats
    dollar_rate: Floats

    def key(self, at: int) -> LegKey:
        """The legs of one candidate."""
        return tuple(self.market_ids[at].tolist())

    def matching(self, keys: Collection[LegKey]) -> dict[LegKey, int]:
        """Which of `keys` were found, and where."""
        if not keys or not len(self.candidates):
            return {}
        columns = zip(*keys, strict=True)
        hits = np.ones(len(self.candidates), dtype=bool)
        for leg, ids in enumerate(columns):
            hits &= np.isin(self.market_ids[:, leg], ids)
        return {self.key(at): at for at in np.flatnonzero(hits).tolist() if self.key(at) in keys}


def found_of(view: MarketView, candidates: Candidates) -> Found:
    """Candidates with their expected profit: net edge times the reference size, or less where the best levels are thin.

    Those whose quote currency has no dollar rate can't be sized and rank last.
    """
    legs = candidates.legs
    codes = view.layout.quote_code[legs[:, 0]] if len(legs) else np.empty(0, dtype=np.int16)
    rates = dollar_rates(view, codes)
    dollar_rate = np.array([rates.get(code, np.nan) for code in codes.tolist()], dtype=np.float64)
    reference = float(settings.REFERENCE_NOTIONAL)
    size = np.fmin(candidates.notional * dollar_rate * _DEPTH_OVER_BEST, reference)
    return Found(
        candidates=candidates,
        market_ids=view.layout.market_id[legs].astype(np.int64) if len(legs) else legs,
        expected=np.where(np.isnan(dollar_rate), -np.inf, candidates.net * size),
        dollar_rate=dollar_rate,
    )


def best(found: Sequence[Found], count: int) -> list[tuple[Found, int]]:
    """The `count` candidates with the highest expected profit over all kinds, best first; equals keep their order."""
    expected = np.concatenate([one.expected for one in found])
    source = np.repeat(np.arange(len(found)), [len(one.expected) for one in found])
    offset = np.concatenate([np.arange(len(one.expected)) for one in found])
    order = np.argsort(-expected, kind="stable")[:count]
    return [(found[source[at]], int(offset[at])) for at in order.tolist() if np.isfinite(expected[at])]
