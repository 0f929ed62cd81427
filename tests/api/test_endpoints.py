"""Endpoints through the API: added, verified, tried, removed; and nobody else's."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.core import clock
from apps.notifications.models import Delivery, Endpoint, EndpointCode, Notification
from apps.notifications.services import codes_prune, deliver, endpoint_add, prune
from apps.notifications.services.sealed import sealed_facts
from tests.api.conftest import MakeUser, client_of
from tests.notifications.conftest import shipped, templates  # noqa: F401 (fixtures)
from tests.notifications.people import SECRET, endpoint_new, notification_new
from tests.sandbox_process import Sandbox

LIST = "/api/v1/notifications/endpoints"
CODE = re.compile(r"\b\d{8}\b")


pytestmark = pytest.mark.usefixtures("templates", "redis_state")


@pytest.fixture
def ada(make_user: MakeUser) -> User:
    return make_user("ada")


@pytest.fixture
def api(ada: User) -> APIClient:
    return client_of(ada)


@pytest.fixture
def outsider(make_user: MakeUser) -> APIClient:
    return client_of(make_user("eve"))


def add(api: APIClient, status: int = 201, **fields: Any) -> Any:
    answer = api.post(LIST, {"channel": "email", "address": "ada@example.test"} | fields, format="json")
    assert answer.status_code == status, answer.content
    return answer.json()


def code_sent() -> str:
    """The newest code, from the message that is owed."""
    owed = Notification.objects.filter(confirms=True).latest("created_at")
    found = CODE.search(sealed_facts(owed)["text"])
    assert found is not None
    return found[0]


def verify(api: APIClient, endpoint: Any, code: str) -> Any:
    return api.post(f"{LIST}/{endpoint['id']}/verify", {"code": code}, format="json")


def test_a_code_arrives_at_the_address_and_verifies_it(api: APIClient, sandbox: Sandbox) -> None:
    endpoint = add(api)
    assert (endpoint["usable"], endpoint["verified_at"]) == (False, None)
    deliver(priority="high")
    [mail] = sandbox.received("email")
    found = CODE.search(mail["body"])
    assert found is not None
    answer = verify(api, endpoint, f" {found[0][:4]} {found[0][4:]} ")
    assert answer.status_code == 200
    assert answer.json()["usable"] is True
    assert verify(api, endpoint, found[0]).json()["code"] == "code_expired"


def test_the_code_is_nowhere_but_in_the_message(api: APIClient, ada: User) -> None:
    add(api)
    code = code_sent()
    rows = [*Notification.objects.values(), *EndpointCode.objects.values(), *Delivery.objects.values()]
    assert code not in repr(rows)
    assert code not in api.get("/api/v1/notifications").content.decode()


def test_only_the_code_goes_to_an_address_that_is_not_verified(api: APIClient, ada: User, sandbox: Sandbox) -> None:

    add(api)
    row = notification_new(ada)
    assert row.reason == "There is no verified endpoint."
    deliver(priority="high")
    assert len(sandbox.received("email")) == 1


def test_a_code_never_falls_back_to_another_endpoint(api: APIClient, ada: User, sandbox: Sandbox) -> None:
    endpoint_new(ada, "telegram", "42")
    add(api, address="nobody@example.test")
    Endpoint.objects.filter(channel="email").update(disabled_at=clock.now())
    deliver(priority="high")
    assert sandbox.received() == []


def test_guesses_run_out(api: APIClient) -> None:
    endpoint = add(api)
    code = code_sent()
    wrong = "00000000" if code != "00000000" else "11111111"
    answers = [verify(api, endpoint, wrong).json() for _ in range(6)]
    assert [answer["code"] for answer in answers] == ["code_wrong"] * 5 + ["code_expired"]
    assert answers[0]["detail"] == "This is not the code that was sent; 4 more tries."
    assert verify(api, endpoint, code).json()["code"] == "code_expired"
    assert not Endpoint.objects.get().usable


def test_a_new_code_ends_the_old_one(api: APIClient) -> None:
    endpoint = add(api)
    old = code_sent()
    assert api.post(f"{LIST}/{endpoint['id']}/code").status_code == 202
    new = code_sent()
    assert EndpointCode.objects.filter(expires_at__gt=clock.now()).count() == 1
    if old != new:
        assert verify(api, endpoint, old).json()["code"] == "code_wrong"
    assert verify(api, endpoint, new).status_code == 200
    again = api.post(f"{LIST}/{endpoint['id']}/code")
    assert (again.status_code, again.json()["code"]) == (400, "already_verified")


def test_a_code_that_is_too_old_says_so(api: APIClient) -> None:
    endpoint = add(api)
    code = code_sent()
    EndpointCode.objects.update(expires_at=clock.now() - timedelta(seconds=1))
    assert verify(api, endpoint, code).json()["code"] == "code_expired"
    assert codes_prune(now=clock.now()) == 0
    assert codes_prune(now=clock.now() + timedelta(days=8)) == 1


def test_nobody_can_be_pestered_with_codes(api: APIClient, outsider: APIClient) -> None:
    endpoint = add(api)
    for _ in range(2):
        assert api.post(f"{LIST}/{endpoint['id']}/code").status_code == 202
    refused = api.post(f"{LIST}/{endpoint['id']}/code")
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_codes")
    assert int(refused["Retry-After"]) > 60
    # The address has had enough, whoever asks; and what was refused is not stored.
    assert add(outsider, status=429)["code"] == "too_many_codes"
    assert Endpoint.objects.count() == 1


def test_what_was_added_is_listed_with_its_secrets_masked(api: APIClient, ada: User) -> None:
    add(api, channel="webhook", address="https://hooks.example.com/in?key=topsecretkey", credentials={"secret": SECRET})
    add(api, label="home")
    listed = api.get(LIST)
    assert [row["channel"] for row in listed.json()] == ["webhook", "email"]
    assert "topsecretkey" not in listed.content.decode()
    assert SECRET not in listed.content.decode()
    assert listed.json()[0]["address"].startswith("https://hooks.example.com/")
    assert listed.json()[1]["label"] == "home"


def test_a_webhook_without_a_secret_gets_one_that_is_shown_once(api: APIClient) -> None:
    made = add(api, channel="webhook", address="https://hooks.example.com/in")
    assert made["new_credentials"]["secret"].startswith("whsec_")
    assert "new_credentials" not in api.get(f"{LIST}/{made['id']}").json()


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"channel": "pigeon"}, "invalid"),
        ({"address": "not an address"}, "bad_address"),
        ({"channel": "telegram", "address": "-100123"}, "group_address"),
        ({"channel": "webhook", "address": "http://127.0.0.1/in"}, "bad_address"),
        (
            {"channel": "webhook", "address": "https://a.example.com", "credentials": {"secret": "short"}},
            "bad_credentials",
        ),
        ({"credentials": {"password": "x"}}, "bad_credentials"),
        ({"rout": 1}, "invalid"),
        ({"route": 10}, "invalid"),
    ],
)
def test_what_does_not_fit_is_told_and_nothing_is_stored(api: APIClient, fields: dict[str, Any], code: str) -> None:
    assert add(api, status=400, **fields)["code"] == code
    assert not Endpoint.objects.exists()
    assert not Notification.objects.exists()


def test_twice_the_same_is_told(api: APIClient) -> None:
    add(api)
    assert add(api, status=409)["code"] == "exists"


def test_two_clicks_at_once_stand_in_line(ada: User) -> None:
    with CaptureQueriesContext(connection) as asked:
        endpoint_add(user_id=ada.pk, channel="telegram", address="42")
    reads = [query["sql"] for query in asked if query["sql"].startswith("SELECT")]
    # Their owner's row is held before anything is looked at; SQLite lets one writer in at a time.
    assert "accounts_user" in reads[0]
    assert connection.vendor == "sqlite" or "FOR NO KEY UPDATE" in reads[0]


def test_twenty_are_enough(api: APIClient, ada: User) -> None:
    for number in range(20):
        endpoint_new(ada, "telegram", str(1000 + number))
    assert add(api, status=400)["code"] == "too_many_endpoints"


def test_place_label_and_credentials_can_be_changed(api: APIClient, ada: User) -> None:
    endpoint = endpoint_new(ada, "webhook", "https://hooks.example.com/in")
    before = endpoint.credentials
    changed = api.patch(
        f"{LIST}/{endpoint.pk}",
        {"label": "desk", "route": 1, "position": 2, "credentials": {"secret": SECRET[:-5] + "AAAA="}},
        format="json",
    )
    assert changed.status_code == 200, changed.content
    assert (changed.json()["label"], changed.json()["route"], changed.json()["position"]) == ("desk", 1, 2)
    assert changed.json()["usable"] is True
    endpoint.refresh_from_db()
    assert endpoint.credentials != before
    bad = api.patch(f"{LIST}/{endpoint.pk}", {"credentials": {}}, format="json")
    assert bad.json()["code"] == "bad_credentials"
    assert api.patch(f"{LIST}/{endpoint.pk}", {"address": "https://else.example"}, format="json").status_code == 400


def test_what_was_never_used_is_deleted_and_what_was_keeps_its_history(
    api: APIClient, ada: User, sandbox: Sandbox
) -> None:
    unused, used = endpoint_new(ada, "telegram", "42"), endpoint_new(ada, "telegram", "43", route=1)
    assert api.post(f"{LIST}/{used.pk}/test").status_code == 202
    deliver(priority="high")
    for endpoint in (unused, used):
        assert api.delete(f"{LIST}/{endpoint.pk}").status_code == 204
        assert api.get(f"{LIST}/{endpoint.pk}").status_code == 404
    assert api.get(LIST).json() == []
    assert Endpoint.objects.count() == 2
    prune(now=clock.now())
    kept = Endpoint.objects.get()
    assert (kept.pk, kept.usable, kept.credentials) == (used.pk, False, "")
    # Added again, it is a new start: to be verified first.
    assert add(api, channel="telegram", address="43")["usable"] is False


def test_a_test_message_goes_to_that_endpoint_alone(api: APIClient, ada: User, sandbox: Sandbox) -> None:
    endpoint_new(ada, "telegram", "42")
    second = endpoint_new(ada, "telegram", "43", position=1)
    owed = api.post(f"{LIST}/{second.pk}/test")
    assert owed.status_code == 202
    deliver(priority="high")
    assert [row["to"] for row in sandbox.received("telegram")] == ["43"]
    [row] = api.get("/api/v1/notifications").json()["results"]
    assert (row["id"], row["state"]) == (owed.json()["id"], "delivered")
    assert row["deliveries"][0]["attempts"][0]["outcome"] == "delivered"


def test_tests_are_limited_and_need_a_usable_endpoint(api: APIClient, ada: User) -> None:
    off = endpoint_new(ada, "telegram", "42", verified=False)
    assert api.post(f"{LIST}/{off.pk}/test").json()["code"] == "not_usable"
    on = endpoint_new(ada, "telegram", "43")
    answers = [api.post(f"{LIST}/{on.pk}/test").status_code for _ in range(6)]
    assert answers == [202] * 5 + [429]


def test_who_blocks_the_bot_is_told_on_another_channel(api: APIClient, ada: User, sandbox: Sandbox) -> None:
    blocked = endpoint_new(ada, "telegram", "403403", label="phone")
    endpoint_new(ada, "email", "ada@example.test", route=1)
    assert api.post(f"{LIST}/{blocked.pk}/test").status_code == 202
    deliver(priority="high")
    deliver(priority="high")
    [mail] = sandbox.received("email")
    assert "Telegram endpoint “phone” was switched off" in mail["subject"]
    blocked.refresh_from_db()
    assert "blocked" in blocked.disabled_reason


def test_strangers_find_nothing(api: APIClient, outsider: APIClient, ada: User) -> None:
    endpoint = endpoint_new(ada, "telegram", "42")
    path = f"{LIST}/{endpoint.pk}"
    calls = [
        outsider.get(path),
        outsider.patch(path, {"label": "mine"}, format="json"),
        outsider.delete(path),
        outsider.post(f"{path}/code"),
        outsider.post(f"{path}/verify", {"code": "12345678"}, format="json"),
        outsider.post(f"{path}/test"),
    ]
    assert [answer.status_code for answer in calls] == [404] * 6
    assert outsider.get(LIST).json() == []
    assert outsider.get("/api/v1/notifications").json()["results"] == []
    assert [APIClient().get(each).status_code for each in (LIST, path, "/api/v1/notifications")] == [401] * 3
    endpoint.refresh_from_db()
    assert (endpoint.label, endpoint.usable) == ("", True)


def test_channels_say_what_they_need_and_whether_they_are_there(api: APIClient, settings: Settings) -> None:
    settings.TELEGRAM_BOT_TOKEN = ""
    rows = {row["name"]: row for row in api.get("/api/v1/notifications/channels").json()}
    assert rows["telegram"]["available"] is False
    assert rows["webhook"]["available"] is True
    assert {field["name"]: field["secret"] for field in rows["webhook"]["credential_fields"]}["secret"] is True


def test_the_history_takes_no_more_queries_for_more_messages(
    api: APIClient, ada: User, django_assert_max_num_queries: Any
) -> None:

    endpoint_new(ada, "telegram", "42")
    for _ in range(12):
        notification_new(ada)
    # The first use of a token in a day and minute is written down.
    api.get("/api/v1/notifications")
    with django_assert_max_num_queries(4):
        assert len(api.get("/api/v1/notifications").json()["results"]) == 12
