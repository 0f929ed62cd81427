"""Buy spot where it is cheap and sell it, already held, where it is dear; both sides prefunded."""

from collections.abc import Callable
from decimal import Decimal
from typing import ClassVar

import numpy as np

from apps.opportunities.enums import OpportunityKind
from apps.opportunities.legs import Leg, Levels, vwap
from apps.opportunities.strategies.base import Candidates, Edges, EdgeTerms, ScanParams, Strategy
from apps.opportunities.strategies.pairs import SLACK, are_apart, may_compare, pairs_above
from apps.opportunities.types import Family
from apps.opportunities.view import SPOT, MarketView


class CrossExchange(Strategy):
    """gross = `bid_B/ask_A - 1`; net = `bid_B(1-t_B) / (ask_A(1+t_A)) - 1`.

    Where B is quoted in another dollar than A, `bid_B` is times the live rate at the adverse side, and the net proceeds
    are less the fees of that conversion."""

    kind: ClassVar = OpportunityKind.CROSS_EXCHANGE
    family: ClassVar[Family] = "arbitrage"
    formula: ClassVar = "cross_exchange/1"
    unseen_s: ClassVar = 60
    moves: ClassVar = True
    # A gap that nobody has closed for an hour has a reason that we do not know.
    longest_s: ClassVar = 3600

    def scan(self, view: MarketView, params: ScanParams) -> Candidates:
        """Spot pairs with comparable quote currencies on two exchanges."""
        meeting = view.layout.meeting(SPOT, SPOT)
        spot = meeting.buy
        fee, worth = view.layout.fee[spot], view.worth(spot)
        cost, proceeds = view.ask[spot] * (1 + fee), view.bid[spot] * (1 - fee)
        # Mid rates are kinder than any conversion, so what passes with them is all that can pass.
        wanted = cost * worth
        wanted *= (1 + params.min_net_edge) * (1 - SLACK)
        bought, sold = pairs_above(meeting, wanted, proceeds * worth)
        buy, sell = meeting.rows(bought, sold)
        rate, kept = view.exchanged(buy, sell)
        net = proceeds[sold] * rate * kept / cost[bought] - 1
        fits = are_apart(view, buy, sell) & may_compare(view, buy, sell, rate, params)
        good = np.flatnonzero((net > params.min_net_edge) & fits)
        buy, sell = buy[good], sell[good]
        gross = view.bid[sell] * rate[good] / view.ask[buy] - 1
        return Candidates.pairs(self.kind, view, buy, sell, gross, net[good], both_sides=False)

    def ladders(self, legs: tuple[Leg, ...]) -> tuple[Levels, ...]:
        """Asks where it is bought, bids where it is sold."""
        buy, sell = legs
        return buy.unit_asks, sell.unit_bids

    def earning(self, legs: tuple[Leg, ...], terms: EdgeTerms, prices: tuple[Decimal, ...]) -> Decimal:
        """Quote currency that the unit at these prices leaves after both fees."""
        return self.earner(legs, terms)(prices)

    def earner(self, legs: tuple[Leg, ...], terms: EdgeTerms) -> Callable[[tuple[Decimal, ...]], Decimal]:
        """The fees are the same at all prices."""
        buy, sell = legs
        brings, costs = (1 - sell.fee) * sell.kept, 1 + buy.fee
        return lambda prices: prices[1] * brings - prices[0] * costs

    def summed(self, legs: tuple[Leg, ...], units: Decimal, spent: Decimal, earned: Decimal) -> tuple[Decimal, Decimal]:
        """What units earn is money; the edge is that over what they cost with the fee."""
        return earned / (spent * (1 + legs[0].fee)), earned

    def edges(self, legs: tuple[Leg, ...], _terms: EdgeTerms, quantity: Decimal) -> Edges:
        """At volume-weighted prices; gross is that of the best prices, so the depth of the books is a cost as well."""
        buy, sell = legs
        bought, sold = vwap(buy.unit_asks, quantity), vwap(sell.unit_bids, quantity)
        cost, proceeds = bought * (1 + buy.fee), sold * (1 - sell.fee) * sell.kept
        gross = sell.unit_bids[0][0] / buy.unit_asks[0][0] - 1
        before_fees = sold / bought - 1
        net = proceeds / cost - 1
        return Edges(
            gross=gross,
            net=net,
            profit=quantity * (proceeds - cost),
            net_apr=None,
            costs={"depth": gross - before_fees, "fees": before_fees - net},
            details={"price_gap": sold - bought},
        )
