"""Hold a perpetual long where funding is low and short where it is high: the price cancels out, the funding stays."""

from decimal import Decimal
from typing import ClassVar

import numpy as np

from apps.markets.types import Floats
from apps.opportunities.enums import OpportunityKind, Reason
from apps.opportunities.exceptions import Unfit
from apps.opportunities.legs import Funding, Leg, Levels, vwap
from apps.opportunities.strategies.base import Candidates, Edges, EdgeTerms, ScanParams, Strategy
from apps.opportunities.strategies.pairs import SLACK, may_compare, pairs_within
from apps.opportunities.types import Family
from apps.opportunities.view import MS_PER_HOUR, SWAP, MarketView

HOURS_PER_YEAR = 8760


class FundingRate(Strategy):
    """Long perpetual A, short perpetual B, held for H hours.

    gross = `n_B f_B - n_A f_A`; net = gross `- 2(t_A+t_B) - (s_A+s_B) + min(0, mid_B/mid_A - 1)`, with the fundings
    inside the horizon `n = 0 if d > H else floor((H-d)/h) + 1` and `s` the full spread of a leg over its mid.
    """

    kind: ClassVar = OpportunityKind.FUNDING_RATE
    family: ClassVar[Family] = "arbitrage"
    formula: ClassVar = "funding_rate/1"
    needs_funding: ClassVar = True
    unseen_s: ClassVar = 120

    def scan(self, view: MarketView, params: ScanParams) -> Candidates:
        """Perpetuals of one instrument and quote currency on two exchanges."""
        swaps = view.rows_of_type(SWAP)
        income = _income(view, swaps, params.horizon_h)
        cost = 2 * view.layout.fee[swaps] + (view.ask[swaps] - view.bid[swaps]) / view.mid[swaps]
        short, long = income - cost, income + cost
        # The entry basis only ever costs, so what passes without it is all that can pass with it.
        wanted = long + (params.min_net_edge - SLACK)
        buy, sell = pairs_within(view.layout.group[swaps], lambda low, high: short[high] > wanted[low])
        gross = income[sell] - income[buy]
        net = gross - (cost[buy] + cost[sell])
        buy, sell = buy + swaps.start, sell + swaps.start
        net = net + np.minimum(0.0, view.mid[sell] / view.mid[buy] - 1)
        good = np.flatnonzero((net > params.min_net_edge) & may_compare(view, buy, sell, params))
        buy, sell = buy[good], sell[good]
        depth = np.minimum(view.ask_size, view.bid_size)
        return Candidates(
            kind=self.kind,
            sides=(1, -1),
            legs=np.column_stack([buy, sell]),
            gross=gross[good],
            net=net[good],
            notional=np.minimum(depth[buy], depth[sell]) * view.ask[buy],
        )

    def ladders(self, legs: tuple[Leg, ...]) -> tuple[Levels, ...]:
        """Both sides of both books: what is opened has to be closed again."""
        long, short = legs
        return long.unit_asks, long.unit_bids, short.unit_asks, short.unit_bids

    def earning(self, legs: tuple[Leg, ...], terms: EdgeTerms, prices: tuple[Decimal, ...]) -> Decimal:
        """Fraction of notional that the unit at these prices keeps."""
        long, short = legs
        long_ask, long_bid, short_ask, short_bid = prices
        spreads = (long_ask - long_bid) / long.unit_mid + (short_ask - short_bid) / short.unit_mid
        return _gross(legs, terms) - _fees(legs) + _basis(legs) - spreads

    def edges(self, legs: tuple[Leg, ...], terms: EdgeTerms, quantity: Decimal) -> Edges:
        """Spreads are those of the volume-weighted prices; profit is net times the notional of the long leg."""
        long, short = legs
        gross, fees, basis = _gross(legs, terms), _fees(legs), _basis(legs)
        bought = vwap(long.unit_asks, quantity)
        spread_long = (bought - vwap(long.unit_bids, quantity)) / long.unit_mid
        spread_short = (vwap(short.unit_asks, quantity) - vwap(short.unit_bids, quantity)) / short.unit_mid
        net = gross - fees - (spread_long + spread_short) + basis
        long_funding, short_funding = _funding(long), _funding(short)
        hourly = short_funding.rate / short_funding.interval_h - long_funding.rate / long_funding.interval_h
        return Edges(
            gross=gross,
            net=net,
            profit=net * quantity * bought,
            net_apr=net * HOURS_PER_YEAR / terms.horizon_h,
            costs={"fees": fees, "spread": spread_long + spread_short, "basis": -basis},
            details={
                "hourly_rate_difference": hourly,
                "net_rate_difference": abs(8 * hourly) - (long.fee + short.fee),
                "break_even_hours": (gross - net) / hourly if hourly > 0 else None,
                "entry_basis": short.unit_mid / long.unit_mid - 1,
                "fundings_long": Decimal(fundings_within(terms, long_funding)),
                "fundings_short": Decimal(fundings_within(terms, short_funding)),
            },
        )


def fundings_within(terms: EdgeTerms, funding: Funding) -> int:
    """Fundings inside the horizon, counted in whole milliseconds: `0 if d > H else floor((H-d)/h) + 1`."""
    horizon = int(terms.horizon_h * MS_PER_HOUR)
    wait = funding.next_funding_at - terms.at_ms
    return 0 if wait > horizon else (horizon - wait) // int(funding.interval_h * MS_PER_HOUR) + 1


def _income(view: MarketView, rows: slice, horizon_h: float) -> Floats:
    """What a short position receives within the horizon per row, as a fraction of notional; NaN = unknown."""
    horizon = int(horizon_h * MS_PER_HOUR)
    wait = view.next_funding_at[rows] - view.now_ms
    count = np.where(wait > horizon, 0, (horizon - wait) // np.maximum(view.interval_ms[rows], 1) + 1)
    income: Floats = count * view.rate[rows]
    return income


def _gross(legs: tuple[Leg, ...], terms: EdgeTerms) -> Decimal:
    long, short = (_funding(leg) for leg in legs)
    return fundings_within(terms, short) * short.rate - fundings_within(terms, long) * long.rate


def _fees(legs: tuple[Leg, ...]) -> Decimal:
    long, short = legs
    return 2 * (long.fee + short.fee)


def _basis(legs: tuple[Leg, ...]) -> Decimal:
    long, short = legs
    return min(Decimal(0), short.unit_mid / long.unit_mid - 1)


def _funding(leg: Leg) -> Funding:
    if leg.funding is None:
        raise Unfit(Reason.MISSING_FUNDING)
    return leg.funding
