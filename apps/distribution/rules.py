"""Who gets what: layers that each may refuse, as pure functions of facts and numbers."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from apps.accounts.types import TierPolicy
from apps.core import config
from apps.distribution.enums import DistributionState, Reason
from apps.distribution.ordering import STRATEGIES
from apps.distribution.types import Candidate, Decision, Rules
from apps.opportunities.types import Family

GROUP: Final = "group"
# Fairness binds pushes to those who do not pay for more: at most 2 a run, 4 hours between two of the same. Groups get
# twice what one free person gets.
CYCLE_CAPS = {"free": 2, "basic": 2, "premium": None, "enterprise": None, "admin": None, GROUP: 4}
COOLDOWNS_S = {"free": 14_400, "basic": 14_400, "premium": 0, "enterprise": 0, "admin": 0, GROUP: 14_400}
# What the wait in line is multiplied with; None is served first.
WEIGHTS = {"free": 1, "basic": 2, "premium": 4, "enterprise": None, "admin": None, GROUP: 1}


@dataclass(frozen=True, slots=True)
class Layer:
    """One question on the way to a message; the first that is answered with yes decides, and `words` say so."""

    reason: Reason
    words: str
    holds: Callable[[Candidate, Rules, datetime], bool]
    state: DistributionState = DistributionState.REFUSED


def _idle(candidate: Candidate, rules: Rules, now: datetime) -> bool:
    return rules.session_s is not None and candidate.active_at + timedelta(seconds=rules.session_s) <= now


def _quota_used_up(candidate: Candidate, rules: Rules, _now: datetime) -> bool:
    return rules.daily is not None and not candidate.seen_today and candidate.given_today >= rules.daily


def _small(candidate: Candidate, rules: Rules, _now: datetime) -> bool:
    return candidate.net_edge is not None and candidate.net_edge < rules.min_net_edge


def _weak(candidate: Candidate, rules: Rules, _now: datetime) -> bool:
    return candidate.strength is not None and candidate.strength < rules.min_strength


def _cooling(candidate: Candidate, rules: Rules, now: datetime) -> bool:
    last = candidate.last_given_at
    return last is not None and last + timedelta(seconds=rules.cooldown_s) > now


def _enough_for_now(candidate: Candidate, rules: Rules, _now: datetime) -> bool:
    return rules.cycle_cap is not None and candidate.given_this_cycle >= rules.cycle_cap


# In the order in which they are asked. That nobody is told twice of one episode is no layer: a decision to tell stands.
LAYERS: Final = (
    Layer(Reason.NO_SESSION, "You have not used your account for too long; sign in to go on.", _idle),
    Layer(
        Reason.NO_ENDPOINT,
        "There is no verified address to send it to.",
        lambda candidate, rules, now: not candidate.reachable,
    ),
    Layer(Reason.DAILY_QUOTA, "You have seen as many of this family today as your tier allows.", _quota_used_up),
    Layer(
        Reason.NOT_WANTED,
        "It is not what your preferences ask for.",
        lambda candidate, rules, now: not candidate.wanted,
    ),
    Layer(Reason.BELOW_MINIMUM, "Its net edge is below what anybody is told of.", _small),
    Layer(Reason.TOO_WEAK, "Its signal is weaker than what anybody is told of.", _weak),
    Layer(
        Reason.NOT_ON_OWN_EXCHANGES,
        "A leg is on an exchange that is none of yours.",
        lambda candidate, rules, now: not candidate.on_own_exchanges,
    ),
    Layer(Reason.COOLDOWN, "You were told of the same edge not long ago.", _cooling),
    Layer(
        Reason.TIER_DELAY,
        "Your tier is told later; it is looked at again then.",
        lambda candidate, rules, now: candidate.due_at > now,
        DistributionState.SCHEDULED,
    ),
    Layer(Reason.CYCLE_CAP, "You were given as many at this moment as your tier allows at once.", _enough_for_now),
    Layer(
        Reason.NOT_FOR_GROUPS,
        "Only so many people can take it, and nobody knows how many read in a group.",
        lambda candidate, rules, now: candidate.is_group and candidate.places_left is not None,
    ),
    Layer(
        Reason.NO_PLACE_LEFT,
        "As many people as can take it have been told.",
        lambda candidate, rules, now: candidate.places_left is not None and candidate.places_left <= 0,
    ),
)
WORDS: Final = {
    **{layer.reason: layer.words for layer in LAYERS},
    Reason.NO_LONGER_ACTIVE: "It was over before its time for you came.",
}


def decide(candidate: Candidate, rules: Rules, *, now: datetime) -> Decision:
    """Whether the recipient is told now, later, or not; the first layer that speaks against it is the reason."""
    for layer in LAYERS:
        if layer.holds(candidate, rules, now):
            return Decision(layer.state, layer.reason)
    return Decision(DistributionState.NOTIFIED)


def declare_rules() -> None:
    """Make the numbers runtime settings."""
    for column, cap in CYCLE_CAPS.items():
        config.declare(
            f"distribution.cycle_cap.{column}", int, cap, min=1, nullable=True, help="Opportunities given in one run."
        )
    for column, seconds in COOLDOWNS_S.items():
        config.declare(
            f"distribution.cooldown_s.{column}", int, seconds, min=0, help="Seconds between two of one fingerprint."
        )
    for column, weight in WEIGHTS.items():
        config.declare(
            f"distribution.weight.{column}",
            int,
            weight,
            min=1,
            nullable=True,
            help="With the strategy `priority` the wait in line is multiplied with it; null is served first.",
        )
    config.declare("distribution.charts", bool, True, help="Whether messages about opportunities carry a chart.")
    config.declare(
        "distribution.strategy",
        str,
        "priority",
        choices=tuple(STRATEGIES),
        help="Who is served first: by joining, by how little they were given of late, or by weighted waiting.",
    )
    config.declare(
        "distribution.session_s",
        int,
        7 * 86_400,
        min=60,
        nullable=True,
        help="Seconds without any activity after which nobody is told any more; null: never.",
    )
    config.declare(
        "distribution.min_net_edge",
        Decimal,
        Decimal("0.0005"),
        min=Decimal(0),
        help="Net edge (a fraction) below which nobody is told.",
    )
    config.declare(
        "distribution.min_strength",
        float,
        0.0,
        min=0.0,
        max=1.0,
        help="Strength of a signal below which nobody is told.",
    )
    config.declare("distribution.message_ttl_s", int, 900, min=10, help="Seconds after which an alert is not sent.")
    config.declare(
        "distribution.group_factor", int, 2, min=1, help="A group's daily limits are the free tier's, times this."
    )
    config.declare(
        "distribution.group_delay_s", int, 300, min=0, help="Seconds that an opportunity is kept from groups."
    )
    config.declare("distribution.groups_per_user", int, 3, min=0, help="Groups that one person may register.")


def rules_of(policy: TierPolicy, family: Family) -> Rules:
    """The numbers for somebody with `policy` and opportunities of `family`, as configured now."""
    return Rules(
        session_s=config.get("distribution.session_s"),
        delay_s=policy.delay_s,
        daily=policy.daily[family],
        cycle_cap=config.get(f"distribution.cycle_cap.{policy.name}"),
        cooldown_s=config.get(f"distribution.cooldown_s.{policy.name}"),
        min_net_edge=config.get("distribution.min_net_edge"),
        min_strength=config.get("distribution.min_strength"),
    )


def weight_of(policy: TierPolicy) -> int | None:
    """What the wait of somebody with `policy` counts; None is served first."""
    weight: int | None = config.get(f"distribution.weight.{policy.name}")
    return weight


def group_policy(free: TierPolicy) -> TierPolicy:
    """What a group is granted: the free tier's limits times a factor, and a delay of its own."""
    factor = config.get("distribution.group_factor")
    arbitrage, technical = free.daily["arbitrage"], free.daily["technical"]
    return replace(
        free,
        name=GROUP,
        list_limit=free.list_limit * factor,
        daily={
            "arbitrage": None if arbitrage is None else arbitrage * factor,
            "technical": None if technical is None else technical * factor,
        },
        delay_s=config.get("distribution.group_delay_s"),
    )
