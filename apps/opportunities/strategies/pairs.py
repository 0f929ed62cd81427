"""All pairs within groups, without a loop over pairs."""

from collections.abc import Callable

import numpy as np

from apps.markets.types import Int64s
from apps.opportunities.strategies.base import ScanParams
from apps.opportunities.view import Bools, MarketView

# The quick test on slices rounds differently from the exact formula; this keeps it on the generous side.
SLACK = 1e-12


def pairs_within(group: Int64s, passes: Callable[[slice, slice], Bools]) -> tuple[Int64s, Int64s]:
    """Ordered pairs (buy, sell) of positions with equal `group` (sorted) for which `passes(buy, sell)` holds.

    `passes` gets two equally long slices and answers one truth per position. Position i is compared with i + 1, i + 2…
    up to the longest group, all at once: as many passes as the longest group has rows, each over contiguous memory.
    """
    buys, sells = [], []
    for shift in range(1, _longest_run(group)):
        low, high = slice(None, -shift), slice(shift, None)
        together = group[low] == group[high]
        for buy, sell in ((low, high), (high, low)):
            hits = np.flatnonzero(together & passes(buy, sell))
            buys.append(hits + (buy.start or 0))
            sells.append(hits + (sell.start or 0))
    if not buys:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    return np.concatenate(buys), np.concatenate(sells)


def may_compare(view: MarketView, buy: Int64s, sell: Int64s, params: ScanParams) -> Bools:
    """Whether two rows may be compared: different exchanges, moments within the skew, prices within the ratio."""
    apart = view.layout.exchange_code[buy] != view.layout.exchange_code[sell]
    together = np.abs(view.exchange_ts[buy] - view.exchange_ts[sell]) <= params.max_skew_ms
    low, high = np.minimum(view.mid[buy], view.mid[sell]), np.maximum(view.mid[buy], view.mid[sell])
    plausible = high <= low * (1 + params.max_price_ratio)
    both: Bools = apart & together & plausible
    return both


def _longest_run(group: Int64s) -> int:
    if not len(group):
        return 0
    starts = np.flatnonzero(np.diff(group)) + 1
    return int(np.diff(np.concatenate([[0], starts, [len(group)]])).max())
