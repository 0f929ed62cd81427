"""The strategies there are: one row each."""

from apps.core.registry import Registry
from apps.opportunities.enums import OpportunityKind
from apps.opportunities.strategies.base import Strategy

strategies: Registry[Strategy] = Registry(
    "strategy",
    Strategy,  # type: ignore[type-abstract]  # the base is only compared with, never made
    {
        OpportunityKind.FUNDING_RATE: "apps.opportunities.strategies.funding_rate.FundingRate",
        OpportunityKind.CROSS_EXCHANGE: "apps.opportunities.strategies.cross_exchange.CrossExchange",
    },
)


def strategy_get(kind: str) -> Strategy:
    """The strategy of a kind. Raises `OperatorError` naming the known ones."""
    return strategies.get(kind)()


def strategies_all() -> list[Strategy]:
    """Every strategy, in the table's order."""
    return [strategy_get(kind) for kind in strategies.names()]
