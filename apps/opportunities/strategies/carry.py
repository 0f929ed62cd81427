"""What two legs that cancel each other's price cost and bring while they are held."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from apps.markets.types import Floats
from apps.opportunities.enums import Reason
from apps.opportunities.exceptions import Unfit
from apps.opportunities.legs import Funding, Leg, Levels, vwap
from apps.opportunities.strategies.base import Edges, EdgeTerms, Strategy
from apps.opportunities.view import MS_PER_HOUR, MarketView, Rows

HOURS_PER_YEAR = 8760


class Carry(Strategy):
    """A long and a short leg, opened now and closed after H hours.

    net = gross `- 2(t_L+t_S) - (s_L+s_S) + min(0, mid_S/mid_L - 1)`, with the taker fees `t`, and `s` the full spread
    of a leg over its mid at the size: what is opened on one side of a book is closed on the other.
    """

    @abstractmethod
    def received(self, legs: tuple[Leg, ...], terms: EdgeTerms) -> Decimal:
        """Funding received less funding paid within the horizon, as a fraction of notional: the gross edge."""

    @abstractmethod
    def hourly(self, legs: tuple[Leg, ...]) -> Decimal:
        """The same per hour, as if it were paid all the time."""

    @abstractmethod
    def more(self, legs: tuple[Leg, ...], terms: EdgeTerms, filled: "Filled") -> Mapping[str, Decimal | None]:
        """Details of this kind."""

    def ladders(self, legs: tuple[Leg, ...]) -> tuple[Levels, ...]:
        """Both sides of both books: what is opened has to be closed again."""
        long, short = legs
        return long.unit_asks, long.unit_bids, short.unit_asks, short.unit_bids

    def earning(self, legs: tuple[Leg, ...], terms: EdgeTerms, prices: tuple[Decimal, ...]) -> Decimal:
        """Fraction of notional that the unit at these prices keeps."""
        return self.earner(legs, terms)(prices)

    def earner(self, legs: tuple[Leg, ...], terms: EdgeTerms) -> Callable[[tuple[Decimal, ...]], Decimal]:
        """Only the spreads depend on the prices."""
        long_mid, short_mid = (leg.unit_mid for leg in legs)
        kept = self.received(legs, terms) - round_trip_fees(legs) + _basis(legs)

        def earning(prices: tuple[Decimal, ...]) -> Decimal:
            long_ask, long_bid, short_ask, short_bid = prices
            return kept - (long_ask - long_bid) / long_mid - (short_ask - short_bid) / short_mid

        return earning

    def summed(self, legs: tuple[Leg, ...], units: Decimal, spent: Decimal, earned: Decimal) -> tuple[Decimal, Decimal]:
        """What units earn are fractions of their notional."""
        net = earned / units
        return net, net * spent

    def edges(self, legs: tuple[Leg, ...], terms: EdgeTerms, quantity: Decimal) -> Edges:
        """Spreads are those of the volume-weighted prices; profit is net times the notional of the long leg."""
        long, short = legs
        gross, fees, basis = self.received(legs, terms), round_trip_fees(legs), _basis(legs)
        filled = Filled(*(vwap(ladder, quantity) for ladder in self.ladders(legs)))
        spread = (filled.long_ask - filled.long_bid) / long.unit_mid
        spread += (filled.short_ask - filled.short_bid) / short.unit_mid
        net = gross - fees - spread + basis
        hourly = self.hourly(legs)
        return Edges(
            gross=gross,
            net=net,
            profit=net * quantity * filled.long_ask,
            net_apr=net * HOURS_PER_YEAR / terms.horizon_h,
            costs={"fees": fees, "spread": spread, "basis": -basis},
            details={
                "break_even_hours": (gross - net) / hourly if hourly > 0 else None,
                "entry_basis": short.unit_mid / long.unit_mid - 1,
                **self.more(legs, terms, filled),
            },
        )


@dataclass(frozen=True, slots=True)
class Filled:
    """The volume-weighted prices at which both legs are opened and closed."""

    long_ask: Decimal
    long_bid: Decimal
    short_ask: Decimal
    short_bid: Decimal


def fundings_within(terms: EdgeTerms, funding: Funding) -> int:
    """Fundings inside the horizon, counted in whole milliseconds: `0 if d > H else floor((H-d)/h) + 1`."""
    horizon = int(terms.horizon_h * MS_PER_HOUR)
    wait = funding.next_funding_at - terms.at_ms
    return 0 if wait > horizon else (horizon - wait) // int(funding.interval_h * MS_PER_HOUR) + 1


def funding_of(leg: Leg) -> Funding:
    """The leg's funding. Raises `Unfit` where it has none."""
    if leg.funding is None:
        raise Unfit(Reason.MISSING_FUNDING)
    return leg.funding


def round_trip_fees(legs: tuple[Leg, ...]) -> Decimal:
    """All legs opened and closed, as a fraction of notional."""
    return 2 * sum((leg.fee for leg in legs), Decimal(0))


def income(view: MarketView, rows: Rows, horizon_h: float) -> Floats:
    """What a short position receives within the horizon per row, as a fraction of notional; NaN = unknown."""
    count = np.subtract(view.now_ms + int(horizon_h * MS_PER_HOUR), view.next_funding_at[rows], dtype=np.float64)
    # Whole milliseconds are exact as floats, and so is the floor of their quotient: it is at least 1/h off a whole one.
    count /= np.maximum(view.interval_ms[rows], 1)
    np.floor(count, out=count)
    count += 1
    # With less than nothing left the division gives at most -1.
    np.maximum(count, 0, out=count)
    count *= view.rate[rows]
    return count


def holding_cost(view: MarketView, rows: Rows) -> Floats:
    """Fees and the spread of opening and closing one row, as a fraction of notional."""
    cost: Floats = view.ask[rows] - view.bid[rows]
    cost /= view.mid[rows]
    cost += view.layout.fees_twice[rows]
    return cost


def _basis(legs: tuple[Leg, ...]) -> Decimal:
    long, short = legs
    return min(Decimal(0), short.unit_mid / long.unit_mid - 1)
