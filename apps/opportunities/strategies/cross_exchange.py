"""Buy spot where it is cheap and sell it, already held, where it is dear; both sides prefunded."""

from decimal import Decimal
from typing import ClassVar

import numpy as np

from apps.opportunities.enums import OpportunityKind
from apps.opportunities.legs import Leg, Levels, vwap
from apps.opportunities.strategies.base import Candidates, Edges, EdgeTerms, ScanParams, Strategy
from apps.opportunities.strategies.pairs import SLACK, may_compare, pairs_within
from apps.opportunities.types import Family
from apps.opportunities.view import SPOT, MarketView


class CrossExchange(Strategy):
    """gross = `bid_B/ask_A - 1`; net = `bid_B(1-t_B) / (ask_A(1+t_A)) - 1`."""

    kind: ClassVar = OpportunityKind.CROSS_EXCHANGE
    family: ClassVar[Family] = "arbitrage"
    formula: ClassVar = "cross_exchange/1"
    unseen_s: ClassVar = 60

    def scan(self, view: MarketView, params: ScanParams) -> Candidates:
        """Spot pairs with the same quote currency on two exchanges."""
        spot = view.rows_of_type(SPOT)
        fee = view.layout.fee[spot]
        cost, proceeds = view.ask[spot] * (1 + fee), view.bid[spot] * (1 - fee)
        wanted = cost * ((1 + params.min_net_edge) * (1 - SLACK))
        buy, sell = pairs_within(view.layout.group[spot], lambda low, high: proceeds[high] > wanted[low])
        net = proceeds[sell] / cost[buy] - 1
        buy, sell = buy + spot.start, sell + spot.start
        good = np.flatnonzero((net > params.min_net_edge) & may_compare(view, buy, sell, params))
        buy, sell, net = buy[good], sell[good], net[good]
        return Candidates(
            kind=self.kind,
            sides=(1, -1),
            legs=np.column_stack([buy, sell]),
            gross=view.bid[sell] / view.ask[buy] - 1,
            net=net,
            notional=np.minimum(view.ask_size[buy], view.bid_size[sell]) * view.ask[buy],
        )

    def ladders(self, legs: tuple[Leg, ...]) -> tuple[Levels, ...]:
        """Asks where it is bought, bids where it is sold."""
        buy, sell = legs
        return buy.unit_asks, sell.unit_bids

    def earning(self, legs: tuple[Leg, ...], _terms: EdgeTerms, prices: tuple[Decimal, ...]) -> Decimal:
        """Quote currency that the unit at these prices leaves after both fees."""
        buy, sell = legs
        ask, bid = prices
        return bid * (1 - sell.fee) - ask * (1 + buy.fee)

    def edges(self, legs: tuple[Leg, ...], _terms: EdgeTerms, quantity: Decimal) -> Edges:
        """At volume-weighted prices; gross is that of the best prices, so the depth of the books is a cost as well."""
        buy, sell = legs
        bought, sold = vwap(buy.unit_asks, quantity), vwap(sell.unit_bids, quantity)
        cost, proceeds = bought * (1 + buy.fee), sold * (1 - sell.fee)
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
