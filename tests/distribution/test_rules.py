"""Who gets what, as a function of facts and numbers."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from apps.accounts.selectors import tier_policy
from apps.distribution.enums import DistributionState, Reason
from apps.distribution.rules import LAYERS, WORDS, decide, group_policy
from apps.distribution.types import Candidate, Decision, Rules
from tests.distribution.conftest import NOW

RULES = Rules(
    session_s=600,
    delay_s=0,
    daily=3,
    cycle_cap=2,
    cooldown_s=3600,
    min_net_edge=Decimal("0.001"),
    min_strength=0.25,
)
GOOD = Candidate(
    active_at=NOW - timedelta(seconds=599),
    reachable=True,
    seen_today=False,
    given_today=2,
    wanted=True,
    on_own_exchanges=True,
    net_edge=Decimal("0.001"),
    strength=None,
    last_given_at=None,
    due_at=NOW,
    given_this_cycle=1,
    is_group=False,
    places_left=1,
)
# Everything that can speak against a message, one change each, in the order in which it is asked.
BAD: dict[Reason, dict[str, object]] = {
    Reason.NO_SESSION: {"active_at": NOW - timedelta(seconds=600)},
    Reason.NO_ENDPOINT: {"reachable": False},
    Reason.DAILY_QUOTA: {"given_today": 3},
    Reason.NOT_WANTED: {"wanted": False},
    Reason.BELOW_MINIMUM: {"net_edge": Decimal("0.00099999")},
    Reason.TOO_WEAK: {"strength": 0.2499},
    Reason.NOT_ON_OWN_EXCHANGES: {"on_own_exchanges": False},
    Reason.COOLDOWN: {"last_given_at": NOW - timedelta(seconds=3599)},
    Reason.TIER_DELAY: {"due_at": NOW + timedelta(microseconds=1)},
    Reason.CYCLE_CAP: {"given_this_cycle": 2},
    Reason.NOT_FOR_GROUPS: {"is_group": True},
    Reason.NO_PLACE_LEFT: {"places_left": 0},
}


def refused(reason: Reason) -> Decision:
    return Decision(DistributionState.REFUSED, reason)


def test_at_the_edge_of_every_rule_it_goes_out() -> None:
    candidate = replace(GOOD, last_given_at=NOW - timedelta(seconds=3600))
    assert decide(candidate, RULES, now=NOW) == Decision(DistributionState.NOTIFIED)


@pytest.mark.parametrize("reason", BAD)
def test_one_step_beyond_it_does_not(reason: Reason) -> None:
    decision = decide(replace(GOOD, **BAD[reason]), RULES, now=NOW)  # type: ignore[arg-type]
    assert decision == (
        Decision(DistributionState.SCHEDULED, reason) if reason == Reason.TIER_DELAY else refused(reason)
    )


def test_the_first_layer_that_refuses_is_the_reason() -> None:
    assert [layer.reason for layer in LAYERS] == list(BAD)
    assert set(WORDS) == set(Reason)
    for first, reason in enumerate(BAD):
        everything_after: dict[str, object] = {}
        for later in reversed(list(BAD)[first:]):
            everything_after |= BAD[later]
        candidate = replace(GOOD, **everything_after)  # type: ignore[arg-type]
        assert decide(candidate, RULES, now=NOW).reason == reason


def test_what_was_seen_today_counts_no_second_time() -> None:
    again = replace(GOOD, given_today=3, seen_today=True)
    assert decide(again, RULES, now=NOW) == Decision(DistributionState.NOTIFIED)


def test_what_promises_no_edge_is_judged_by_its_strength() -> None:
    signal = replace(GOOD, net_edge=None, strength=0.25)
    assert decide(signal, RULES, now=NOW) == Decision(DistributionState.NOTIFIED)
    assert decide(replace(signal, strength=0.2), RULES, now=NOW) == refused(Reason.TOO_WEAK)


def test_groups_get_twice_what_the_free_tier_gets(db: None) -> None:
    free = tier_policy("free")
    group = group_policy(free)
    assert (group.list_limit, group.delay_s) == (2 * free.list_limit, 300)
    assert group.daily == {"arbitrage": 6, "technical": 6}


def test_none_is_unlimited() -> None:
    free_hand = replace(RULES, session_s=None, daily=None, cycle_cap=None, cooldown_s=0)
    busy = replace(
        GOOD,
        active_at=NOW - timedelta(days=999),
        given_today=999,
        given_this_cycle=999,
        last_given_at=NOW - timedelta(microseconds=1),
        places_left=None,
    )
    assert decide(busy, free_hand, now=NOW) == Decision(DistributionState.NOTIFIED)
