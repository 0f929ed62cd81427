"""How much prices have been moving."""

from collections import defaultdict
from collections.abc import Collection

import numpy as np

from apps.markets.enums import SnapshotKind
from apps.markets.remembered import remembered_all
from apps.markets.selectors.tables import market_table
from apps.markets.volatility import Volatilities

_SPOT = 0


def volatility_of(market_ids: Collection[int]) -> dict[int, float]:
    """Standard deviation of the return of one hour (a fraction) by market id; what is not known yet is left out.

    Raises redis.RedisError where the cache is away."""
    table = market_table()
    ids = np.unique(np.array(list(market_ids), dtype=np.int32))
    rows = table.rows(ids)
    feeds: dict[tuple[str, SnapshotKind], list[int]] = defaultdict(list)
    for market_id, row in zip(ids.tolist(), rows.tolist(), strict=True):
        if row >= 0:
            kind = SnapshotKind.SPOT if table.type_code[row] == _SPOT else SnapshotKind.SWAP
            feeds[table.exchange[table.exchange_code[row]], kind].append(market_id)
    known: dict[int, float] = {}
    for found, mine in zip(remembered_all(Volatilities, list(feeds)), feeds.values(), strict=True):
        hourly = found.of(np.array(mine, dtype=np.int32)).hourly()
        known |= {market_id: float(value) for market_id, value in zip(mine, hourly, strict=True) if np.isfinite(value)}
    return known
