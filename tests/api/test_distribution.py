"""Decisions, statistics and groups through the API: one's own, and nobody else's."""

import re
import uuid
from datetime import timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.accounts.enums import Role, Tier
from apps.accounts.models import User
from apps.core import clock, redis
from apps.distribution.models import Distribution, Group
from apps.distribution.services import run
from apps.notifications.models import Delivery, Endpoint, Notification
from apps.notifications.services import endpoint_create
from apps.notifications.services.sealed import sealed_facts
from tests.api.conftest import MakeOpportunity, MakeUser, client_of

API = "/api/v1"
GROUPS = f"{API}/distribution/groups"
DECISIONS = f"{API}/distribution/decisions"
STATISTICS = f"{API}/distribution/statistics"
GROUP = {"name": "desk", "channel": "telegram", "address": "-1001"}

pytestmark = pytest.mark.usefixtures("redis_state")


@pytest.fixture
def ada(make_user: MakeUser) -> User:
    return make_user("ada")


@pytest.fixture
def owner(ada: User) -> APIClient:
    return client_of(ada)


@pytest.fixture
def outsider(make_user: MakeUser) -> APIClient:
    return client_of(make_user("eve"))


def reachable(user: User, address: str) -> None:
    endpoint_create(user_id=user.pk, channel="telegram", address=address, verified=True)


def test_why_says_what_was_decided_about_oneself(
    ada: User, owner: APIClient, outsider: APIClient, make_opportunity: MakeOpportunity
) -> None:
    one = make_opportunity()
    url = f"{API}/opportunities/{one.pk}/why"
    assert owner.get(url).status_code == 404
    run(now=clock.now())
    body = owner.get(url).json()
    assert (body["state"], body["reason"]) == ("refused", "no_endpoint")
    assert "address" in body["words"]
    reachable(ada, "1")
    run(now=clock.now())
    body = owner.get(url).json()
    assert (body["state"], body["reason"], body["words"]) == ("notified", "", "")
    assert body["notification"] == str(Notification.objects.get().pk)
    assert outsider.get(url).json()["state"] == "refused"
    assert one.fingerprint not in owner.get(url).content.decode()
    assert APIClient().get(url).status_code == 401


def test_the_list_of_decisions_is_ones_own_and_can_be_narrowed(
    ada: User, owner: APIClient, outsider: APIClient, make_opportunity: MakeOpportunity
) -> None:
    reachable(ada, "1")
    one, other = make_opportunity(), make_opportunity(sell_bid="100.21")
    run(now=clock.now())
    assert {row["opportunity"] for row in owner.get(DECISIONS).json()["results"]} == {str(one.pk), str(other.pk)}
    [row] = owner.get(DECISIONS, {"reason": "below_minimum_edge"}).json()["results"]
    assert row["opportunity"] == str(other.pk)
    [row] = owner.get(DECISIONS, {"state": "notified", "limit": "1"}).json()["results"]
    assert row["opportunity"] == str(one.pk)
    assert owner.get(DECISIONS, {"opportunity": str(uuid.uuid4())}).json()["results"] == []
    assert {row["state"] for row in outsider.get(DECISIONS).json()["results"]} == {"refused"}
    for query in ({"state": "told"}, {"opportunity": "x"}, {"user": "ada"}):
        assert owner.get(DECISIONS, query).status_code == 400


def test_statistics_count_what_the_rows_say(
    ada: User, owner: APIClient, outsider: APIClient, make_opportunity: MakeOpportunity
) -> None:
    reachable(ada, "1")
    now = clock.now()
    for bid in ("101", "101", "101", "100.21"):
        make_opportunity(sell_bid=bid, activated_at=now - timedelta(seconds=10))
    run(now=now)
    delivered, dead = Notification.objects.all()[:2]
    finished = Distribution.objects.get(notification=delivered).due_at + timedelta(seconds=12)
    Notification.objects.filter(pk=delivered.pk).update(state="delivered", finished_at=finished)
    Notification.objects.filter(pk=dead.pk).update(state="dead", finished_at=finished)
    redis.cache().flushdb()
    body = owner.get(STATISTICS).json()
    assert (body["told"], body["scheduled"], body["dropped"]) == (3, 0, 0)
    assert body["refused"] == {"below_minimum_edge": 1}
    assert body["messages"] == {"dead": 1, "delivered": 1, "pending": 1}
    assert body["told_after"] == {"p50": 10.0, "p95": 10.0, "max": 10.0}
    assert body["delivered_after"] == {"p50": 12.0, "p95": 12.0, "max": 12.0}
    assert outsider.get(STATISTICS).json()["told"] == 0
    assert APIClient().get(STATISTICS).status_code == 401
    for query in ({"days": 0}, {"days": 91}, {"days": "x"}, {"user": str(ada.pk)}):
        assert owner.get(STATISTICS, query).status_code == 400


def test_statistics_are_kept_a_moment_and_say_of_when_they_are(
    ada: User, owner: APIClient, make_opportunity: MakeOpportunity
) -> None:
    before = owner.get(STATISTICS).json()
    reachable(ada, "1")
    make_opportunity()
    run(now=clock.now())
    assert owner.get(STATISTICS).json() == before
    # Another question is another answer.
    assert owner.get(STATISTICS, {"days": 8}).json()["told"] == 1
    [key] = redis.cache().keys("distribution:statistics:*:7")
    assert 0 < redis.cache().ttl(key) <= 15
    redis.cache().delete(key)
    assert owner.get(STATISTICS).json()["told"] == 1


def test_with_redis_away_statistics_are_counted_each_time(owner: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    class Away:
        def get(self, _: str) -> Any:
            raise redis.Error("away")

    with monkeypatch.context() as patch:
        patch.setattr("apps.distribution.statistics.redis.cache", Away)
        assert owner.get(STATISTICS).json()["told"] == 0


def test_an_opportunitys_statistics_are_for_administrators(
    ada: User, owner: APIClient, make_user: MakeUser, make_opportunity: MakeOpportunity
) -> None:
    reachable(ada, "1")
    one = make_opportunity()
    run(now=clock.now())
    url = f"{API}/distribution/opportunities/{one.pk}/statistics"
    assert owner.get(url).status_code == 403
    operator = client_of(make_user("op", Tier.FREE, Role.ADMIN))
    body = operator.get(url).json()
    assert (body["told"], body["messages"]) == (1, {"pending": 1})


def test_a_group_is_registered_confirmed_changed_and_ended(
    owner: APIClient, outsider: APIClient, make_opportunity: MakeOpportunity
) -> None:
    made = owner.post(GROUPS, {**GROUP, "kinds": ["cross_exchange"]}, format="json")
    assert made.status_code == 201, made.json()
    body = made.json()
    assert (body["name"], body["channel"], body["usable"], body["active"]) == ("desk", "telegram", False, True)
    assert "-1001" not in made.content.decode()
    # Only the code is on its way there.
    assert Delivery.objects.get().notification.template == "notice"
    verify = f"{API}/notifications/endpoints/{body['endpoint']}/verify"
    code = re.findall(r"\b\d{8}\b", sealed_facts(Notification.objects.get())["text"])[0]
    assert outsider.post(verify, {"code": code}, format="json").status_code == 404
    assert owner.post(verify, {"code": code}, format="json").status_code == 200
    url = f"{GROUPS}/{body['id']}"
    assert owner.get(url).json()["usable"] is True
    changed = owner.patch(url, {"min_net_edge": "0.001", "active": True}, format="json").json()
    assert (changed["min_net_edge"], changed["kinds"]) == ("0.00100000", ["cross_exchange"])
    one = make_opportunity()
    run(now=clock.now())
    assert [row["id"] for row in owner.get(f"{url}/opportunities").json()] == [str(one.pk)]
    assert owner.get(STATISTICS, {"group": body["id"]}).json()["told"] == 1
    assert owner.get(STATISTICS).json()["told"] == 0
    [row] = owner.get(DECISIONS, {"group": body["id"]}).json()["results"]
    assert (row["group"], row["state"]) == (body["id"], "notified")
    assert owner.delete(url).status_code == 204
    assert owner.get(GROUPS).json() == []
    assert not Endpoint.objects.filter(disabled_at=None).exists()


def test_a_group_is_its_owners_and_nobody_elses(owner: APIClient, outsider: APIClient, make_user: MakeUser) -> None:
    id = owner.post(GROUPS, GROUP, format="json").json()["id"]
    operator = client_of(make_user("op", Tier.FREE, Role.SUPER_ADMIN))
    for stranger in (outsider, operator):
        assert stranger.get(GROUPS).json() == []
        for method, url in (
            ("get", f"{GROUPS}/{id}"), ("patch", f"{GROUPS}/{id}"), ("delete", f"{GROUPS}/{id}"),
            ("get", f"{GROUPS}/{id}/opportunities"), ("get", f"{STATISTICS}?group={id}"),
        ):  # fmt: skip
            assert getattr(stranger, method)(url, {}, format="json").status_code == 404
        assert stranger.get(DECISIONS, {"group": id}).json()["results"] == []
    assert APIClient().get(GROUPS).status_code == 401
    group = Group.objects.get()
    assert (group.name, group.active) == ("desk", True)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"channel": "pigeon"}, "channel"),
        ({"name": ""}, "name"),
        ({"kinds": ["nonsense"]}, "kinds"),
        ({"min_net_edge": "2"}, "min_net_edge"),
        ({"min_strength": "NaN"}, "min_strength"),
        ({"owner": "somebody"}, "owner"),
    ],
)
def test_a_wrong_registration_names_the_field_and_sends_nothing(
    owner: APIClient, changes: dict[str, Any], field: str
) -> None:
    answer = owner.post(GROUPS, {**GROUP, **changes}, format="json")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"].startswith(field)
    assert not Endpoint.objects.exists()
    assert not Notification.objects.exists()


def test_an_address_the_channel_refuses_is_told(owner: APIClient) -> None:
    answer = owner.post(GROUPS, {**GROUP, "address": "not a chat"}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_address")
    assert not Group.objects.exists()


def test_a_group_is_no_endpoint_of_ones_own(owner: APIClient) -> None:
    answer = owner.post(f"{API}/notifications/endpoints", {"channel": "telegram", "address": "-1001"}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (400, "group_address")
    assert not Endpoint.objects.exists()
