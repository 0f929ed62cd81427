"""All pairs of a long and a short row that may earn, without a loop over pairs."""

import numpy as np

from apps.markets.types import Floats, Int64s
from apps.opportunities.strategies.base import ScanParams
from apps.opportunities.view import Bools, MarketView, Meeting

# The quick test on single rows rounds differently from the exact formula; this keeps it on the generous side.
SLACK = 1e-12


def pairs_above(
    meeting: Meeting, wanted: Floats, earned: Floats, *, at_most: int | None = None
) -> tuple[Int64s, Int64s]:
    """Pairs (place in the meeting's `buy`, place in its `sell`) of one group with `earned[sell] > wanted[buy]`.

    `wanted` and `earned` are as long as those two; NaN passes nothing. A sold row that does not even beat the least of
    its group's `wanted` is in no pair, so only the few others are spread out: the cost is that of one pass over the
    rows, and of the pairs of those few. Of more than `at_most` such pairs to look at, those of the rows that beat the
    least by most are looked at.
    """
    if not len(meeting.begin):
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    least = np.fmin.reduceat(wanted, meeting.begin)
    hot = np.flatnonzero(earned > least[meeting.sell_group])
    group = meeting.sell_group[hot]
    if at_most is not None and meeting.count[group].sum() > at_most:
        hot = _hottest(hot, earned[hot] / least[group], meeting.count[group], at_most)
        group = meeting.sell_group[hot]
    buy, sell = spread_out(meeting.begin[group], meeting.count[group], hot)
    good = earned[sell] > wanted[buy]
    return buy[good], sell[good]


def _hottest(hot: Int64s, heat: Floats, count: Int64s, at_most: int) -> Int64s:
    order = np.argsort(-heat, kind="stable")
    return hot[np.sort(order[np.cumsum(count[order]) <= at_most])]


def spread_out(begin: Int64s, count: Int64s, partner: Int64s) -> tuple[Int64s, Int64s]:
    """Places `begin[i]`, `begin[i] + 1`… (`count[i]` of them) one after the other, each beside its `partner[i]`."""
    ends = np.cumsum(count)
    places = np.arange(ends[-1] if len(ends) else 0) + np.repeat(begin - (ends - count), count)
    return places, np.repeat(partner, count)


def may_compare(view: MarketView, buy: Int64s, sell: Int64s, rate: Floats, params: ScanParams) -> Bools:
    """Whether two rows may be compared: moments within the skew, prices within the ratio once `rate` has made one
    currency of them (NaN: they may not)."""
    together = np.abs(view.exchange_ts[buy] - view.exchange_ts[sell]) <= params.max_skew_ms
    bought, sold = view.mid[buy], view.mid[sell] * rate
    low, high = np.minimum(bought, sold), np.maximum(bought, sold)
    both: Bools = together & (high <= low * (1 + params.max_price_ratio))
    return both


def are_apart(view: MarketView, buy: Int64s, sell: Int64s) -> Bools:
    """Whether two rows are on different exchanges."""
    apart: Bools = view.layout.exchange_code[buy] != view.layout.exchange_code[sell]
    return apart
