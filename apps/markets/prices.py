"""What every market costs right now, in one currency. Pure, over arrays; to compare and rank by, never for an edge."""

from dataclasses import dataclass

import numpy as np

from apps.markets.conversion import conversion_rates, dollar_markets, worths
from apps.markets.types import Floats, Latest, MarketTable


@dataclass(frozen=True, slots=True)
class Prices:
    """`per_unit` by row of the table: the middle price of one unit of the instrument in USDT; `worth` by quote code:
    USDT per unit of that currency. NaN where nobody can tell."""

    per_unit: Floats
    worth: Floats


def prices_of(table: MarketTable, latest: Latest, *, max_spread: float) -> Prices:
    """The prices of the table's markets by the latest snapshots of its version.

    A market whose bid and ask are further apart than `max_spread` of its middle doesn't tell what its asset costs."""
    mid = np.full(len(table.market_id), np.nan)
    for quotes in (*latest.spot, *latest.swap):
        if quotes.market_version == table.version:
            rows = table.rows(quotes.market_id)
            known = np.flatnonzero(rows >= 0)
            bid, ask = quotes.bid[known], quotes.ask[known]
            middle = (bid + ask) / 2
            certain = (bid > 0) & (ask >= bid) & (ask - bid <= middle * max_spread)
            mid[rows[known]] = np.where(certain, middle, np.nan)
    spot = [quotes for quotes in latest.spot if quotes.market_version == table.version]
    worth = worths(table, mid, conversion_rates(dollar_markets(table), spot))
    return Prices(per_unit=mid / table.multiplier * worth[table.quote_code] if len(mid) else mid, worth=worth)
