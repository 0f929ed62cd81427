"""Kinds of interest as data: what belongs to a category follows from an opportunity's figures and its kind's class."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Final

from django.db.models import Q

from apps.opportunities.enums import Risk
from apps.opportunities.models import Opportunity
from apps.opportunities.strategies.registry import kinds_all
from apps.opportunities.types import Family


@dataclass(frozen=True, slots=True)
class Category:
    """A named set of opportunities; every condition that is given has to hold.

    `family` and `funded` (earns funding, or not) choose kinds; edges are fractions of notional, `min_optimal` dollars.
    """

    name: str
    title: str
    words: str
    family: Family | None = None
    funded: bool | None = None
    max_risk: Risk = Risk.HIGH
    min_net_edge: Decimal | None = None
    min_optimal: Decimal | None = None
    min_confidence: float | None = None

    def kinds(self) -> frozenset[str]:
        """The kinds that can belong to it."""
        return _kinds(self.family, self.funded)

    def query(self) -> Q:
        """The condition that selects its rows."""
        wanted = Q(kind__in=sorted(self.kinds()), risk__in=self.max_risk.and_below)
        for field, least in self._least():
            wanted &= Q(**{f"{field}__gte": least})
        return wanted

    def holds(self, opportunity: Opportunity) -> bool:
        """Whether this row belongs to it, which is what `query` would select."""
        if opportunity.kind not in self.kinds() or opportunity.risk not in self.max_risk.and_below:
            return False
        values = ((getattr(opportunity, field), least) for field, least in self._least())
        return all(value is not None and value >= least for value, least in values)

    def _least(self) -> Iterable[tuple[str, Decimal | float]]:
        pairs = (
            ("net_edge", self.min_net_edge),
            ("optimal_notional", self.min_optimal),
            ("confidence", self.min_confidence),
        )
        return [(field, least) for field, least in pairs if least is not None]


CATEGORIES: Final = (
    Category(
        "low_risk_arbitrage",
        "Low-risk arbitrage",
        "Arbitrage whose risk is low. Low is not none: prices can move before every leg is filled.",
        family="arbitrage",
        max_risk=Risk.LOW,
    ),
    Category(
        "high_yield",
        "High yield",
        "Arbitrage with at least 0.5 % net of every cost. The larger an edge, the likelier something is wrong with it.",
        family="arbitrage",
        min_net_edge=Decimal("0.005"),
    ),
    Category(
        "large_size",
        "Large size",
        "Arbitrage that still earns with its 10,000th dollar.",
        family="arbitrage",
        min_optimal=Decimal(10_000),
    ),
    Category(
        "carry",
        "Carry",
        "Positions that are held for the funding they receive.",
        family="arbitrage",
        funded=True,
    ),
    Category(
        "price_gaps",
        "Price gaps",
        "Differences of price that are taken at once and are over within seconds or minutes.",
        family="arbitrage",
        funded=False,
    ),
    Category(
        "technical_momentum",
        "Technical momentum",
        "Signals of indicators on one market. They promise no edge.",
        family="technical",
    ),
)
# What `premium=true` lists.
PREMIUM: Final = Category(
    "premium",
    "Premium picks",
    "Arbitrage of at most medium risk whose figures are trusted by at least 0.7.",
    family="arbitrage",
    max_risk=Risk.MEDIUM,
    min_confidence=0.7,
)
NAMES: Final = tuple(category.name for category in CATEGORIES)


def categories_of(opportunity: Opportunity) -> list[str]:
    """Names of the categories that a row belongs to."""
    return [category.name for category in CATEGORIES if category.holds(opportunity)]


def in_any(names: Iterable[str]) -> Q:
    """The rows of at least one of these categories; names that are none select nothing."""
    wanted = set(names)
    found = Q(pk__in=[])
    for category in CATEGORIES:
        if category.name in wanted:
            found |= category.query()
    return found


@cache
def _kinds(family: Family | None, funded: bool | None) -> frozenset[str]:
    return frozenset(
        strategy.kind.value
        for strategy in kinds_all()
        if family in (None, strategy.family) and funded in (None, bool(strategy.funded))
    )
