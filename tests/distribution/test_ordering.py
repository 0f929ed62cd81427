"""Who is served first: properties that hold whoever stands in line."""

import random
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.accounts.policies import policy_read
from apps.accounts.types import DailyQuota, TierPolicy
from apps.core import config
from apps.distribution.enums import DistributionState
from apps.distribution.models import Distribution
from apps.distribution.ordering import REMEMBERED, STRATEGIES, in_line
from apps.distribution.rules import WEIGHTS
from apps.distribution.services import run
from apps.distribution.types import Recipient, Standing
from tests.distribution.conftest import NOW, MakeOpportunity, MakeUser

SECOND = timedelta(seconds=1)


def recipient(number: int, tier: str = "premium", **changes: Any) -> Recipient:
    policy = TierPolicy(tier, 10, DailyQuota(arbitrage=None, technical=None), 0)
    joined_at = NOW - timedelta(minutes=number)
    return replace(Recipient(UUID(int=number), UUID(int=number), policy, WEIGHTS[tier], joined_at, NOW), **changes)


PEOPLE = st.lists(
    st.builds(recipient, st.integers(1, 10**6), st.sampled_from(list(WEIGHTS))),
    min_size=1,
    max_size=12,
    unique_by=lambda one: one.id,
)
STANDINGS = st.builds(
    Standing,
    st.none() | st.integers(0, 700_000).map(lambda seconds: NOW - timedelta(seconds=seconds)),
    st.integers(0, 9),
)


@pytest.mark.parametrize("strategy", STRATEGIES)
@given(people=PEOPLE, data=st.data())
def test_the_order_hangs_on_nothing_but_who_they_are(strategy: str, people: list[Recipient], data: Any) -> None:
    standings = {one.id: data.draw(STANDINGS) for one in people}
    order = in_line(people, standings, strategy, now=NOW)
    shuffled = list(people)
    random.Random(1).shuffle(shuffled)
    assert in_line(shuffled, standings, strategy, now=NOW) == order
    assert sorted(one.id for one in order) == sorted(one.id for one in people)


@given(people=PEOPLE, places=st.lists(st.integers(1, 4), min_size=1, max_size=30))
def test_round_robin_serves_nobody_twice_before_everybody_once(people: list[Recipient], places: list[int]) -> None:
    """Opportunities with few places come one after the other, some in one run and some later."""
    standings: dict[UUID, Standing] = {}
    served: Counter[UUID] = Counter({one.id: 0 for one in people})
    for number, count in enumerate(places):
        now = NOW + number // 3 * SECOND
        for one in in_line(people, standings, "round_robin", now=now)[:count]:
            before = standings.get(one.id, Standing())
            standings[one.id] = Standing(now, before.times + 1, before.this_run + 1)
            served[one.id] += 1
        assert max(served.values()) - min(served.values()) <= 1


@given(people=PEOPLE, data=st.data())
def test_first_come_asks_for_nothing_but_when_they_joined(people: list[Recipient], data: Any) -> None:
    order = in_line(people, {one.id: data.draw(STANDINGS) for one in people}, "first_come", now=NOW)
    assert [one.joined_at for one in order] == sorted(one.joined_at for one in people)


@given(people=PEOPLE, data=st.data())
def test_priority_weighs_the_wait_and_puts_the_weightless_first(people: list[Recipient], data: Any) -> None:
    standings = {one.id: data.draw(STANDINGS) for one in people}
    order = in_line(people, standings, "priority", now=NOW)
    first = [one.weight is None for one in order]
    assert first == sorted(first, reverse=True)

    def weighed(one: Recipient) -> timedelta:
        at = standings[one.id].served_at
        return (REMEMBERED if at is None else min(NOW - at, REMEMBERED)) * (one.weight or 1)

    for weightless in (True, False):
        waits = [weighed(one) for one in order if (one.weight is None) is weightless]
        assert waits == sorted(waits, reverse=True)


def test_an_hour_of_premium_is_worth_four_of_free() -> None:
    free, premium = recipient(1, "free"), recipient(2, "premium")
    hour = timedelta(hours=1)
    for waited, first in ((3.9 * hour, premium), (4.1 * hour, free)):
        standings = {free.id: Standing(NOW - waited), premium.id: Standing(NOW - hour)}
        assert in_line([free, premium], standings, "priority", now=NOW)[0] == first


@pytest.mark.django_db
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_places_go_by_the_strategy_that_is_configured(
    trader: MakeUser, opportunity: MakeOpportunity, strategy: str
) -> None:
    """Three people, four opportunities of one place each in one run."""
    people = [trader(tier) for tier in ("premium", "enterprise", "premium")]
    for number, person in enumerate(people):
        type(person).objects.filter(pk=person.pk).update(
            date_joined=NOW - timedelta(days=10 - number), last_activity_at=NOW
        )
    config.config_set(key="distribution.strategy", value=strategy, actor_id=None)
    try:
        for _ in range(4):
            opportunity(max_participants=1)
        assert run(now=NOW).notified == 4
    finally:
        config.config_reset(key="distribution.strategy", actor_id=None)
    given = Distribution.objects.filter(state=DistributionState.NOTIFIED)
    counts = [given.filter(user=person).count() for person in people]
    expected = {"first_come": [[4, 0, 0]], "priority": [[0, 4, 0]], "round_robin": [[2, 1, 1], [1, 2, 1], [1, 1, 2]]}
    assert counts in expected[strategy]


@pytest.mark.django_db
def test_every_column_of_the_tier_table_has_its_numbers() -> None:
    for column in (*WEIGHTS,):
        for name in ("weight", "cycle_cap", "cooldown_s"):
            config.get(f"distribution.{name}.{column}")
        if column != "group":
            assert policy_read(column).name == column
