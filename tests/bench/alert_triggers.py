"""10,000 alert triggers judged on one snapshot of 2,000 symbols, database excluded: milliseconds, the best of many.

The control compares the same triggers one by one, with a dict of prices, which knows no hysteresis and no "any"."""

import time
import uuid
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from apps.distribution.services import boards
from apps.distribution.triggers.base import Kind, Watch
from apps.distribution.triggers.board import Board, Listing
from apps.distribution.triggers.custom import Custom
from apps.distribution.triggers.funding import Funding
from apps.distribution.triggers.price import Price
from tests.opportunities.factories import NOW_MS, latest_of, table_of
from tests.opportunities.factories import Listing as Market

TRIGGERS = 10_000
SYMBOLS = 2_000
PROMISED_MS = 100.0
RUNS = 15


def figures() -> Iterator[dict[str, Any]]:
    """Of each kind that looks at snapshots: the board filled and all triggers judged."""
    markets = [Market("aaa", 100.0, 100.1, instrument=f"C{at}", swap=True) for at in range(SYMBOLS)]
    table, latest = table_of(markets), latest_of(markets)
    listing = Listing(table)
    rng = np.random.default_rng(1)
    symbols = [markets[at].symbol for at in rng.integers(0, SYMBOLS, TRIGGERS)]
    level = rng.uniform(90, 110, TRIGGERS)
    control_ms = _control(markets, symbols, level)
    for name, (kind, watches) in _watches(symbols, level).items():
        judged = partial(_judged, listing, latest, kind, watches)
        value = min(_timed(judged) for _ in range(RUNS))
        yield {
            "bench": f"alert_triggers_{name}",
            "value": round(value, 1),
            "unit": "ms",
            "control": round(control_ms, 1),
            "ratio": round(value / control_ms, 2),
            "promised": PROMISED_MS,
            "ok": value < PROMISED_MS,
        }


def _judged(listing: Listing, latest: Any, kind: Kind[Any], watches: list[Watch[Any]]) -> Any:
    board: Board = boards._filled(listing, latest, NOW_MS)
    return kind.judge(watches, board)


def _watches(symbols: list[str], level: Any) -> dict[str, tuple[Kind[Any], list[Watch[Any]]]]:
    def made(kind: Kind[Any], params: list[dict[str, Any]]) -> tuple[Kind[Any], list[Watch[Any]]]:
        return kind, [
            Watch(uuid.uuid4(), uuid.uuid4(), "", kind.read(one), 1 - 2 * (at % 2)) for at, one in enumerate(params)
        ]

    operators = ("above", "below", "crosses")
    pairs = list(zip(symbols, level.tolist(), strict=True))
    places = [{"symbol": symbol, "exchange": "aaa" if at % 2 else ""} for at, symbol in enumerate(symbols)]
    return {
        "price": made(
            Price(),
            [place | {"op": operators[at % 3], "value": float(level[at])} for at, place in enumerate(places)],
        ),
        "funding": made(Funding(), [place | {"op": "above", "value": 0.0001} for place in places]),
        "custom": made(
            Custom(),
            [
                {"when": {"all": [{"field": "price", "symbol": symbol, "exchange": "aaa", "op": ">", "value": value},
                                  {"field": "spread", "symbol": symbol, "exchange": "aaa", "op": "<", "value": 0.01}]}}
                for symbol, value in pairs
            ],
        ),
    }  # fmt: skip


def _control(markets: list[Market], symbols: list[str], level: Any) -> float:
    prices = {one.symbol: (one.bid + one.ask) / 2 for one in markets}
    pairs = list(zip(symbols, level.tolist(), strict=True))
    return min(_timed(lambda: [prices[symbol] > value for symbol, value in pairs]) for _ in range(RUNS))


def _timed(run: Any) -> float:
    begun = time.perf_counter()
    run()
    return (time.perf_counter() - begun) * 1000
