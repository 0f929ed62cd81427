"""Who gets what, as a function of facts and numbers."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from apps.distribution.enums import DistributionState, Reason
from apps.distribution.rules import decide
from apps.distribution.types import Candidate, Decision, Rules
from tests.distribution.conftest import NOW

RULES = Rules(delay_s=0, daily=3, cycle_cap=2, cooldown_s=3600, min_net_edge=Decimal("0.001"))
GOOD = Candidate(
    reachable=True, net_edge=Decimal("0.001"), due_at=NOW, last_given_at=None, given_today=2, given_this_cycle=1
)


def refused(reason: Reason) -> Decision:
    return Decision(DistributionState.REFUSED, reason)


def test_at_the_edge_of_every_rule_it_goes_out() -> None:
    candidate = replace(GOOD, last_given_at=NOW - timedelta(seconds=3600))
    assert decide(candidate, RULES, now=NOW) == Decision(DistributionState.NOTIFIED)


@pytest.mark.parametrize(
    ("changes", "decision"),
    [
        ({"reachable": False}, refused(Reason.NO_ENDPOINT)),
        ({"net_edge": Decimal("0.00099999")}, refused(Reason.BELOW_MINIMUM)),
        ({"last_given_at": NOW - timedelta(seconds=3599)}, refused(Reason.COOLDOWN)),
        ({"given_today": 3}, refused(Reason.DAILY_QUOTA)),
        ({"given_this_cycle": 2}, refused(Reason.CYCLE_CAP)),
        ({"due_at": NOW + timedelta(microseconds=1)}, Decision(DistributionState.SCHEDULED, Reason.TIER_DELAY)),
    ],
)
def test_one_step_beyond_it_does_not(changes: dict[str, object], decision: Decision) -> None:
    assert decide(replace(GOOD, **changes), RULES, now=NOW) == decision  # type: ignore[arg-type]


def test_none_is_unlimited() -> None:
    free_hand = replace(RULES, daily=None, cycle_cap=None, cooldown_s=0)
    busy = replace(GOOD, given_today=999, given_this_cycle=999, last_given_at=NOW - timedelta(microseconds=1))
    assert decide(busy, free_hand, now=NOW) == Decision(DistributionState.NOTIFIED)
