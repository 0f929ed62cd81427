"""The strategies there are: one row each. Those of `strategies` promise an edge, those of `signals` none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from apps.core.registry import Registry
from apps.opportunities.enums import OpportunityKind

if TYPE_CHECKING:
    from apps.opportunities.strategies.base import Strategy
    from apps.opportunities.strategies.signal import SignalStrategy

strategies: Registry[Strategy] = Registry(
    "strategy",
    "apps.opportunities.strategies.base.Strategy",
    {
        OpportunityKind.FUNDING_RATE: "apps.opportunities.strategies.funding_rate.FundingRate",
        OpportunityKind.SPOT_PERP: "apps.opportunities.strategies.spot_perp.SpotPerp",
        OpportunityKind.CROSS_EXCHANGE: "apps.opportunities.strategies.cross_exchange.CrossExchange",
        OpportunityKind.TRIANGULAR: "apps.opportunities.strategies.triangular.Triangular",
    },
)

signals: Registry[SignalStrategy] = Registry(
    "signal",
    "apps.opportunities.strategies.signal.SignalStrategy",
    {OpportunityKind.TECHNICAL: "apps.opportunities.strategies.technical.Technical"},
)


def strategy_get(kind: str) -> Strategy:
    """The strategy of a kind that promises an edge. Raises `OperatorError` naming the known ones."""
    return strategies.get(kind)()


def strategies_all() -> list[Strategy]:
    """Every strategy that promises an edge, in the table's order."""
    return [strategy_get(kind) for kind in strategies.names()]


def signal_get(kind: str) -> SignalStrategy:
    """The strategy of a kind of signal. Raises `OperatorError` naming the known ones."""
    return signals.get(kind)()


def kinds_all() -> list[Strategy | SignalStrategy]:
    """Every kind with its class data, whether it promises an edge or not."""
    return [*strategies_all(), *(signal_get(kind) for kind in signals.names())]
