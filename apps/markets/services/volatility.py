"""Sampling how much prices move."""

import numpy as np

from apps.markets import selectors
from apps.markets.remembered import remembered_get, remembered_put
from apps.markets.types import Latest
from apps.markets.volatility import Volatilities, volatilities_blend


def volatility_sample(*, latest: Latest) -> None:
    """Take one more price of every market in the latest quotes (see `volatility`).

    Raises redis.RedisError where the cache is away: that sample is missing, the next one counts."""
    table = selectors.market_table(whole=True)
    for quotes in (*latest.spot, *latest.swap):
        before = remembered_get(Volatilities, quotes.exchange, quotes.kind)
        # Delisted markets and those that left the universe are forgotten.
        before = before.of(before.market_id[table.rows(before.market_id) >= 0])
        mid = (quotes.bid + quotes.ask) / 2
        good = np.flatnonzero(mid > 0)
        after = volatilities_blend(before, quotes.market_id[good], mid[good], at_ms=quotes.received_at)
        remembered_put(after, quotes.exchange, quotes.kind)
