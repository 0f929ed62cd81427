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
    """What legs are made from, by market id; `row` of the table, `fee` where it is known and a fraction in [0, 1)."""

    table: MarketTable
    row: Mapping[int, int]
    fee: Mapping[int, Decimal]
    books: Mapping[int, OrderBook]
    funding: Mapping[int, Funding]

    def legs(self, opportunity: Opportunity) -> tuple[Leg, ...] | Refusal:
        """The opportunity's legs as they are now, or what is missing."""
        needs_funding = strategy_get(opportunity.kind).needs_funding
        ids = opportunity.market_ids
        # What ends a row comes before what only keeps it waiting, whichever leg it is about.
        for reason, present in (
            (Reason.UNKNOWN_MARKET, self.row.keys()),
            (Reason.MISSING_FEE, self.fee.keys()),
            (Reason.MISSING_FUNDING, self.funding.keys() if needs_funding else set(ids)),
            (Reason.MISSING_BOOK, self.books.keys()),
        ):
            if not present >= set(ids):
                return Refusal(reason)
        return tuple(self._leg(facts, needs_funding=needs_funding) for facts in opportunity.legs)

    def _leg(self, facts: Mapping[str, Any], *, needs_funding: bool) -> Leg:
        market_id: int = facts["market_id"]
        book, row = self.books[market_id], self.row[market_id]
        return Leg(
            exchange=facts["exchange"],
            symbol=facts["symbol"],
            market_id=market_id,
            side=Side(facts["side"]),
            multiplier=to_decimal(float(self.table.multiplier[row])),
            fee=self.fee[market_id],
            bids=book.bids,
            asks=book.asks,
            exchange_ts=book.exchange_ts,
            received_at=book.received_at,
            amount_step=_number(self.table.amount_step, row),
            min_amount=_number(self.table.min_amount, row),
            min_notional=_number(self.table.min_notional, row),
            funding=self.funding[market_id] if needs_funding else None,
        )


def leg_source(opportunities: Sequence[Opportunity], *, now_ms: int) -> LegSource:
    """Everything that pricing these opportunities takes: one read of the table, the books and (if needed) funding."""
    wanted = sorted({market_id for one in opportunities for market_id in one.market_ids})
    table = market_table()
    rows = table.rows(np.array(wanted, dtype=np.int32))
    funding: dict[int, Funding] = {}
    if any(strategy_get(kind).needs_funding for kind in {one.kind for one in opportunities}):
        funding = _funding(snapshots_latest(now_ms=now_ms).funding, wanted, now_ms)
    row_of = {market_id: int(row) for market_id, row in zip(wanted, rows, strict=True) if row >= 0}
    fees = {market_id: _number(table.taker_fee, row) for market_id, row in row_of.items()}
    return LegSource(
        table=table,
        row=row_of,
        fee={market_id: fee for market_id, fee in fees.items() if fee is not None and 0 <= fee < 1},
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
