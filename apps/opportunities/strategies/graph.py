"""Every cycle of three or four trades on one exchange, laid out once per market table.

A spot market is two conversions: its base is sold for its quote, or bought for it. On each exchange the quote
currencies are its hubs. Since one end of every market is a hub, two of a triangle's three currencies are hubs, and of
four currencies in a ring two that lie opposite each other are. So all that there can be is made of two-trade paths
between hubs: a path and the market that closes it, or a path and another one back.
"""

from dataclasses import dataclass

import numpy as np

from apps.markets.conversion import DOLLARS, PIVOT
from apps.markets.types import Int8s, Int16s, Int64s, MarketTable
from apps.opportunities.strategies.pairs import spread_out
from apps.opportunities.view import SIZED_AS_DOLLARS, SPOT, Bools, Layout, Meeting, meeting_of


@dataclass(frozen=True, slots=True)
class CycleGraph:
    """Conversions, the paths between hubs that they make, and what closes those.

    Conversion 2i sells the base of the i-th spot row of the view and 2i + 1 buys it (`begin` is the first spot row);
    `source` and `target` are its currencies on its exchange as numbers, whose `rank` (the lower the better) tells where
    a cycle starts, and `quote_code` its code as a quote currency (-1: it is none).
    Path p is the conversions `first[p]` and `second[p]`, through the currency `through[p]`. Triangle t is the path
    `triangle_path[t]` and the conversion `triangle_back[t]`; each is there once. `rings` are the paths of one pair of
    hubs, there and back: `there` and `back` are numbers of paths in the order of its rows.
    `straight[:, p]` are the conversions that do in one trade what path p does in two (-1: none; there are two rows if
    A/B and B/A are both listed somewhere). `pairs` are the sorted pairs of currencies that can be traded for each
    other, with their `trades`.
    """

    begin: int
    source: Int64s
    target: Int64s
    rank: Int64s
    quote_code: Int16s
    first: Int64s
    second: Int64s
    through: Int64s
    triangle_path: Int64s
    triangle_back: Int64s
    rings: Meeting
    there: Int64s
    back: Int64s
    straight: Int64s
    pairs: Int64s
    trades: Int64s

    def straight_between(self, source: Int64s, target: Int64s) -> Int64s:
        """What `straight` is for any two currencies."""
        return _straight(source * len(self.rank) + target, self.pairs, self.trades)

    def rows(self, conversions: Int64s) -> Int64s:
        """The view's rows of conversions; -1 stays -1."""
        return np.where(conversions < 0, -1, conversions // 2 + self.begin)

    def sides(self, conversions: Int64s) -> Int8s:
        """+1 where a conversion buys, -1 where it sells, 0 for none."""
        return np.where(conversions < 0, 0, conversions % 2 * 2 - 1).astype(np.int8)

    def started(self, cycles: Int64s) -> Int64s:
        """The cycles (rows of conversions in their order, -1 behind a triangle's three) turned so that each starts
        with its best-ranked currency, and each once."""
        if not len(cycles):
            return cycles
        length = np.count_nonzero(cycles >= 0, axis=1)
        rank = np.where(cycles >= 0, self.rank[self.source[cycles]], np.iinfo(np.int64).max)
        turn = np.argmin(rank, axis=1)
        places = np.arange(cycles.shape[1])
        turned = np.take_along_axis(cycles, (places + turn[:, None]) % length[:, None], axis=1)
        return np.unique(np.where(places < length[:, None], turned, -1), axis=0)


_known: tuple[Layout, CycleGraph] | None = None


def cycle_graph(table: MarketTable, layout: Layout) -> CycleGraph:
    """The graph of a layout; kept for the last one, which changes only when markets are listed or delisted."""
    global _known
    if _known is None or _known[0] is not layout:
        _known = layout, _graph_of(table, layout)
    return _known[1]


def _graph_of(table: MarketTable, layout: Layout) -> CycleGraph:
    begin, end = np.searchsorted(layout.type_code, (SPOT, SPOT + 1)).tolist()
    names, base, quote = _currencies(table, layout.row[begin:end])
    place = layout.exchange_code[begin:end].astype(np.int64) * len(names)
    source, target = (
        np.column_stack(ends).ravel() for ends in ((place + base, place + quote), (place + quote, place + base))
    )
    nodes = len(table.exchange) * len(names)
    hub = np.zeros(nodes, dtype=bool)
    hub[place + quote] = True
    # A market whose fee is not known can't be traded, and one of a currency against itself is none.
    usable = np.repeat(layout.payable[begin:end] & (base != quote), 2)
    order = np.argsort(source * nodes + target, kind="stable")
    trades = order[usable[order]]
    # Behind all pairs there are two that nobody can want.
    pairs = np.append((source * nodes + target)[trades], [np.iinfo(np.int64).max] * 2)
    trades = np.append(trades, [-1, -1])
    first, second = _paths(source, target, hub, usable)
    path_source, path_target = source[first], target[second]
    triangle_path, triangle_back = _joined(path_target * nodes + path_source, pairs, trades)
    forth = np.flatnonzero(path_source < path_target)
    pair_forth = path_source[forth] * nodes + path_target[forth]
    reverse = np.flatnonzero(path_source > path_target)
    pair_reverse = path_target[reverse] * nodes + path_source[reverse]
    order_forth, order_reverse = np.argsort(pair_forth, kind="stable"), np.argsort(pair_reverse, kind="stable")
    pair_forth, pair_reverse = pair_forth[order_forth], pair_reverse[order_reverse]
    graph = CycleGraph(
        begin=begin,
        source=source,
        target=target,
        rank=np.tile(_ranks(names, table.quotes), len(table.exchange)),
        quote_code=np.tile(_codes_as_quotes(names, table.quotes), len(table.exchange)),
        first=first,
        second=second,
        through=target[first],
        triangle_path=triangle_path,
        triangle_back=triangle_back,
        rings=meeting_of(pair_forth, pair_reverse, np.intersect1d(pair_forth, pair_reverse)),
        there=forth[order_forth],
        back=reverse[order_reverse],
        straight=_straight(path_source * nodes + path_target, pairs, trades),
        pairs=pairs,
        trades=trades,
    )
    return _without_repeats(graph)


def _currencies(table: MarketTable, rows: Int64s) -> tuple[list[str], Int64s, Int64s]:
    """All names, and which of them each row's listed base and quote are. On one exchange a name is one currency, and
    1000X another one than X: it can't be traded as a thousand of them."""
    bases, quotes = np.array([table.base[row] for row in rows.tolist()] or [""]), np.array(table.quotes or [""])
    names, numbers = np.unique(np.concatenate([bases, quotes]), return_inverse=True)
    base, quote = numbers[: len(rows)], numbers[len(bases) :]
    return names.tolist(), base.astype(np.int64), quote[table.quote_code[rows]].astype(np.int64)


def _paths(source: Int64s, target: Int64s, hub: Bools, usable: Bools) -> tuple[Int64s, Int64s]:
    """All two conversions in a row from a hub to another one."""
    leaving = np.flatnonzero(hub[source] & usable)
    arriving = np.flatnonzero(hub[target] & usable)
    arriving = arriving[np.argsort(source[arriving], kind="stable")]
    sources = source[arriving]
    begin = np.searchsorted(sources, target[leaving], side="left")
    count = np.searchsorted(sources, target[leaving], side="right") - begin
    places, first = spread_out(begin, count, leaving)
    second = arriving[places]
    onward = target[second] != source[first]
    return first[onward], second[onward]


def _joined(wanted: Int64s, pairs: Int64s, trades: Int64s) -> tuple[Int64s, Int64s]:
    """(place, trade) for every trade of the pair `wanted[place]`."""
    low, high = np.searchsorted(pairs, wanted, side="left"), np.searchsorted(pairs, wanted, side="right")
    places, path = spread_out(low, high - low, np.arange(len(wanted)))
    return path, trades[places]


def _straight(wanted: Int64s, pairs: Int64s, trades: Int64s) -> Int64s:
    begin = np.searchsorted(pairs, wanted)
    one, two = (np.where(pairs[place] == wanted, trades[place], -1) for place in (begin, begin + 1))
    return np.stack([one, two] if two.max(initial=-1) >= 0 else [one])


def _without_repeats(graph: CycleGraph) -> CycleGraph:
    """A triangle of three hubs was found once for each of its currencies: keep the first of them."""
    path, back = graph.triangle_path, graph.triangle_back
    if not len(path):
        return graph
    trades = np.sort(np.column_stack([graph.first[path], graph.second[path], back]), axis=1)
    _, kept = np.unique(trades, axis=0, return_index=True)
    kept.sort()
    fields = {name: getattr(graph, name) for name in CycleGraph.__slots__}
    return CycleGraph(**(fields | {"triangle_path": path[kept], "triangle_back": back[kept]}))


def _ranks(names: list[str], quotes: list[str]) -> Int64s:
    """Where a cycle is said to start: with the dollar that all others are traded against, else with another dollar,
    else with another quote currency, by name."""
    quoted = set(quotes)

    def standing(at: int) -> tuple[bool, bool, bool, bool, str]:
        name = names[at]
        return name not in quoted, name != PIVOT, name not in SIZED_AS_DOLLARS, name not in DOLLARS, name

    order = sorted(range(len(names)), key=standing)
    ranks = np.empty(len(names), dtype=np.int64)
    ranks[order] = np.arange(len(names))
    return ranks


def _codes_as_quotes(names: list[str], quotes: list[str]) -> Int16s:
    codes = {name: code for code, name in enumerate(quotes)}
    return np.array([codes.get(name, -1) for name in names], dtype=np.int16)
