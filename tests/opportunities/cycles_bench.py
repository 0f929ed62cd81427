"""Markets full of triangles, and what networkx makes of the same graphs."""

import math
from collections.abc import Iterator
from typing import Any

import networkx
import numpy as np

from apps.core.memory import arrays_keep_memory
from apps.opportunities.strategies.base import Candidates
from apps.opportunities.strategies.triangular import Triangular
from apps.opportunities.view import MarketView, market_view
from tests.opportunities.bench import best_ms
from tests.opportunities.factories import NOW_MS, PARAMS, Listing, latest_of, table_of

HUBS = ("USDT", "BTC", "ETH")
# Times as fast as Bellman and Ford's passes.
LEAST_RATIO = 2000


def market_of(exchanges: int, currencies: int, *, seed: int = 7) -> list[Listing]:
    """Every currency against each of three hubs, and these among each other; on each exchange one coin is dear against
    one hub by a percent, so that there is something to find."""
    random = np.random.default_rng(seed)
    names = [*HUBS, *(f"C{number}" for number in range(currencies - len(HUBS)))]
    worth = np.exp(random.normal(2, 2, currencies))
    listings = []
    for exchange in range(exchanges):
        pairs = [(base, quote) for quote in range(len(HUBS)) for base in range(quote + 1, currencies)]
        off = random.normal(0, 0.00005, len(pairs))
        off[len(pairs) - 1 - random.integers(currencies // 2)] += 0.01
        half = random.uniform(0.00005, 0.0005, len(pairs))
        listings += [
            Listing(
                f"x{exchange:02d}",
                bid=float(worth[base] / worth[quote] * (1 + off[at]) * (1 - half[at])),
                ask=float(worth[base] / worth[quote] * (1 + off[at]) * (1 + half[at])),
                instrument=names[base],
                quote=names[quote],
            )
            for at, (base, quote) in enumerate(pairs)
        ]
    return listings


def graphs_of(listings: list[Listing]) -> list[Any]:
    """One directed graph per exchange: an edge per trade, as heavy as minus the logarithm of what it brings, so that a
    cycle that earns is one of negative weight."""
    graphs: dict[str, Any] = {}
    for one in listings:
        graph = graphs.setdefault(one.exchange, networkx.DiGraph())
        graph.add_edge(one.instrument, one.quote, weight=-math.log(one.bid * (1 - one.fee)))
        graph.add_edge(one.quote, one.instrument, weight=-math.log((1 - one.fee) / one.ask))
    return list(graphs.values())


def bellman_ford(graph: Any, source: str) -> list[str]:
    """A negative cycle, by the textbook: as many passes over all edges as there are currencies less one, then one more
    to find an edge that still shortens a way, and back along the predecessors. Plain loops over a networkx graph, as
    in peregrine, the best-known open program for this."""
    distance = dict.fromkeys(graph, math.inf)
    before: dict[str, str | None] = dict.fromkeys(graph)
    distance[source] = 0.0
    for _ in range(len(graph) - 1):
        for one in graph:
            for two in graph[one]:
                through = distance[one] + graph[one][two]["weight"]
                if through < distance[two]:
                    distance[two], before[two] = through, one
    for one in graph:
        for two in graph[one]:
            if distance[one] + graph[one][two]["weight"] < distance[two] - 1e-12:
                return _cycle(before, two)
    return []


def _cycle(before: dict[str, str | None], end: str) -> list[str]:
    met: list[str] = []
    at: str | None = end
    while at is not None and at not in met:
        met.append(at)
        at = before[at]
    return met[met.index(at) :] if at is not None else met


def scan_triangles(exchanges: int = 10, currencies: int = 400) -> Iterator[dict[str, Any]]:
    """Stored snapshots to all cycles of three and four trades, in ms. The first control is Bellman and Ford's search
    for one cycle per exchange on networkx graphs; the second, for comparison only, networkx's own search, which goes
    by a queue and stops at the first cycle that it meets."""
    listings = market_of(exchanges, currencies)
    table, latest, graphs = table_of(listings), latest_of(listings), graphs_of(listings)
    strategy = Triangular()

    def seen() -> tuple[MarketView, Candidates]:
        view = market_view(table, latest, now_ms=NOW_MS, max_age_ms=15_000, max_funding_age_ms=120_000)
        return view, strategy.scan(view, PARAMS)

    def arrays() -> int:
        return len(seen()[1])

    def searches() -> int:
        return sum(bool(bellman_ford(graph, HUBS[0])) for graph in graphs)

    def networkx_searches() -> int:
        return sum(bool(networkx.find_negative_cycle(graph, HUBS[0])) for graph in graphs)

    view, found = seen()
    where = {view.table.exchange[view.layout.exchange_code[row]] for row in found.legs[:, 0].tolist()}
    if not len(where) == exchanges == searches() == networkx_searches():
        raise AssertionError(f"{len(where)} of {exchanges} exchanges hold a cycle by the scan, all by the searches")
    arrays_keep_memory()
    value, control = best_ms(arrays, 40), best_ms(searches, 2)
    own = best_ms(networkx_searches, 3)
    figure = {"bench": "scan_triangles", "value": round(value, 3), "unit": "ms"}
    size = {"exchanges": exchanges, "currencies": currencies, "cycles": len(found)}
    yield figure | {
        "control": round(control, 1),
        "ratio": round(control / value, 1),
        "against": "Bellman-Ford on networkx graphs, all passes",
        **size,
        "ok": control >= LEAST_RATIO * value,
    }
    yield figure | {
        "control": round(own, 1),
        "ratio": round(own / value, 1),
        "against": "networkx.find_negative_cycle",
        **size,
    }
