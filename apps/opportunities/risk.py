"""How far an opportunity can be trusted: confidence, risk and score. A first, plain version; every part is shown.

confidence = 0.4 · freshness + 0.4 · depth + 0.2 · persistence, each in [0, 1]:
  freshness   = 1 - age of the older order book / 10 s
  depth       = optimal size / reference size
  persistence = time since it was first seen / 60 s
risk: high where depth < 0.5, the net edge is above 3 % (so large an edge is more often an error than a gift) or costs
take more than the whole horizon to earn back; medium where depth < 1, the net edge is above 1 %, or costs take more
than half the horizon; else low.
score = expected profit in dollars · confidence.
"""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from apps.opportunities.enums import Risk

BELIEVED_FOR = {Risk.LOW: timedelta(hours=4), Risk.MEDIUM: timedelta(hours=2), Risk.HIGH: timedelta(minutes=30)}

_STALE_AFTER_S = 10.0
_PERSISTENT_AFTER_S = 60.0
_LARGE_EDGE, _HUGE_EDGE = Decimal("0.01"), Decimal("0.03")


@dataclass(frozen=True, slots=True)
class RiskFacts:
    """What is known when it is priced: seconds, dollars, fractions; `break_even_share` of the horizon, None = never."""

    book_age_s: float
    seen_for_s: float
    optimal_notional: Decimal
    reference_notional: Decimal
    net_edge: Decimal
    profit_usd: Decimal
    break_even_share: Decimal | None


@dataclass(frozen=True, slots=True)
class Assessment:
    """The verdict; `parts` are the summands' inputs for people."""

    risk: Risk
    confidence: float
    score: float
    parts: dict[str, float]


def assess(facts: RiskFacts) -> Assessment:
    """Confidence in [0, 1], risk and score by the formulas at the top of this file."""
    freshness = _within_one(1 - facts.book_age_s / _STALE_AFTER_S)
    depth = _within_one(float(facts.optimal_notional / facts.reference_notional))
    persistence = _within_one(facts.seen_for_s / _PERSISTENT_AFTER_S)
    confidence = round(0.4 * freshness + 0.4 * depth + 0.2 * persistence, 4)
    return Assessment(
        risk=_risk(depth, facts.net_edge, facts.break_even_share),
        confidence=confidence,
        score=round(float(facts.profit_usd) * confidence, 6),
        parts={"freshness": round(freshness, 4), "depth": round(depth, 4), "persistence": round(persistence, 4)},
    )


def _risk(depth: float, net_edge: Decimal, break_even_share: Decimal | None) -> Risk:
    waits = break_even_share or Decimal(0)
    if depth < 0.5 or net_edge > _HUGE_EDGE or waits > 1:
        return Risk.HIGH
    if depth < 1 or net_edge > _LARGE_EDGE or waits > Decimal("0.5"):
        return Risk.MEDIUM
    return Risk.LOW


def _within_one(value: float) -> float:
    return min(1.0, max(0.0, value))
