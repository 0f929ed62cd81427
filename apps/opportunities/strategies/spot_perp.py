"""Hold the coin and sell its perpetual, on one exchange or on two: the price cancels out, the funding stays."""

from collections.abc import Mapping
from decimal import Decimal
from typing import ClassVar

import numpy as np

from apps.opportunities.enums import OpportunityKind
from apps.opportunities.legs import Leg
from apps.opportunities.strategies.base import Candidates, EdgeTerms, ScanParams
from apps.opportunities.strategies.carry import (
    Carry,
    Filled,
    funding_of,
    fundings_within,
    holding_cost,
    income,
    round_trip_fees,
)
from apps.opportunities.strategies.pairs import SLACK, may_compare, pairs_above
from apps.opportunities.types import Family
from apps.opportunities.view import SPOT, SWAP, MarketView


class SpotPerp(Carry):
    """Long spot S, short perpetual P, held for H hours.

    gross = `n_P f_P`; net = gross `- 2(t_S+t_P) - (s_S+s_P) + min(0, mid_P/mid_S - 1)`, fundings and spreads as in
    `FundingRate`. That a perpetual above its coin comes back to it is no part of net; what it would bring is shown
    beside it as `net_if_converged = bid_P/ask_S - 1 - 2(t_S+t_P) - (s_S+s_P)/2 + n_P f_P`: both are traded at the
    touch now, and at half a spread from one common price when the horizon is over.

    The other way round (short spot, long perpetual) takes a loan of the coin. Nobody tells us what that costs, so it
    is not offered.
    """

    kind: ClassVar = OpportunityKind.SPOT_PERP
    family: ClassVar[Family] = "arbitrage"
    formula: ClassVar = "spot_perp/1"
    funded: ClassVar = (1,)
    unseen_s: ClassVar = 120

    def scan(self, view: MarketView, params: ScanParams) -> Candidates:
        """A spot market and a perpetual of one instrument and comparable quote currencies."""
        meeting = view.layout.meeting(SPOT, SWAP)
        received, cost = income(view, meeting.sell, params.horizon_h), holding_cost(view, meeting.sell)
        spent = holding_cost(view, meeting.buy)
        # The entry basis only ever costs, so what passes without it is all that can pass with it.
        long, short = pairs_above(meeting, spent + (params.min_net_edge - SLACK), received - cost)
        gross = received[short]
        net = gross - (spent[long] + cost[short])
        buy, sell = meeting.rows(long, short)
        rate, _ = view.exchanged(buy, sell)
        net = net + np.minimum(0.0, view.mid[sell] * rate / view.mid[buy] - 1)
        good = np.flatnonzero((net > params.min_net_edge) & may_compare(view, buy, sell, rate, params))
        return Candidates.pairs(self.kind, view, buy[good], sell[good], gross[good], net[good], both_sides=True)

    def received(self, legs: tuple[Leg, ...], terms: EdgeTerms) -> Decimal:
        """`n_P f_P`."""
        funding = funding_of(legs[1])
        return fundings_within(terms, funding) * funding.rate

    def hourly(self, legs: tuple[Leg, ...]) -> Decimal:
        """`f_P/h_P`."""
        funding = funding_of(legs[1])
        return funding.rate / funding.interval_h

    def more(self, legs: tuple[Leg, ...], terms: EdgeTerms, filled: Filled) -> Mapping[str, Decimal | None]:
        """What it comes to if the prices have met when the horizon is over, and how often the short leg is paid."""
        spot, perpetual = legs
        gap = filled.short_bid / filled.long_ask - 1
        spreads = (filled.long_ask - filled.long_bid) / spot.unit_mid
        spreads += (filled.short_ask - filled.short_bid) / perpetual.unit_mid
        return {
            "net_if_converged": gap - round_trip_fees(legs) - spreads / 2 + self.received(legs, terms),
            "hourly_rate": self.hourly(legs),
            "fundings_short": Decimal(fundings_within(terms, funding_of(perpetual))),
        }
