"""From the gross edge to what is left: one step per cost, as figures."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from apps.opportunities.models import Opportunity

# Costs come in this order where a kind has them, others behind them in the order of its formula.
_ORDER: Final = ("fees", "depth", "spread", "basis")
ROUNDING: Final = "rounding"


@dataclass(frozen=True, slots=True)
class Step:
    """A bar from `start` to `end` (fractions of notional): a `total` starts at nothing, any other at the last end."""

    name: str
    label: str
    start: Decimal
    end: Decimal
    total: bool = False

    @property
    def change(self) -> Decimal:
        """What the step adds; a cost is negative."""
        return self.end - self.start


def waterfall_of(opportunity: Opportunity) -> tuple[Step, ...]:
    """gross, each cost, net; transfer and what is left then, where moving the assets is possible and its price known.

    Exactly: every step starts where the last one ended. What rounding to eight places leaves between the stored costs
    and the stored net edge is a step of its own. Empty for a row that is not priced yet or promises no edge."""
    costs: Mapping[str, str] = opportunity.details.get("costs") or {}
    if opportunity.gross_edge is None or opportunity.net_edge is None or not costs:
        return ()
    return tuple(_steps(opportunity, costs))


def _steps(opportunity: Opportunity, costs: Mapping[str, str]) -> Iterator[Step]:
    level = opportunity.gross_edge
    yield Step("gross", "gross", Decimal(0), level, total=True)
    for name in sorted(costs, key=lambda one: _ORDER.index(one) if one in _ORDER else len(_ORDER)):
        cost = Decimal(costs[name])
        yield Step(name, name.replace("_", " "), level, level - cost)
        level -= cost
    if level != opportunity.net_edge:
        yield Step(ROUNDING, ROUNDING, level, opportunity.net_edge)
    yield Step("net", "net", Decimal(0), opportunity.net_edge, total=True)
    after = _after_transfer(opportunity.details)
    if after is not None:
        yield Step("transfer", "transfer", opportunity.net_edge, after)
        yield Step("net_after_transfer", "net after transfer", Decimal(0), after, total=True)


def _after_transfer(details: Mapping[str, Any]) -> Decimal | None:
    value = details.get("net_after_transfer")
    return None if value is None else Decimal(value)
