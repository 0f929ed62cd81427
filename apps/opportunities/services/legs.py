"""Order books, fees, lots and funding of stored legs, read once for many opportunities."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import isnan
from typing import Any

import numpy as np
from django.conf import settings

from apps.core.money import to_decimal
from apps.markets.selectors import books_latest, market_table, snapshots_latest
from apps.markets.types import Floats, FundingRates, MarketTable, OrderBook
from apps.opportunities.enums import Reason, Side
from apps.opportunities.legs import Funding, Leg
from apps.opportunities.models import Opportunity
from apps.opportunities.pricing import Refusal
from apps.opportunities.strategies.registry import strategy_get
from apps.opportunities.view import MS_PER_HOUR


@dataclass(frozen=True, slots=True)
class LegSource:
    """What legs are made from; `row` and `funding` by market id."""

    table: MarketTable
    row: Mapping[int, int]
    books: Mapping[int, OrderBook]
    funding: Mapping[int, Funding]

    def legs(self, opportunity: Opportunity) -> tuple[Leg, ...] | Refusal:
        """The opportunity's legs as they are now, or what is missing."""
        needs_funding = strategy_get(opportunity.kind).needs_funding
        made: list[Leg] = []
        for facts in opportunity.legs:
            leg = self._leg(facts, needs_funding=needs_funding)
            if isinstance(leg, Refusal):
                return leg
            made.append(leg)
        return tuple(made)

    def _leg(self, facts: Mapping[str, Any], *, needs_funding: bool) -> Leg | Refusal:
        market_id: int = facts["market_id"]
        book, row, funding = self.books.get(market_id), self.row.get(market_id), self.funding.get(market_id)
        if row is None:
            return Refusal(Reason.UNKNOWN_MARKET)
        fee = _number(self.table.taker_fee, row)
        if fee is None or not 0 <= fee < 1:
            return Refusal(Reason.MISSING_FEE)
        if needs_funding and funding is None:
            return Refusal(Reason.MISSING_FUNDING)
        if book is None:
            return Refusal(Reason.MISSING_BOOK)
        return Leg(
            exchange=facts["exchange"],
            symbol=facts["symbol"],
            market_id=market_id,
            side=Side(facts["side"]),
            multiplier=to_decimal(float(self.table.multiplier[row])),
            fee=fee,
            bids=book.bids,
            asks=book.asks,
            exchange_ts=book.exchange_ts,
            received_at=book.received_at,
            amount_step=_number(self.table.amount_step, row),
            min_amount=_number(self.table.min_amount, row),
            min_notional=_number(self.table.min_notional, row),
            funding=funding if needs_funding else None,
        )


def leg_source(opportunities: Sequence[Opportunity], *, now_ms: int) -> LegSource:
    """Everything that pricing these opportunities takes: one read of the table, the books and (if needed) funding."""
    wanted = sorted({market_id for one in opportunities for market_id in one.market_ids})
    table = market_table()
    rows = table.rows(np.array(wanted, dtype=np.int32))
    funding: dict[int, Funding] = {}
    if any(strategy_get(kind).needs_funding for kind in {one.kind for one in opportunities}):
        funding = _funding(snapshots_latest(now_ms=now_ms).funding, wanted, now_ms)
    return LegSource(
        table=table,
        row={market_id: int(row) for market_id, row in zip(wanted, rows, strict=True) if row >= 0},
        books=books_latest(wanted),
        funding=funding,
    )


def _funding(snapshots: Collection[FundingRates], wanted: Sequence[int], now_ms: int) -> dict[int, Funding]:
    """Complete funding of the wanted markets; what has just been due counts from its next time (as in the scan)."""
    found = {}
    for snapshot in snapshots:
        if now_ms - snapshot.received_at > settings.MAX_FUNDING_AGE_S * 1000:
            continue
        for at in np.flatnonzero(np.isin(snapshot.market_id, wanted)).tolist():
            rate, hours = float(snapshot.rate[at]), float(snapshot.interval_hours[at])
            due = int(snapshot.next_funding_at[at])
            if not (np.isfinite(rate) and hours > 0 and due > 0):
                continue
            if due < now_ms:
                due += round(hours * MS_PER_HOUR)
            if due >= now_ms:
                found[int(snapshot.market_id[at])] = Funding(to_decimal(rate), to_decimal(hours), due)
    return found


def _number(column: Floats, row: int) -> Decimal | None:
    value = float(column[row])
    return None if isnan(value) else to_decimal(value)
