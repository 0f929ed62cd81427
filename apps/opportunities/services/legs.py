"""Order books, fees, lots and funding of stored legs, read once for many opportunities."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from math import isnan
from typing import Any

import numpy as np
from django.conf import settings

from apps.core.money import round_down, to_decimal
from apps.markets.conversion import Rates, conversion_rates, dollar_markets
from apps.markets.enums import SnapshotKind
from apps.markets.selectors import books_latest, market_table, snapshots_latest
from apps.markets.types import Floats, FundingRates, Latest, MarketTable, OrderBook
from apps.opportunities.enums import Reason, Side
from apps.opportunities.legs import EXACT, Exchanged, Funding, Leg
from apps.opportunities.models import Opportunity
from apps.opportunities.pricing import Refusal
from apps.opportunities.strategies.registry import strategy_get
from apps.opportunities.view import MS_PER_HOUR

# As exact as anybody quotes a dollar, and short in the evidence.
_RATE_STEP = Decimal("1e-12")


@dataclass(frozen=True, slots=True)
class LegSource:
    """What legs are made from, by market id; `row` of the table, `fee` where it is known and a fraction in [0, 1)."""

    table: MarketTable
    row: Mapping[int, int]
    fee: Mapping[int, Decimal]
    books: Mapping[int, OrderBook]
    funding: Mapping[int, Funding]
    rates: Rates

    def legs(self, opportunity: Opportunity) -> tuple[Leg, ...] | Refusal:
        """The opportunity's legs as they are now, or what is missing."""
        strategy = strategy_get(opportunity.kind)
        ids = opportunity.market_ids
        funded = {ids[at] for at in strategy.funded}
        # What ends a row comes before what only keeps it waiting, whichever leg it is about.
        for reason, wanted, present in (
            (Reason.UNKNOWN_MARKET, set(ids), self.row.keys()),
            (Reason.MISSING_FEE, set(ids), self.fee.keys()),
            (Reason.MISSING_FUNDING, funded, self.funding.keys()),
            (Reason.MISSING_BOOK, set(ids), self.books.keys()),
        ):
            if not present >= wanted:
                return Refusal(reason)
        quotes = [self._quote(market_id) for market_id in ids]
        if strategy.converts and len(set(quotes)) > 1 and not self.rates.keys() >= set(quotes):
            return Refusal(Reason.MISSING_CONVERSION)
        return tuple(
            self._leg(facts, into=quotes[0] if strategy.converts else quote, funded=facts["market_id"] in funded)
            for facts, quote in zip(opportunity.legs, quotes, strict=True)
        )

    def _quote(self, market_id: int) -> str:
        return self.table.quotes[int(self.table.quote_code[self.row[market_id]])]

    def _leg(self, facts: Mapping[str, Any], *, into: str, funded: bool) -> Leg:
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
            funding=self.funding[market_id] if funded else None,
            exchanged=_exchanged(self.rates, self._quote(market_id), into),
        )


def leg_source(opportunities: Sequence[Opportunity], *, now_ms: int) -> LegSource:
    """Everything that pricing these opportunities takes: one read of the table, the books and (if needed) snapshots."""
    wanted = sorted({market_id for one in opportunities for market_id in one.market_ids})
    table = market_table()
    rows = table.rows(np.array(wanted, dtype=np.int32))
    row_of = {market_id: int(row) for market_id, row in zip(wanted, rows, strict=True) if row >= 0}
    strategies = {kind: strategy_get(kind) for kind in {one.kind for one in opportunities}}
    across = any(
        len({table.quote_code[row_of[at]] for at in one.market_ids if at in row_of}) > 1
        for one in opportunities
        if strategies[one.kind].converts
    )
    funded = any(strategy.funded for strategy in strategies.values())
    wanted_of = [kind for kind, asked in ((SnapshotKind.FUNDING, funded), (SnapshotKind.SPOT, across)) if asked]
    latest = snapshots_latest(now_ms=now_ms, kinds=wanted_of) if wanted_of else Latest()
    fees = {market_id: _number(table.taker_fee, row) for market_id, row in row_of.items()}
    return LegSource(
        table=table,
        row=row_of,
        fee={market_id: fee for market_id, fee in fees.items() if fee is not None and 0 <= fee < 1},
        books=books_latest(wanted),
        funding=_funding(latest.funding, wanted, now_ms),
        rates=_rates(table, latest) if across else {},
    )


def _rates(table: MarketTable, latest: Latest) -> Rates:
    spot = [quotes for quotes in latest.spot if quotes.market_version == table.version]
    return conversion_rates(dollar_markets(table), spot)


def _exchanged(rates: Rates, of: str, into: str) -> Exchanged | None:
    """The conversion from one dollar to another, rounded against us; None where there is nothing to convert."""
    if of == into:
        return None
    earned, spent = rates[of], rates[into]
    seen = [rate for rate in (earned, spent) if rate.exchanges]
    with localcontext(EXACT):
        return Exchanged(
            of=of,
            into=into,
            rate=round_down(to_decimal(earned.bid) / to_decimal(spent.ask), _RATE_STEP),
            kept=round_down((1 - to_decimal(earned.fee)) / (1 + to_decimal(spent.fee)), _RATE_STEP),
            exchanges=tuple(sorted({name for rate in seen for name in rate.exchanges})),
            exchange_ts=min(rate.exchange_ts for rate in seen),
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
