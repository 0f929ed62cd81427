"""What surrounds opportunities when they are priced: transfers, volatility, exchanges, settled fundings, past episodes.

Read once for many rows. What the past says is kept in the row's details for a while, as it changes slowly."""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from math import isnan
from typing import Any
from uuid import UUID

import numpy as np
import redis

from apps.core import clock, config
from apps.core.money import to_decimal
from apps.markets.enums import FeedState, Gate
from apps.markets.history import funding_describe, spread_describe
from apps.markets.selectors import (
    feeds_status,
    funding_histories,
    guards_of,
    market_table,
    transfers_between,
    volatility_of,
)
from apps.markets.types import FeedStatus, FundingHistory, TransferRoute
from apps.opportunities.enums import Side
from apps.opportunities.legs import Leg, plain
from apps.opportunities.liquidation import Liquidation, liquidation_of
from apps.opportunities.models import Lifetime, Opportunity
from apps.opportunities.pricing import Priced
from apps.opportunities.risk import EdgePast, FundingPast, Health
from apps.opportunities.strategies.registry import strategy_get
from apps.opportunities.transfer import Move, Moved, Route, moved
from apps.opportunities.view import SPOT

logger = logging.getLogger(__name__)

# Fundings are settled every hour at most, and read once in a while.
PAST_COUNTS = timedelta(minutes=10)
PAST_DAYS = 7
# Less than this of the request budget left: books and rates will come late.
_BUDGET_FULL = 0.9
_STALE_REFUSED = 0.05


@dataclass(frozen=True, slots=True)
class Contract:
    """A perpetual's contract in units of the listed base, and the highest leverage that is told (None: none is)."""

    size: Decimal
    max_leverage: Decimal | None


@dataclass(frozen=True, slots=True)
class Circumstances:
    """The facts, by what they are about; what is not known is left out."""

    routes: Mapping[Route, TransferRoute]
    volatility: Mapping[int, float]
    health: Mapping[str, Health]
    contracts: Mapping[int, Contract]
    funding: Mapping[UUID, FundingPast | None]
    measured_at: Mapping[UUID, datetime]
    lifetimes: Mapping[tuple[str, str, str], EdgePast]
    leverage: Decimal

    def moved(self, row: Opportunity, legs: Sequence[Leg], priced: Priced) -> Moved | None:
        """What it costs to put the stock of both exchanges back; None for kinds that leave it where it is."""
        if not strategy_get(row.kind).moves:
            return None
        sold = legs[1]
        notional = priced.prices[0] * priced.amounts[0]
        asset, money = _routes(row)
        quote = Decimal(1) if sold.exchanged is None else sold.exchanged.rate
        return moved(
            (
                Move(*asset, priced.quantity, notional / priced.quantity, self.routes[asset]),
                Move(*money, priced.prices[1] * priced.amounts[1], quote, self.routes[money]),
            ),
            notional,
        )

    def liquidations(self, row: Opportunity, priced: Priced) -> dict[int, Liquidation]:
        """Where each perpetual leg is liquidated at the configured leverage, by its place."""
        return liquidations_of(row, priced, self.contracts, self.leverage)

    def counts(self, row: Opportunity, priced: Priced) -> list[str | None]:
        """How many contracts the amount of each leg is; None for what is not traded in contracts."""
        contracts = [self.contracts.get(market_id) for market_id in row.market_ids]
        return [
            None if contract is None else plain(amount / contract.size, digits=12)
            for contract, amount in zip(contracts, priced.amounts, strict=True)
        ]

    def past(self, row: Opportunity) -> dict[str, Any]:
        """What the row's details keep of the past, so that it need not be read again for a while."""
        funding = self.funding.get(row.pk)
        return {
            "measured_at": self.measured_at[row.pk].isoformat(),
            "funding": None if funding is None else asdict(funding),
            "edge": None if (edge := self.edge_past(row)) is None else asdict(edge),
        }

    def edge_past(self, row: Opportunity) -> EdgePast | None:
        """How edges of its kind and instrument went before."""
        return self.lifetimes.get((row.kind, row.instrument, row.origin))


def circumstances_of(rows: Sequence[Opportunity], *, now: datetime) -> Circumstances:
    """Everything that these rows' risk depends on beside their books: a few queries, however many rows."""
    market_ids = {market_id for row in rows for market_id in row.market_ids}
    exchanges = {leg["exchange"] for row in rows for leg in row.legs}
    routes = {route for row in rows if strategy_get(row.kind).moves for route in _routes(row)}
    funding, measured_at = _funding(rows, now)
    return Circumstances(
        routes=transfers_between(routes) if routes else {},
        volatility=_volatility(market_ids),
        health=_health(exchanges),
        contracts=contracts_of(market_ids),
        funding=funding,
        measured_at=measured_at,
        lifetimes=_lifetimes(rows),
        leverage=config.get("opportunities.leverage"),
    )


def _routes(row: Opportunity) -> tuple[Route, Route]:
    """The asset goes to where it was sold, the money back to where it was spent."""
    bought, sold = row.legs
    money = sold["symbol"].partition("/")[2]
    return (
        (row.instrument, bought["exchange"], sold["exchange"]),
        (money, sold["exchange"], bought["exchange"]),
    )


def liquidations_of(
    row: Opportunity, priced: Priced, contracts: Mapping[int, Contract], leverage: Decimal
) -> dict[int, Liquidation]:
    """Where each perpetual leg is liquidated at this leverage (or its exchange's highest), by its place."""
    found = {}
    for at, leg in enumerate(row.legs):
        contract = contracts.get(leg["market_id"])
        if contract is not None:
            found[at] = liquidation_of(Side(leg["side"]), priced.prices[at], leverage, contract.max_leverage)
    return found


def contracts_of(market_ids: Collection[int]) -> dict[int, Contract]:
    """The contracts of those of these markets that are perpetuals, by market id."""
    table = market_table()
    ids = sorted(market_ids)
    found = {}
    for market_id, row in zip(ids, table.rows(np.array(ids, dtype=np.int32)).tolist(), strict=True):
        if row >= 0 and table.type_code[row] != SPOT:
            highest = float(table.max_leverage[row])
            size = to_decimal(float(table.contract_size[row]))
            found[market_id] = Contract(size, None if isnan(highest) else to_decimal(highest))
    return found


def _volatility(market_ids: set[int]) -> dict[int, float]:
    try:
        return volatility_of(market_ids)
    except redis.RedisError as error:
        # Unknown, as it is before the first samples: pricing itself does not hang on it.
        logger.warning("Volatility is not known: %s", error)
        return {}


def _health(exchanges: set[str]) -> dict[str, Health]:
    feeds: dict[str, list[FeedStatus]] = {name: [] for name in exchanges}
    for feed in feeds_status():
        if feed.exchange in feeds:
            feeds[feed.exchange].append(feed)
    return {name: _health_of(name, mine) for name, mine in feeds.items()}


def _health_of(exchange: str, feeds: Sequence[FeedStatus]) -> Health:
    """The worst of what is wrong: calls are held back (0), a feed is (0.3), much of a feed is refused, or the request
    budget is nearly used up (0.7)."""
    guards = guards_of(exchange)
    if guards.breaker != "closed":
        return Health(exchange, 0.0, "calls to it fail and are held back")
    off = [feed for feed in feeds if feed.state not in (FeedState.OK, FeedState.NEW)]
    if off:
        words = f" ({off[0].reason})" if off[0].reason else ""
        return Health(exchange, 0.3, f"its {off[0].kind.value} feed is {off[0].state.label}{words}")
    for feed in feeds:
        if feed.refused > _STALE_REFUSED * (feed.rows + feed.refused):
            part = feed.refused / (feed.rows + feed.refused)
            return Health(exchange, 0.7, f"{part:.0%} of its {feed.kind.value} rows are refused")
    if guards.budget_used is not None and guards.budget_used > _BUDGET_FULL:
        return Health(exchange, 0.7, f"{guards.budget_used:.0%} of the calls that it allows are used")
    return Health(exchange, 1.0)


def _funding(rows: Sequence[Opportunity], now: datetime) -> tuple[dict[UUID, FundingPast | None], dict[UUID, datetime]]:
    """What the settled fundings of each row's legs came to, from the row itself where that is recent."""
    funding: dict[UUID, FundingPast | None] = {}
    measured_at: dict[UUID, datetime] = {}
    missing = []
    for row in rows:
        kept = row.details.get("past")
        at = None if kept is None else datetime.fromisoformat(kept["measured_at"])
        if kept is None or at is None or not timedelta(0) <= now - at < PAST_COUNTS:
            missing.append(row)
            continue
        measured_at[row.pk] = at
        funding[row.pk] = None if kept["funding"] is None else FundingPast(**kept["funding"])
    funded = {row.pk: [row.legs[at] for at in strategy_get(row.kind).funded] for row in missing}
    ids = {leg["market_id"] for legs in funded.values() for leg in legs}
    histories = funding_histories(ids, now - timedelta(days=PAST_DAYS), now) if ids else {}
    for row in missing:
        measured_at[row.pk] = now
        funding[row.pk] = _funding_past(funded[row.pk], histories)
    return funding, measured_at


def _funding_past(legs: Sequence[Mapping[str, Any]], histories: Mapping[int, FundingHistory]) -> FundingPast | None:
    """Of one funded leg what it received or paid, of two the difference; None where there is too little of it."""
    if len(legs) == 2:
        long, short = sorted(legs, key=lambda leg: leg["side"] == Side.SELL)
        spread = spread_describe(histories[long["market_id"]], histories[short["market_id"]])
        if spread.mean_hourly is None or spread.std_hourly is None:
            return None
        return FundingPast(spread.points, spread.mean_hourly, spread.std_hourly, spread.half_life_hours)
    if len(legs) == 1:
        stats = funding_describe(histories[legs[0]["market_id"]])
        if stats.mean_hourly is None or stats.std_hourly is None:
            return None
        sign = 1 if legs[0]["side"] == Side.SELL else -1
        return FundingPast(stats.count, sign * stats.mean_hourly, stats.std_hourly, None)
    return None


def _lifetimes(rows: Sequence[Opportunity]) -> dict[tuple[str, str, str], EdgePast]:
    found = Lifetime.objects.filter(instrument__in={row.instrument for row in rows})
    return {
        (one.kind, one.instrument, one.origin): EdgePast(one.half_life_s, one.measured, one.kept_share) for one in found
    }


def funding_now(legs: Sequence[Leg]) -> Decimal | None:
    """What is received per hour at the rates of now, as a fraction of notional; None without any funded leg."""
    funded = [(leg.side, leg.funding) for leg in legs if leg.funding is not None]
    if not funded:
        return None
    return sum(((1 if side is Side.SELL else -1) * one.rate / one.interval_h for side, one in funded), to_decimal(0))


def gate_shut(fees: Moved | None) -> bool:
    """Whether what would have to be moved can't be."""
    return fees is not None and fees.state is Gate.CLOSED


def book_age_s(legs: Sequence[Leg], now: datetime) -> float:
    """Seconds since the older book came."""
    return max(0, clock.to_ms(now) - min(leg.received_at for leg in legs)) / 1000
