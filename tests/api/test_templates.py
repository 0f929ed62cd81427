"""Templates in the API: for administrators, and nobody else."""

import json
from typing import Any

import pytest

from apps.accounts.enums import Role, Tier
from apps.core.models import AuditRecord
from apps.notifications.models import Template
from tests.api.conftest import MakeUser, client_of

LIST = "/api/v1/notifications/templates"
WORDS: dict[str, Any] = {
    "name": "hello",
    "subject": "{{ who }}",
    "body": "Hello {{ who }}",
    "variables": [{"name": "who", "type": "text", "example": "Ada"}],
}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", LIST),
        ("post", LIST),
        ("get", f"{LIST}/1"),
        ("patch", f"{LIST}/1"),
        ("post", f"{LIST}/1/preview"),
        ("get", f"{LIST}/1/statistics"),
    ],
)
def test_only_administrators_are_let_in(make_user: MakeUser, method: str, path: str) -> None:
    assert getattr(client_of(None), method)(path, WORDS, format="json").status_code == 401
    for user in (make_user("free", tier=Tier.FREE), make_user("rich", tier=Tier.ENTERPRISE)):
        answer = getattr(client_of(user), method)(path, WORDS, format="json")
        assert (answer.status_code, answer.json()["code"]) == (403, "role_required")
    assert not Template.objects.exists()


def test_an_administrator_writes_previews_and_rolls_back(make_user: MakeUser) -> None:
    boss = make_user("boss", role=Role.ADMIN)
    client = client_of(boss)
    first = client.post(LIST, WORDS, format="json")
    assert first.status_code == 201
    assert (first.json()["version"], first.json()["active"], first.json()["created_by"]) == (1, True, str(boss.pk))
    second = client.post(LIST, {"name": "hello", "body": "Hi {{ who }}"}, format="json").json()
    assert (second["version"], second["variables"][0]["name"]) == (2, "who")
    listed = client.get(LIST, {"name": "hello"}).json()["results"]
    assert [(row["version"], row["active"]) for row in listed] == [(2, True), (1, False)]
    assert [row["version"] for row in client.get(LIST, {"active": "true"}).json()["results"]] == [2]
    back = client.patch(f"{LIST}/{first.json()['id']}", {"active": True, "weight": 50}, format="json").json()
    assert (back["active"], back["weight"]) == (True, 50)
    assert client.get(f"{LIST}/{second['id']}").json()["active"] is False
    assert set(AuditRecord.objects.values_list("action", flat=True)) >= {"template.created", "template.activated"}
    previews = client.post(f"{LIST}/{second['id']}/preview", {"facts": {"who": "<Eve>"}}, format="json").json()
    found = {one["channel"]: one for one in previews}
    assert json.loads(found["webhook"]["body"])["data"]["text"].endswith("Hi <Eve>")
    assert "Hi &lt;Eve&gt;" in found["telegram"]["body"]
    assert found["telegram"]["length"] <= found["telegram"]["limit"] == 4096
    wrong = client.post(f"{LIST}/{second['id']}/preview", {"facts": {}}, format="json").json()
    assert "no value for 'who'" in wrong[0]["error"]
    rows = client.get(f"{LIST}/{second['id']}/statistics").json()
    assert [(row["version"], row["delivered"], row["useful_rate"]) for row in rows] == [(1, 0, None)]


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"body": "{{ nobody }}"}, "template_undeclared", "'nobody'"),
        ({"body": "{{ ''.__class__ }}"}, "template", "can't be rendered"),
        ({"body": "{{ 'a' * 1000000000 }}"}, "template", "numbers"),
        ({"variables": [{"name": "who", "type": "number", "example": "x"}]}, "template_variables", "'who'"),
        ({"variables": [{"name": "who", "type": "text", "example": "a\0"}]}, "template_variables", "NUL"),
        (
            {"variables": [{"name": "who", "type": "list", "items": {"a": []}, "example": [{"a": "x"}]}]},
            "template_variables",
            "'who'",
        ),
        ({"name": "../x"}, "invalid", ""),
        ({"channel": "pigeon"}, "invalid", ""),
        ({"locale": "e\u0000"}, "invalid", ""),
        ({"locale": "abc-abcdefgh-abcdefgh"}, "invalid", ""),
        ({"weight": 10**9}, "invalid", ""),
        ({"body": "x" * 30_000}, "invalid", ""),
        ({"variables": "who"}, "invalid", ""),
    ],
)
def test_what_is_wrong_is_told_and_nothing_is_stored(
    make_user: MakeUser, change: dict[str, Any], code: str, words: str
) -> None:
    client = client_of(make_user("boss", role=Role.ADMIN))
    answer = client.post(LIST, WORDS | change, format="json")
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert words in answer.json()["detail"]
    assert not Template.objects.exists()


def test_strange_questions_are_no_server_error(make_user: MakeUser) -> None:
    client = client_of(make_user("boss", role=Role.ADMIN))
    client.raise_request_exception = False
    made = client.post(LIST, WORDS, format="json").json()
    for query in ({"name": "\x00"}, {"active": "maybe"}, {"cursor": "%%%"}, {"limit": "0"}, {"locale": "' OR 1=1"}):
        assert client.get(LIST, query).status_code in (200, 404)
    assert client.get(f"{LIST}/999999999999999999999999").status_code == 404
    changes: list[dict[str, Any]] = [{"weight": -1}, {"weight": "x"}, {"active": "perhaps"}]
    for change in changes:
        assert client.patch(f"{LIST}/{made['id']}", change, format="json").status_code == 400
    asked: list[dict[str, Any]] = [{"facts": []}, {"facts": {"who": {"a": 1}}}, {"timezone": "../../etc/passwd"}]
    for body in asked:
        assert client.post(f"{LIST}/{made['id']}/preview", body, format="json").status_code in (200, 400)
