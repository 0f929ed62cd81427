"""A day's opportunities: lists, details and messages count alike, each opportunity once, families apart."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from apps.accounts.enums import Role, Tier
from apps.accounts.models import User
from apps.core import clock, config
from apps.distribution.enums import DistributionState
from apps.distribution.models import Distribution
from apps.distribution.services import run
from apps.notifications.services import endpoint_create
from apps.opportunities.models import Opportunity, Seen
from apps.opportunities.services import prune
from tests.api.conftest import MakeOpportunity, MakeUser, client_of

LIST = "/api/v1/opportunities"


@pytest.fixture
def free(make_user: MakeUser) -> APIClient:
    return client_of(make_user("free", Tier.FREE))


def listed(client: APIClient, query: str = "") -> list[str]:
    answer = client.get(f"{LIST}{query}")
    assert answer.status_code == 200, answer.json()
    return [row["id"] for row in answer.json()["results"]]


def signal(make_opportunity: MakeOpportunity, **fields: Any) -> Opportunity:
    """A technical signal."""
    one = make_opportunity()
    leg = {**one.legs[0], "amount": None}
    Opportunity.objects.filter(pk=one.pk).delete()
    return make_opportunity(
        kind="technical", legs=[leg], leg_count=1, gross_edge=None, net_edge=None, peak_net_edge=None, strength=0.5,
        details={"rule": {"name": "oversold"}, "bars": {"1h": 0}, "stop": None, "target": None}, **fields,
    )  # fmt: skip


def test_the_list_ends_with_the_day_and_says_so(free: APIClient, make_opportunity: MakeOpportunity) -> None:
    best = [str(make_opportunity(score=float(9 - number)).pk) for number in range(5)]
    answer = free.get(LIST)
    assert [row["id"] for row in answer.json()["results"]] == best[:3]
    daily, every_minute = answer.headers["RateLimit-Policy"].rsplit(", ", 1)
    assert daily == '"arbitrage";q=3;w=86400, "technical";q=3;w=86400'
    assert every_minute == '"requests";q=120;w=60'
    assert answer.headers["RateLimit"].startswith('"arbitrage";r=0;t=')
    # The same ones as often as one likes, and no others.
    better = make_opportunity(score=10.0)
    assert listed(free) == best[:3]
    assert str(better.pk) not in listed(free, "?ordering=-activated_at")
    assert Seen.objects.count() == 3


def test_families_count_apart(free: APIClient, make_opportunity: MakeOpportunity) -> None:
    for _ in range(4):
        make_opportunity()
    signals = {str(signal(make_opportunity).pk) for _ in range(4)}
    assert len(listed(free, "?kind=cross_exchange")) == 3
    assert len(set(listed(free, "?kind=technical")) & signals) == 3
    assert sorted(Seen.objects.values_list("family", flat=True)) == ["arbitrage"] * 3 + ["technical"] * 3


def test_a_detail_counts_too_and_is_429_when_the_day_is_used_up(
    free: APIClient, make_opportunity: MakeOpportunity
) -> None:
    rows = [make_opportunity() for _ in range(4)]
    for row in rows[:3]:
        assert free.get(f"{LIST}/{row.pk}").status_code == 200
    for url in ("", "/waterfall.svg", "/size?notional=100"):
        refused = free.get(f"{LIST}/{rows[3].pk}{url}")
        assert (refused.status_code, refused.json()["code"]) == (429, "daily_quota")
        assert 0 < int(refused.headers["Retry-After"]) <= 86_400
        assert rows[3].fingerprint.encode() not in refused.content
    assert set(listed(free)) == {str(row.pk) for row in rows[:3]}
    # What is over is history.
    Opportunity.objects.filter(pk=rows[3].pk).update(status="closed", closed_at=clock.now())
    assert free.get(f"{LIST}/{rows[3].pk}").status_code == 200


def test_the_next_day_is_a_new_one(free: APIClient, make_opportunity: MakeOpportunity) -> None:
    noon = clock.now().replace(hour=12)
    with time_machine.travel(noon, tick=False):
        rows = [make_opportunity(expires_at=noon + timedelta(days=3)) for _ in range(4)]
        assert len(listed(free)) == 3
    midnight = noon.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    for moment, count in ((midnight - timedelta(seconds=1), 3), (midnight, 6)):
        with time_machine.travel(moment, tick=False):
            Opportunity.objects.update(priced_at=None)
            listed(free, "?ordering=score")
            assert Seen.objects.count() == count
    assert len(rows) == 4


@pytest.mark.parametrize(
    ("tier", "role"), [(Tier.PREMIUM, Role.USER), (Tier.ENTERPRISE, Role.USER), (Tier.FREE, Role.ADMIN)]
)
def test_who_has_no_limit_is_counted_nowhere(
    make_user: MakeUser, make_opportunity: MakeOpportunity, tier: Tier, role: Role
) -> None:
    client = client_of(make_user("ada", tier, role))
    for _ in range(12):
        make_opportunity()
    answer = client.get(LIST)
    assert len(answer.json()["results"]) == 12
    assert "arbitrage" not in answer.headers["RateLimit"]
    assert not Seen.objects.exists()


def test_ones_own_day_is_nobody_elses(free: APIClient, make_user: MakeUser, make_opportunity: MakeOpportunity) -> None:
    for _ in range(4):
        make_opportunity()
    listed(free)
    assert len(listed(client_of(make_user("eve", Tier.FREE)))) == 3


def test_messages_and_lists_share_the_day(make_user: MakeUser, make_opportunity: MakeOpportunity) -> None:
    user = make_user("basic", Tier.BASIC)
    endpoint_create(user_id=user.pk, channel="telegram", address="77", verified=True)
    client = client_of(user)
    rows = [make_opportunity(score=float(number)) for number in range(14)]
    run(now=clock.now())
    assert len(_told()) == Seen.objects.count() == 2
    shown = listed(client)
    assert len(shown) == 10
    assert _told() <= set(shown)
    # The day is used up, but what was seen in the list may still be sent.
    run(now=clock.now())
    assert len(_told()) == 4
    assert Seen.objects.count() == 10
    assert _told() <= set(shown)
    assert len(rows) == 14


def _told() -> set[str]:
    rows = Distribution.objects.filter(state=DistributionState.NOTIFIED)
    return {str(id) for id in rows.values_list("opportunity_id", flat=True)}


def test_a_quota_that_was_lowered_meanwhile_leaves_what_was_seen(
    free: APIClient, make_opportunity: MakeOpportunity
) -> None:
    for _ in range(3):
        make_opportunity()
    before = listed(free)
    config.config_set(key="tier.free.daily_arbitrage", value=1, actor_id=None)
    make_opportunity()
    answer = free.get(LIST)
    assert [row["id"] for row in answer.json()["results"]] == before
    assert '"arbitrage";r=0' in answer.headers["RateLimit"]


def test_looking_again_costs_one_query_more(make_user: MakeUser, make_opportunity: MakeOpportunity) -> None:
    make_user("ada", Tier.BASIC)
    for _ in range(3):
        make_opportunity()
    client = APIClient()
    counts = []
    for _ in range(2):
        client.force_authenticate(User.objects.get())
        with CaptureQueriesContext(connection) as queries:
            assert client.get(LIST).status_code == 200
        counts.append(len(queries))
    # The page, the preferences, whose exchanges there are keys for, and what was seen today; the first time that is
    # written down as well.
    assert counts[1] == 4
    assert counts[0] > 4


def test_what_was_seen_long_ago_is_forgotten(make_user: MakeUser) -> None:
    user, now = make_user("ada"), clock.now()
    for days in (0, 6, 8, 100):
        at = now - timedelta(days=days)
        Seen.objects.create(user=user, opportunity_id=uuid.uuid4(), family="arbitrage", day=at.date(), seen_at=at)
    prune(now=now)
    assert Seen.objects.count() == 2
