"""Who gets what, as pure functions of facts and numbers."""

from datetime import datetime, timedelta
from decimal import Decimal

from apps.accounts.types import TierPolicy
from apps.core import config
from apps.distribution.enums import DistributionState, Reason
from apps.distribution.types import Candidate, Decision, Rules
from apps.opportunities.types import Family

# Fairness binds pushes to those who do not pay for more: at most 2 a run, 4 hours between two of the same.
CYCLE_CAPS = {"free": 2, "basic": 2, "premium": None, "enterprise": None, "admin": None}
COOLDOWNS_S = {"free": 14_400, "basic": 14_400, "premium": 0, "enterprise": 0, "admin": 0}


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
    config.declare(
        "distribution.min_net_edge",
        Decimal,
        Decimal("0.0005"),
        min=Decimal(0),
        help="Net edge (a fraction) below which nobody is told.",
    )
    config.declare("distribution.message_ttl_s", int, 900, min=10, help="Seconds after which an alert is not sent.")


def rules_of(policy: TierPolicy, family: Family) -> Rules:
    """The numbers for somebody with `policy` and opportunities of `family`, as configured now."""
    return Rules(
        delay_s=policy.delay_s,
        daily=policy.daily[family],
        cycle_cap=config.get(f"distribution.cycle_cap.{policy.name}"),
        cooldown_s=config.get(f"distribution.cooldown_s.{policy.name}"),
        min_net_edge=config.get("distribution.min_net_edge"),
    )


def decide(candidate: Candidate, rules: Rules, *, now: datetime) -> Decision:
    """Whether the person is told now, later, or not; the first rule that speaks against it is the reason."""
    if not candidate.reachable:
        return Decision(DistributionState.REFUSED, Reason.NO_ENDPOINT)
    if candidate.net_edge < rules.min_net_edge:
        return Decision(DistributionState.REFUSED, Reason.BELOW_MINIMUM)
    cooled_at = candidate.last_given_at and candidate.last_given_at + timedelta(seconds=rules.cooldown_s)
    if cooled_at is not None and cooled_at > now:
        return Decision(DistributionState.REFUSED, Reason.COOLDOWN)
    if rules.daily is not None and candidate.given_today >= rules.daily:
        return Decision(DistributionState.REFUSED, Reason.DAILY_QUOTA)
    if candidate.due_at > now:
        return Decision(DistributionState.SCHEDULED, Reason.TIER_DELAY)
    if rules.cycle_cap is not None and candidate.given_this_cycle >= rules.cycle_cap:
        return Decision(DistributionState.REFUSED, Reason.CYCLE_CAP)
    return Decision(DistributionState.NOTIFIED)
