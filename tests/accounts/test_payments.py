"""A payment provider's messages: only signed ones, each once, and what can't be applied is told and kept."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import connection
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient
from standardwebhooks.webhooks import Webhook

from apps.accounts.models import PaymentEvent, Subscription, User
from apps.core import clock, config
from tests.accounts.conftest import MakeUser

URL = "/api/v1/payments/webhook"
SECRET = "whsec_" + "c2VjcmV0" * 6
OTHER = "whsec_" + "b3RoZXJz" * 6


@pytest.fixture(autouse=True)
def _secret(settings: Settings) -> None:
    settings.PAYMENT_WEBHOOK_SECRETS = [SECRET]
    config.forget()


def told(kind: str, user: str = "", *, at_s: float = 0, **data: Any) -> str:
    at = clock.wall_now() + timedelta(seconds=at_s)
    ends_at = (clock.wall_now() + timedelta(days=30)).isoformat()
    body = {"subscription": "sub_1", "user": user, "plan": "premium_monthly", "ends_at": ends_at}
    return json.dumps({"type": f"subscription.{kind}", "timestamp": at.isoformat(), "data": body | data})


def send(
    body: str, event_id: str = "msg_1", *, secret: str = SECRET, age_s: float = 0, headers: dict[str, str] | None = None
) -> Any:
    at = datetime.now(UTC) - timedelta(seconds=age_s)
    sent = {
        "webhook-id": event_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(event_id, at, body),
    }
    client = APIClient()
    client.raise_request_exception = False
    return client.post(URL, body, content_type="application/json", headers=sent | (headers or {}))


def tier_of(user: User) -> str:
    user.refresh_from_db()
    return user.tier


def test_what_was_bought_opens_the_tier_and_what_ended_closes_it(make_user: MakeUser) -> None:
    ada = make_user("ada")
    answer = send(told("started", str(ada.pk)))
    assert (answer.status_code, answer.json()) == (200, {"id": "msg_1", "state": "applied", "again": False})
    row = Subscription.objects.get()
    assert (tier_of(ada), row.renews, row.external_id) == ("premium", True, "sub_1")
    assert row.grace_until - row.ends_at == timedelta(days=3)
    later = (clock.wall_now() + timedelta(days=60)).isoformat()
    assert send(told("renewed", ends_at=later, at_s=1), "msg_2").status_code == 200
    row.refresh_from_db()
    assert row.ends_at == datetime.fromisoformat(later)
    assert send(told("changed", plan="enterprise_yearly", at_s=2), "msg_3").status_code == 200
    assert tier_of(ada) == "enterprise"
    assert send(told("cancelled", at_s=3), "msg_4").status_code == 200
    assert tier_of(ada) == "enterprise"
    assert send(told("ended", at_s=4), "msg_5").status_code == 200
    assert tier_of(ada) == "free"
    assert set(PaymentEvent.objects.values_list("state", flat=True)) == {"applied"}


@pytest.mark.parametrize("plan", ["pro", "PRO", "enterprise"])
def test_a_plan_may_have_the_tiers_name_also_the_old_one(make_user: MakeUser, plan: str) -> None:
    ada = make_user("ada")
    assert send(told("started", "ADA@example.test", plan=plan)).status_code == 200
    assert tier_of(ada) == "enterprise"


def test_the_same_message_twice_has_one_effect(make_user: MakeUser) -> None:
    ada = make_user("ada")
    body = told("started", str(ada.pk))
    assert [send(body).json()["again"] for _ in range(3)] == [False, True, True]
    assert Subscription.objects.count() == PaymentEvent.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_same_message_twice_at_once_has_one_effect(make_user: MakeUser) -> None:
    body, together = told("started", str(make_user("ada").pk)), Barrier(4)

    def deliver(_: int) -> tuple[int, bool]:
        together.wait()
        try:
            answer = send(body)
            return answer.status_code, answer.json()["again"]
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        outcomes = sorted(pool.map(deliver, range(4)))
    assert outcomes == [(200, False), (200, True), (200, True), (200, True)]
    assert Subscription.objects.count() == 1


def test_who_does_not_sign_is_not_heard(make_user: MakeUser) -> None:
    ada = make_user("ada")
    body = told("started", str(ada.pk))
    answers = [
        send(body, secret=OTHER),
        send(body, age_s=400),
        send(body, age_s=-400),
        send(body, headers={"webhook-signature": "v1,"}),
        send(body, headers={"webhook-signature": "nonsense"}),
        send(body, headers={"webhook-signature": "v1,!!!"}),
        send(body, headers={"webhook-timestamp": "soon"}),
        send(body, headers={"webhook-id": "msg_2"}),
        APIClient().post(URL, body, content_type="application/json"),
    ]
    assert [(one.status_code, one.json()["code"]) for one in answers] == [(403, "signature")] * len(answers)
    assert not PaymentEvent.objects.exists()
    assert tier_of(ada) == "free"


def test_a_second_secret_counts_while_the_provider_changes_over(make_user: MakeUser, settings: Settings) -> None:
    settings.PAYMENT_WEBHOOK_SECRETS = [OTHER, SECRET]
    assert send(told("started", str(make_user("ada").pk))).status_code == 200


def test_without_a_secret_nothing_is_taken(db: None, settings: Settings) -> None:
    settings.PAYMENT_WEBHOOK_SECRETS = []
    assert send(told("started")).status_code == 404


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"user": "nobody@example.test"}, "unknown_user"),
        ({"user": "00000000-0000-4000-8000-000000000000"}, "unknown_user"),
        ({"plan": "gold"}, "unknown_plan"),
        ({"plan": "free"}, "unknown_plan"),
        ({"ends_at": None}, "bad_message"),
        ({"ends_at": "2001-01-01T00:00:00Z"}, "bad_message"),
        ({"ends_at": "9999-01-01T00:00:00Z"}, "bad_message"),
        ({"subscription": ""}, "bad_message"),
    ],
)
def test_what_can_not_be_applied_is_told_and_kept(make_user: MakeUser, fields: dict[str, Any], code: str) -> None:
    make_user("ada")
    answer = send(told("started", **{"user": "ada@example.test", **fields}))
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    row = PaymentEvent.objects.get()
    assert (row.state, row.code) == ("refused", code)
    assert row.reason
    assert not Subscription.objects.exists()


def test_what_was_refused_is_applied_once_it_can_be(make_user: MakeUser) -> None:
    ada = make_user("ada")
    body = told("started", str(ada.pk), plan="gold")
    assert send(body).status_code == 422
    config.config_set(key="payment.plans.premium", value="premium gold", actor_id=None)
    assert send(body).json() == {"id": "msg_1", "state": "applied", "again": False}
    config.config_reset(key="payment.plans.premium", actor_id=None)
    assert (PaymentEvent.objects.get().attempts, PaymentEvent.objects.get().code, tier_of(ada)) == (2, "", "premium")


@pytest.mark.parametrize("kind", ["cancelled", "ended"])
def test_what_is_not_known_can_not_end(make_user: MakeUser, kind: str) -> None:
    assert send(told(kind, str(make_user("ada").pk))).json()["code"] == "unknown_subscription"


def test_older_news_that_comes_later_changes_nothing(make_user: MakeUser) -> None:
    ada = make_user("ada")
    send(told("started", str(ada.pk)))
    send(told("ended", at_s=60), "msg_2")
    assert send(told("renewed", at_s=30), "msg_3").json()["state"] == "ignored"
    assert tier_of(ada) == "free"


def test_other_kinds_of_messages_are_ignored(make_user: MakeUser) -> None:
    body = told("started", str(make_user("ada").pk)).replace("subscription.started", "invoice.created")
    assert send(body).json()["state"] == "ignored"
    assert not Subscription.objects.exists()


@pytest.mark.parametrize("body", ["", "[]", "{}", "null", '{"type": 1}', "\u00e9", "{" * 5000])
def test_what_can_not_be_read_is_422(db: None, body: str) -> None:
    answer = send(body)
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_message")


def test_a_text_that_no_database_takes_is_422(db: None) -> None:
    answer = send(told("started", "\x00"))
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_message")
    assert not PaymentEvent.objects.exists()
