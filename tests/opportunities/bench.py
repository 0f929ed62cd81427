"""How fast the scan is: 12 exchanges × 2,000 instruments, spot and perpetual, against a plain loop over ticker dicts.

Run by `make bench ONLY=scan_two_leg` and `ONLY=scan_curve`.
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from apps.core.memory import arrays_keep_memory
from apps.opportunities.strategies.cross_exchange import CrossExchange
from apps.opportunities.strategies.funding_rate import FundingRate
from apps.opportunities.strategies.spot_perp import SpotPerp
from apps.opportunities.view import market_view
from tests.opportunities.factories import NOW_MS, PARAMS, Listing, latest_of, table_of
from tests.opportunities.plain import cross_pairs, funding_pairs, spot_perp_pairs, tickers_of

# Times as fast as the loop.
LEAST_RATIO = 200


def market_of(exchanges: int, instruments: int, *, seed: int = 7, hot: float = 1 / 200) -> list[Listing]:
    """Correlated prices with noise per exchange; the part `hot` of the perpetuals pays ten times as much as usual,
    and each of those meets every coin and every other perpetual."""
    random = np.random.default_rng(seed)
    prices = np.exp(random.normal(2, 2, instruments))
    listings = []
    for exchange in range(exchanges):
        for swap in (False, True):
            mids = prices * np.exp(random.normal(0, 0.0006, instruments))
            half = mids * random.uniform(0.00005, 0.0005, instruments)
            intervals = random.choice([1.0, 4.0, 8.0, 8.0], instruments)
            rates = random.normal(0.0001, 0.0001, instruments) * intervals / 8
            rates[random.random(instruments) < hot] *= 10
            listings += [
                Listing(
                    exchange=f"x{exchange:02d}",
                    bid=float(mids[at] - half[at]),
                    ask=float(mids[at] + half[at]),
                    instrument=f"I{at}",
                    swap=swap,
                    fee=0.0005 if swap else 0.001,
                    rate=float(rates[at]),
                    interval_h=float(intervals[at]),
                    next_h=float(intervals[at]) / 2,
                )
                for at in range(instruments)
            ]
    return listings


def scan_two_leg(exchanges: int = 12, instruments: int = 2000) -> dict[str, Any]:
    """Stored snapshots to candidates of all two-leg kinds, in ms; the control does the same pair by pair."""
    listings = market_of(exchanges, instruments)
    table, latest = table_of(listings), latest_of(listings)
    spot, swap = tickers_of(listings, swap=False), tickers_of(listings, swap=True)

    def arrays() -> int:
        view = market_view(table, latest, now_ms=NOW_MS, max_age_ms=15_000, max_funding_age_ms=120_000)
        return sum(len(strategy.scan(view, PARAMS)) for strategy in (CrossExchange(), FundingRate(), SpotPerp()))

    def loops() -> int:
        both = len(funding_pairs(swap, PARAMS)) + len(spot_perp_pairs(spot, swap, PARAMS))
        return len(cross_pairs(spot, PARAMS)) + both

    if arrays() != loops():
        raise AssertionError(f"the scan found {arrays()}, the loop {loops()}")
    # As the task that scans does.
    arrays_keep_memory()
    value, control = best_ms(arrays, 40), best_ms(loops, 3)
    return {
        "bench": "scan_two_leg",
        "value": round(value, 3),
        "unit": "ms",
        "control": round(control, 1),
        "ratio": round(control / value, 1),
        "exchanges": exchanges,
        "instruments": instruments,
        "candidates": arrays(),
        "ok": control >= LEAST_RATIO * value,
    }


def scan_cost(exchanges: int, instruments: int) -> float:
    """Milliseconds of the same scan alone."""
    listings = market_of(exchanges, instruments)
    table, latest = table_of(listings), latest_of(listings)
    arrays_keep_memory()

    def arrays() -> int:
        view = market_view(table, latest, now_ms=NOW_MS, max_age_ms=15_000, max_funding_age_ms=120_000)
        return sum(len(strategy.scan(view, PARAMS)) for strategy in (CrossExchange(), FundingRate(), SpotPerp()))

    return best_ms(arrays, 20)


def best_ms(work: Callable[[], int], times: int) -> float:
    best = float("inf")
    for _ in range(times):
        begun = time.process_time()
        work()
        best = min(best, time.process_time() - begun)
    return best * 1000
