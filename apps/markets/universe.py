"""Which markets are worth reading: ranked by liquidity and by how much their spread moves. Pure."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Final

from apps.markets.enums import Watch

# Unmonitored markets take turns: each is read again for one ranking in so many (a day of ten minutes each), so that one
# that has come alive can climb.
TURNS: Final = 144


@dataclass(frozen=True, slots=True)
class Standing:
    """One market in the universe: dollars traded in 24 h, mean and deviation of its relative spread (None: not known),
    its rank within its exchange and type (1 = best, None: not ranked), and whether it is monitored."""

    market_id: int
    type: str
    watch: str
    liquidity: float | None
    spread: float | None
    volatility: float | None
    rank: int | None
    monitored: bool


def standings(markets: Sequence[Standing], *, size: int, turn: int) -> list[Standing]:
    """The markets of one exchange, in the order given, with their new rank and whether they are monitored.

    The rank is that of `liquidity * sqrt(volatility)`: what can be earned grows with what is traded, and how often with
    how much the spread moves; the root keeps a wild market that nobody trades from outranking a liquid one. A market
    whose volatility is not known yet has the median one of its type; one that tells no liquidity comes after those that
    do, by volatility alone.

    Monitored is what is pinned, and what is not blocked and among the first `size` of its type, or has not been
    measured yet (a new listing), or has its turn (see TURNS)."""
    by_type: dict[str, list[Standing]] = defaultdict(list)
    for one in markets:
        if one.watch != Watch.BLOCKED and one.spread is not None:
            by_type[one.type].append(one)
    rank_of: dict[int, int] = {}
    for ranked in by_type.values():
        known = [one.volatility for one in ranked if one.volatility is not None]
        usual = median(known) if known else 1.0
        ranked.sort(key=lambda one: _order(one, usual))
        rank_of |= {one.market_id: place for place, one in enumerate(ranked, start=1)}
    return [_placed(one, rank_of.get(one.market_id), size, turn) for one in markets]


def _order(one: Standing, usual: float) -> tuple[float, float, int]:
    volatility = usual if one.volatility is None else one.volatility
    return -(one.liquidity or 0.0) * math.sqrt(volatility), -volatility, one.market_id


def _placed(one: Standing, rank: int | None, size: int, turn: int) -> Standing:
    reads = rank is None or rank <= size or one.market_id % TURNS == turn % TURNS
    monitored = one.watch == Watch.PINNED or (one.watch != Watch.BLOCKED and reads)
    return replace(one, rank=rank, monitored=monitored)
