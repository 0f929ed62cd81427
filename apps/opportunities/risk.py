"""How far an opportunity can be trusted: confidence, risk with its reasons, and score. Pure; every part is shown.

confidence = 0.3 · freshness + 0.3 · depth + 0.2 · persistence + 0.2 · health, each in [0, 1]:
  freshness   = 1 - age of the older order book / 10 s
  depth       = optimal size / reference size
  persistence = time since it was first seen / 60 s; where past episodes tell how long such edges last, the mean of that
                and of `2^(-60 s / half-life)`, the part of them that is left after another minute
  health      = that of the worst exchange (see `circumstances`)
risk is that of the worst finding, low without any: each of `_JUDGES` looks at one thing and says what it found.
score = expected net profit in dollars at the size, transfers paid where their cost is known, · confidence.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from math import exp2, log, sqrt

from apps.markets.enums import Gate
from apps.opportunities.enums import Risk
from apps.opportunities.transfer import Moved

BELIEVED_FOR = {Risk.LOW: timedelta(hours=4), Risk.MEDIUM: timedelta(hours=2), Risk.HIGH: timedelta(minutes=30)}

_ORDER = {Risk.LOW: 0, Risk.MEDIUM: 1, Risk.HIGH: 2}
_STALE_AFTER_S = 10.0
_PERSISTENT_AFTER_S = 60.0
_LARGE_EDGE, _HUGE_EDGE = Decimal("0.01"), Decimal("0.03")
# Seconds that may pass between the fills of the first and the last leg.
_LEGGING_S = 5.0
# Fewer measured alerts than this say nothing about the next one.
_LEAST_MARKOUTS = 5


@dataclass(frozen=True, slots=True)
class Health:
    """How an exchange is: 1 without any trouble, 0 where it can't be relied on now; `trouble` in words."""

    exchange: str
    score: float
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class FundingPast:
    """What the settled fundings of the legs came to per hour: the mean and deviation of what a position like this one
    received, over `points`, and in how many hours half of a deviation is gone (None: it does not return)."""

    points: int
    mean_hourly: float
    std_hourly: float
    half_life_hours: float | None


@dataclass(frozen=True, slots=True)
class EdgePast:
    """How edges of this kind and instrument went before: seconds in which half of them were over (None: not known), and
    the part of `measured` alerts whose edge was still positive 30 s later."""

    half_life_s: float | None
    measured: int
    kept_share: float | None


@dataclass(frozen=True, slots=True)
class RiskFacts:
    """What is known when it is priced: seconds, dollars, fractions of notional. None = not known, or no such thing.

    `break_even_share` of the horizon; `spread` the full spreads of all legs at the best prices; `volatility` the
    deviation of an hour's return; `liquidation` how far the nearer leg is from it; `funding_now` what is received per
    hour at the rates of now."""

    book_age_s: float
    seen_for_s: float
    optimal_notional: Decimal
    reference_notional: Decimal
    net_edge: Decimal
    profit_usd: Decimal
    break_even_share: Decimal | None = None
    horizon_h: float = 0.0
    cost: Decimal = Decimal(0)
    spread: Decimal | None = None
    volatility: float | None = None
    liquidation: Decimal | None = None
    funding_now: Decimal | None = None
    funding_past: FundingPast | None = None
    edge_past: EdgePast | None = None
    transfer: Moved | None = None
    transfer_usd: Decimal | None = None
    health: tuple[Health, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """One reason for a risk above low: what it is about, how much, and in words."""

    factor: str
    risk: Risk
    words: str


@dataclass(frozen=True, slots=True)
class Assessment:
    """The verdict; `parts` are what the confidence is made of, `findings` the reasons for the risk, worst first."""

    risk: Risk
    confidence: float
    score: float
    parts: dict[str, float]
    findings: tuple[Finding, ...]


def assess(facts: RiskFacts) -> Assessment:
    """Confidence in [0, 1], risk and score by the formulas at the top of this file."""
    parts = {
        "freshness": _within_one(1 - facts.book_age_s / _STALE_AFTER_S),
        "depth": _within_one(float(facts.optimal_notional / facts.reference_notional)),
        "persistence": _persistence(facts),
        "health": min((one.score for one in facts.health), default=1.0),
    }
    confidence = round(
        0.3 * parts["freshness"] + 0.3 * parts["depth"] + 0.2 * parts["persistence"] + 0.2 * parts["health"], 4
    )
    found = [finding for judge in _JUDGES if (finding := judge(facts)) is not None]
    findings = tuple(sorted(found, key=lambda one: -_ORDER[one.risk]))
    expected = facts.profit_usd - (facts.transfer_usd or 0)
    return Assessment(
        risk=findings[0].risk if findings else Risk.LOW,
        confidence=confidence,
        score=round(float(expected) * confidence, 6),
        parts={name: round(part, 4) for name, part in parts.items()},
        findings=findings,
    )


def net_if_fading(facts: RiskFacts) -> float | None:
    """The net edge if the funding difference returns to its mean as it used to, instead of staying as it is.

    A deviation of which half is gone after τ hours adds up over the horizon to `τ/ln 2 · (1 - 2^(-H/τ))` times itself
    (the integral of `2^(-t/τ)`). None where there is no such past."""
    past = facts.funding_past
    if past is None or facts.funding_now is None or not past.half_life_hours:
        return None
    hours, fades_in = facts.horizon_h, past.half_life_hours
    lasting = fades_in / log(2) * (1 - exp2(-hours / fades_in))
    received = past.mean_hourly * hours + (float(facts.funding_now) - past.mean_hourly) * lasting
    return received - float(facts.cost)


def _persistence(facts: RiskFacts) -> float:
    seen = _within_one(facts.seen_for_s / _PERSISTENT_AFTER_S)
    past = facts.edge_past
    if past is None or past.half_life_s is None:
        return seen
    left = exp2(-_PERSISTENT_AFTER_S / past.half_life_s) if past.half_life_s > 0 else 0.0
    return (seen + left) / 2


def _graded(value: float, medium: float, high: float) -> Risk | None:
    return Risk.HIGH if value > high else Risk.MEDIUM if value > medium else None


def _found(factor: str, risk: Risk | None, words: str) -> Finding | None:
    return None if risk is None else Finding(factor, risk, words)


def _depth(facts: RiskFacts) -> Finding | None:
    share = _within_one(float(facts.optimal_notional / facts.reference_notional))
    risk = _graded(1 - share, 0, 0.5)
    return _found("depth", risk, f"only {share:.0%} of the reference size can be traded at a profit")


def _edge(facts: RiskFacts) -> Finding | None:
    risk = _graded(float(facts.net_edge), float(_LARGE_EDGE), float(_HUGE_EDGE))
    return _found("edge", risk, "so large an edge is more often an error of the data than a gift")


def _break_even(facts: RiskFacts) -> Finding | None:
    share = facts.break_even_share
    if share is None:
        return None
    risk = _graded(float(share), 0.5, 1)
    return _found("break_even", risk, f"the costs take {share:.0%} of the horizon to be earned back")


def _spread(facts: RiskFacts) -> Finding | None:
    if facts.spread is None or facts.net_edge <= 0:
        return None
    times = float(facts.spread / facts.net_edge)
    risk = _graded(times, 1, 3)
    return _found("spread", risk, f"the markets are wide: their spreads are {times:.1f} times the edge")


def _volatility(facts: RiskFacts) -> Finding | None:
    """Until the last leg is filled, the first one is open to the market; returns of disjoint times add as variances."""
    if facts.volatility is None or facts.net_edge <= 0:
        return None
    move = facts.volatility * sqrt(_LEGGING_S / 3600)
    risk = _graded(move / float(facts.net_edge), 0.5, 1)
    return _found("volatility", risk, f"prices usually move by {move:.3%} within {_LEGGING_S:.0f} s")


def _liquidation(facts: RiskFacts) -> Finding | None:
    """Whether prices may go within the horizon to where a leg is liquidated, in deviations of that time."""
    if facts.liquidation is None or not facts.volatility or not facts.horizon_h:
        return None
    reach = facts.volatility * sqrt(facts.horizon_h)
    risk = _graded(reach / float(facts.liquidation), 1 / 3, 1 / 2) if facts.liquidation > 0 else Risk.HIGH
    return _found(
        "liquidation",
        risk,
        f"a leg is liquidated {facts.liquidation:.1%} away, and prices usually move by {reach:.1%} within the horizon",
    )


def _funding(facts: RiskFacts) -> Finding | None:
    """Whether what is received may turn within the horizon, by how it varied."""
    past = facts.funding_past
    if past is None or facts.net_edge <= 0:
        return None
    fading = net_if_fading(facts)
    if fading is not None and fading <= 0:
        words = f"such differences usually halve within {past.half_life_hours:.1f} h, which leaves {fading:.3%}"
        return Finding("funding", Risk.HIGH, words)
    times = past.std_hourly * facts.horizon_h / float(facts.net_edge)
    risk = _graded(times, 1, 3)
    return _found("funding", risk, f"the funding difference usually varies by {times:.1f} times the edge")


def _past(facts: RiskFacts) -> Finding | None:
    past = facts.edge_past
    if past is None:
        return None
    if past.kept_share is not None and past.measured >= _LEAST_MARKOUTS and past.kept_share < 0.8:
        risk = Risk.HIGH if past.kept_share < 0.5 else Risk.MEDIUM
        return Finding("past", risk, f"only {past.kept_share:.0%} of such alerts still had an edge 30 s later")
    if past.half_life_s is not None and past.half_life_s < _PERSISTENT_AFTER_S:
        return Finding("past", Risk.MEDIUM, f"half of such edges are gone within {past.half_life_s:.0f} s")
    return None


def _transfer(facts: RiskFacts) -> Finding | None:
    moved = facts.transfer
    if moved is None:
        return None
    if moved.state is not Gate.OPEN or moved.share is None:
        return Finding("transfer", Risk.HIGH, f"it is not known whether it can be moved: {moved.reason}")
    if moved.share >= facts.net_edge:
        return Finding("transfer", Risk.MEDIUM, f"moving this much costs {moved.share:.3%}, as much as the edge")
    return None


def _health(facts: RiskFacts) -> Finding | None:
    worst = min(facts.health, key=lambda one: one.score, default=None)
    if worst is None or not worst.trouble:
        return None
    risk = Risk.HIGH if worst.score <= 0 else Risk.MEDIUM
    return Finding("exchange", risk, f"{worst.exchange}: {worst.trouble}")


_JUDGES: tuple[Callable[[RiskFacts], Finding | None], ...] = (
    _transfer,
    _depth,
    _edge,
    _break_even,
    _liquidation,
    _funding,
    _volatility,
    _spread,
    _past,
    _health,
)


def _within_one(value: float) -> float:
    return min(1.0, max(0.0, value))
