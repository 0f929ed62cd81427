"""Settled fundings: what was really paid. (What is going to be paid stands in the funding snapshots.)"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import numpy as np

from apps.core import clock
from apps.markets.history import funding_describe, spread_describe
from apps.markets.models import SettledFunding
from apps.markets.types import FundingHistory, FundingStats, SpreadStats


class Settled(Protocol):
    """When a funding was settled, and the rate that longs paid."""

    @property
    def settled_at(self) -> datetime: ...

    @property
    def rate(self) -> float: ...


def funding_history(market_id: int, since: datetime, until: datetime) -> FundingHistory:
    """Settled fundings of a perpetual in [since, until), oldest first; empty for a market without any."""
    return funding_histories([market_id], since, until)[market_id]


def funding_histories(market_ids: Collection[int], since: datetime, until: datetime) -> dict[int, FundingHistory]:
    """The same of several perpetuals by market id, in one query."""
    rows: dict[int, list[tuple[int, float]]] = {market_id: [] for market_id in market_ids}
    found = SettledFunding.objects.filter(market__in=market_ids, settled_at__gte=since, settled_at__lt=until)
    for market_id, moment, rate in found.order_by("market", "settled_at").values_list("market", "settled_at", "rate"):
        rows[market_id].append((clock.to_ms(moment), rate))
    return {
        market_id: FundingHistory(
            market_id,
            np.array([moment for moment, _ in settled], dtype=np.int64),
            np.array([rate for _, rate in settled], dtype=np.float64),
        )
        for market_id, settled in rows.items()
    }


def funding_stats(market_id: int, days: float) -> FundingStats:
    """Mean and deviation of what a perpetual paid in the last `days`."""
    until = clock.now()
    return funding_describe(funding_history(market_id, until - timedelta(days=days), until))


def settlements_stats(market_id: int, settlements: Sequence[Settled]) -> FundingStats:
    """The same of settlements that are at hand, oldest first."""
    moments = np.array([clock.to_ms(row.settled_at) for row in settlements], dtype=np.int64)
    rates = np.array([row.rate for row in settlements], dtype=np.float64)
    return funding_describe(FundingHistory(market_id, moments, rates))


def spread_stats(long_id: int, short_id: int, days: float) -> SpreadStats:
    """How the funding of two perpetuals differed in the last `days`, and how fast a difference fades."""
    until = clock.now()
    found = funding_histories({long_id, short_id}, until - timedelta(days=days), until)
    return spread_describe(found[long_id], found[short_id])
