"""Hold a perpetual long where funding is low and short where it is high: the price cancels out, the funding stays."""

from collections.abc import Mapping
from decimal import Decimal
from typing import ClassVar

import numpy as np

from apps.opportunities.enums import OpportunityKind
from apps.opportunities.legs import Leg
from apps.opportunities.strategies.base import Candidates, EdgeTerms, ScanParams
from apps.opportunities.strategies.carry import Carry, Filled, funding_of, fundings_within, holding_cost, income
from apps.opportunities.strategies.pairs import SLACK, are_apart, may_compare, pairs_above
from apps.opportunities.types import Family
from apps.opportunities.view import SWAP, MarketView


class FundingRate(Carry):
    """Long perpetual A, short perpetual B, held for H hours.

    gross = `n_B f_B - n_A f_A`; net = gross `- 2(t_A+t_B) - (s_A+s_B) + min(0, mid_B/mid_A - 1)`, with the fundings
    inside the horizon `n = 0 if d > H else floor((H-d)/h) + 1` and `s` the full spread of a leg over its mid. Legs that
    are settled in different dollars are compared by worth: `mid_B` is times the live rate at the adverse side. Nothing
    is converted to open or close them, so no fee of a conversion counts.
    """

    kind: ClassVar = OpportunityKind.FUNDING_RATE
    family: ClassVar[Family] = "arbitrage"
    formula: ClassVar = "funding_rate/1"
    funded: ClassVar = (0, 1)
    unseen_s: ClassVar = 120

    def scan(self, view: MarketView, params: ScanParams) -> Candidates:
        """Perpetuals of one instrument and comparable quote currencies on two exchanges."""
        meeting = view.layout.meeting(SWAP, SWAP)
        swaps = meeting.buy
        received, cost = income(view, swaps, params.horizon_h), holding_cost(view, swaps)
        # The entry basis only ever costs, so what passes without it is all that can pass with it.
        wanted = received + cost
        wanted += params.min_net_edge - SLACK
        long, short = pairs_above(meeting, wanted, received - cost)
        gross = received[short] - received[long]
        net = gross - (cost[long] + cost[short])
        buy, sell = meeting.rows(long, short)
        rate, _ = view.exchanged(buy, sell)
        net = net + np.minimum(0.0, view.mid[sell] * rate / view.mid[buy] - 1)
        fits = are_apart(view, buy, sell) & may_compare(view, buy, sell, rate, params)
        good = np.flatnonzero((net > params.min_net_edge) & fits)
        return Candidates.pairs(self.kind, view, buy[good], sell[good], gross[good], net[good], both_sides=True)

    def received(self, legs: tuple[Leg, ...], terms: EdgeTerms) -> Decimal:
        """`n_B f_B - n_A f_A`."""
        long, short = (funding_of(leg) for leg in legs)
        return fundings_within(terms, short) * short.rate - fundings_within(terms, long) * long.rate

    def hourly(self, legs: tuple[Leg, ...]) -> Decimal:
        """`f_B/h_B - f_A/h_A`."""
        long, short = (funding_of(leg) for leg in legs)
        return short.rate / short.interval_h - long.rate / long.interval_h

    def more(self, legs: tuple[Leg, ...], terms: EdgeTerms, filled: Filled) -> Mapping[str, Decimal | None]:
        """The rates' difference, and how often each leg is paid."""
        long, short = legs
        hourly = self.hourly(legs)
        return {
            "hourly_rate_difference": hourly,
            "net_rate_difference": abs(8 * hourly) - (long.fee + short.fee),
            "fundings_long": Decimal(fundings_within(terms, funding_of(long))),
            "fundings_short": Decimal(fundings_within(terms, funding_of(short))),
        }
