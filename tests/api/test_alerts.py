"""Alert triggers through the API: the owner's, nobody else's."""

import uuid
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from apps.accounts.enums import Tier
from apps.core import clock, config
from apps.distribution.models import AlertFired, AlertTrigger
from apps.distribution.services import alerts_watch
from apps.notifications.models import Notification
from tests.api.conftest import MakeUser, client_of
from tests.opportunities.factories import Listing
from tests.opportunities.world import World, world_of

URL = "/api/v1/alerts"
PARAMS: dict[str, Any] = {"symbol": "BTC/USDT", "exchange": "aaa", "op": "above", "value": 50}
BODY: dict[str, Any] = {"kind": "price", "name": "level", "params": PARAMS}


@pytest.fixture
def world(db: None, redis_state: None, settings: Any) -> World:
    """BTC at 100 on aaa, now."""
    world = world_of([Listing("aaa", 99.0, 101.0)], None, settings)
    world.now = clock.now()
    world.quote()
    return world


def post(client: APIClient, **changes: Any) -> Any:
    return client.post(URL, BODY | changes, format="json")


def test_an_owner_makes_tests_changes_and_removes_an_alert(world: World, make_user: MakeUser) -> None:
    client = client_of(make_user("ada"))
    made = post(client)
    assert made.status_code == 201
    body = made.json()
    assert (body["kind"], body["name"], body["params"], body["enabled"], body["holds"]) == (
        "price",
        "level",
        PARAMS,
        True,
        None,
    )
    one = f"{URL}/{body['id']}"
    page = client.get(URL).json()
    assert page["results"] == [body] == [client.get(one).json()]
    tested = client.post(f"{one}/test").json()
    assert (tested["holds"], tested["fires"], tested["reason"]) == (True, True, "")
    assert tested["title"] == "BTC/USDT on aaa is above 50: 100"
    assert tested["evidence"]["quotes"][0]["exchange"] == "aaa"
    assert not Notification.objects.exists()
    changed = client.patch(one, {"cool_down_s": 600, "params": PARAMS | {"value": 200}}, format="json").json()
    assert (changed["cool_down_s"], changed["params"]["value"], changed["name"]) == (600, 200, "level")
    assert client.post(f"{one}/test").json()["reason"] == "does_not_hold"
    assert client.delete(one).status_code == 204
    assert client.get(one).status_code == 404
    assert not AlertTrigger.objects.exists()


def test_what_was_said_is_in_the_history(world: World, make_user: MakeUser) -> None:
    ada = make_user("ada")
    client = client_of(ada)
    first, second = post(client).json(), post(client, name="other").json()
    assert alerts_watch(now=clock.now()).fired == 2
    rows = client.get(f"{URL}/history").json()["results"]
    assert {row["alert"] for row in rows} == {first["id"], second["id"]}
    [row] = client.get(f"{URL}/history", {"alert": first["id"]}).json()["results"]
    assert (row["name"], row["kind"], row["title"]) == ("level", "price", "BTC/USDT on aaa is above 50: 100")
    assert row["notification"] == str(AlertFired.objects.get(trigger=first["id"]).notification_id)
    assert client.get(f"{URL}/{first['id']}").json()["holds"] is True
    assert client_of(make_user("eve")).get(f"{URL}/history", {"alert": first["id"]}).json()["results"] == []
    client.delete(f"{URL}/{first['id']}")
    assert sorted(row["alert"] or "" for row in client.get(f"{URL}/history").json()["results"]) == ["", second["id"]]


def test_somebody_elses_alert_is_not_there(world: World, make_user: MakeUser) -> None:
    theirs = post(client_of(make_user("ada"))).json()["id"]
    before = AlertTrigger.objects.values().get()
    eve = client_of(make_user("eve", Tier.ENTERPRISE))
    answers = [
        eve.get(f"{URL}/{theirs}"),
        eve.patch(f"{URL}/{theirs}", {"name": 1, "nonsense": 1}, format="json"),
        eve.delete(f"{URL}/{theirs}"),
        eve.post(f"{URL}/{theirs}/test"),
        eve.get(f"{URL}/{uuid.uuid4()}"),
    ]
    assert [answer.status_code for answer in answers] == [404] * 5
    assert len({answer.content for answer in answers}) == 1
    assert eve.get(URL).json()["results"] == []
    assert AlertTrigger.objects.values().get() == before


@pytest.mark.parametrize("path", ["", "/history", "/kinds", f"/{uuid.UUID(int=1)}"])
def test_nobody_is_asked_to_sign_in(db: None, path: str) -> None:
    assert APIClient().get(f"{URL}{path}").status_code == 401


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"kind": "balance"}, "invalid", "balance"),
        ({"kind": "profit_loss"}, "invalid", "profit_loss"),
        ({"params": "up"}, "invalid", "dictionary"),
        ({"params": {}}, "params_invalid", "symbol"),
        ({"params": PARAMS | {"op": "over"}}, "params_invalid", "over"),
        ({"params": PARAMS | {"exchange": "mtgox"}}, "params_invalid", "mtgox"),
        ({"params": PARAMS | {"symbol": "BTCUSDT"}}, "params_invalid", "BTCUSDT"),
        ({"cool_down_s": 5}, "cool_down_too_short", "60"),
        ({"per_hour": 100}, "per_hour_too_many", "60"),
        ({"params": PARAMS | {"op": "crosses"}, "repeat": True}, "does_not_last", "repeat"),
        ({"user": str(uuid.uuid4())}, "invalid", "Unknown"),
        ({"standing": 1}, "invalid", "Unknown"),
        ({"name": "x" * 81}, "invalid", "80"),
    ],
)
def test_what_can_not_be_is_told_and_stores_nothing(
    world: World, make_user: MakeUser, changes: dict[str, Any], code: str, words: str
) -> None:
    answer = post(client_of(make_user("ada")), **changes)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert words in answer.content.decode()
    assert not AlertTrigger.objects.exists()


def test_a_full_tier_is_a_conflict(world: World, make_user: MakeUser) -> None:
    client = client_of(make_user("ada", Tier.FREE))
    assert [post(client).status_code for _ in range(4)] == [201, 201, 201, 409]
    assert post(client).json()["code"] == "alerts_full"


def test_kinds_describe_what_they_ask_for(make_user: MakeUser) -> None:
    rows = client_of(make_user("ada")).get(f"{URL}/kinds").json()
    assert [row["kind"] for row in rows] == ["price", "funding", "opportunity", "custom"]
    assert "above" in str(rows[0]["params"])


def test_the_list_costs_as_much_for_many(world: World, make_user: MakeUser) -> None:
    config.config_set(key="distribution.alerts.premium", value=60, actor_id=None)
    client = client_of(make_user("ada"))
    costs = []
    for number in (1, 9):
        for _ in range(number):
            post(client)
        client.get(URL)
        config.forget()
        with CaptureQueriesContext(connection) as queries:
            assert client.get(URL).status_code == 200
        costs.append(len(queries))
    assert costs[0] == costs[1]
    assert len(client.get(URL, {"limit": 3}).json()["results"]) == 3


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        ("opportunity", {"symbols": ["BTC\0"]}),
        ("price", PARAMS | {"symbol": "\0"}),
        ("custom", {"when": {"all": [{"field": "price", "symbol": "\0", "exchange": "aaa", "op": ">", "value": 1}]}}),
    ],
)
def test_a_text_that_not_every_database_keeps_is_told(
    world: World, make_user: MakeUser, kind: str, params: dict[str, Any]
) -> None:
    answer = post(client_of(make_user("ada")), kind=kind, params=params)
    assert (answer.status_code, answer.json()["code"]) == (400, "params_invalid")
    assert "NUL" in answer.json()["detail"]
    assert not AlertTrigger.objects.exists()
