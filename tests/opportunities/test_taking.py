"""Taking an opportunity on paper: at today's books, once per order, with the evidence; and what people say of it."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from apps.accounts.enums import Tier
from apps.accounts.models import User
from apps.accounts.services import token_create, user_create
from apps.core.models import IdempotencyKey
from apps.opportunities import services
from apps.opportunities.evidence import recompute
from apps.opportunities.models import Execution, Opportunity, OpportunityFeedback
from tests.opportunities.conftest import Build
from tests.opportunities.factories import Listing
from tests.opportunities.world import World

ROOT = "/api/v1/opportunities"


def person(name: str = "ada", tier: Tier = Tier.PREMIUM) -> User:
    return user_create(email=f"{name}@example.test", tier=tier)


def client_of(user: User) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {token_create(user=user, name='test')}")
    return client


def take(client: APIClient, row: Opportunity, key: str | None = None, **body: Any) -> Any:
    headers = {"Idempotency-Key": key or uuid.uuid4().hex}
    return client.post(f"{ROOT}/{row.pk}/execute", body, format="json", headers=headers)


def test_it_is_filled_on_the_books_of_this_moment(gap: World) -> None:
    row, user = gap.activate(), person()
    gap.pass_time(3)
    # The price has come closer since it was alerted: 100.5 and not 101.
    gap.change(1, bid=100.5, ask=100.6)
    gap.quote()
    gap.fill_books()
    answer = take(client_of(user), row, notional="500")
    body = answer.json()
    assert answer.status_code == 201, body
    assert [(leg["side"], leg["exchange"], leg["price"], leg["fee"]) for leg in body["legs"]] == [
        ("buy", "aaa", "100", "0.001"),
        ("sell", "bbb", "100.5", "0.001"),
    ]
    assert body["legs"][0]["amount"] == body["legs"][1]["amount"] == "5"
    # 100.5 · 0.999 / (100 · 1.001) - 1, rounded down to eight places, and that times 100 · 1.001 · 5.
    assert (body["net_edge"], body["gross_edge"]) == ("0.00299200", "0.00500000")
    assert (body["asked"], body["size"], body["profit"]) == ("500.0000", "500.0000", "1.49750000")
    assert (body["mode"], body["origin"], body["opportunity_id"]) == ("paper", row.origin, str(row.pk))
    stored = Execution.objects.get()
    assert (stored.user, stored.executed_at, str(stored.pk)) == (user, gap.now, body["id"])
    assert recompute(stored.evidence) == stored.net_edge
    said = OpportunityFeedback.objects.get()
    assert (said.user, said.opportunity, said.state) == (user, row, "executed")
    row.refresh_from_db()
    assert row.net_edge > stored.net_edge


def test_no_more_is_taken_than_earns(gap: World) -> None:
    row = gap.activate()
    body = take(client_of(person()), row, notional="1000000").json()
    # The books of the test hold 50 units a side.
    assert (body["asked"], body["size"]) == ("1000000.0000", "5000.0000")


def test_without_a_figure_the_opportunitys_size_is_taken(gap: World) -> None:
    row = gap.activate()
    assert take(client_of(person()), row).json()["size"] == f"{row.size:.4f}"


def test_an_order_sent_twice_is_done_once(gap: World) -> None:
    row, client = gap.activate(), client_of(person())
    first = take(client, row, "k1", notional="500")
    again = take(client, row, "k1", notional="500")
    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    assert (first.headers.get("Idempotency-Replayed"), again.headers["Idempotency-Replayed"]) == (None, "true")
    assert Execution.objects.count() == 1
    assert take(client, row, "k2", notional="500").json()["id"] != first.json()["id"]
    assert take(client_of(person("eve")), row, "k1", notional="500").json()["id"] != first.json()["id"]
    assert Execution.objects.count() == 3


def test_a_key_is_for_one_order(gap: World) -> None:
    row, client = gap.activate(), client_of(person())
    take(client, row, "k", notional="500")
    answer = take(client, row, "k", notional="600")
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert Execution.objects.count() == 1


@pytest.mark.parametrize("key", ["", "x" * 129, "a\tb", "ключ".encode().decode("latin-1")])
def test_without_a_usable_key_nothing_is_done(gap: World, key: str) -> None:
    row, client = gap.activate(), client_of(person())
    headers = {"Idempotency-Key": key} if key else {}
    answer = client.post(f"{ROOT}/{row.pk}/execute", {}, format="json", headers=headers)
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == ["Idempotency-Key"]
    assert not Execution.objects.exists()


def test_many_at_once_with_one_key_are_one_order(gap: World) -> None:
    row, user = gap.activate(), person()
    clients = [client_of(user) for _ in range(5)]

    def send(client: APIClient) -> int:
        try:
            return int(take(client, row, "k", notional="500").status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(5) as pool:
        codes = sorted(pool.map(send, clients))
    assert codes[0] == 201
    assert set(codes) <= {201, 409}
    assert Execution.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"notional": "0"}, "notional"),
        ({"notional": "-5"}, "notional"),
        ({"notional": "NaN"}, "notional"),
        ({"notional": "1e30"}, "notional"),
        ({"min_net_edge": "-0.1"}, "min_net_edge"),
        ({"min_net_edge": "2"}, "min_net_edge"),
        ({"size": "5"}, "size"),
    ],
)
def test_a_wrong_order_is_told_and_not_done(gap: World, body: dict[str, str], field: str) -> None:
    answer = take(client_of(person()), gap.activate(), **body)
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert not Execution.objects.exists()
    assert not IdempotencyKey.objects.exists()


def test_an_edge_that_is_gone_is_not_taken_and_the_key_stays_free(gap: World) -> None:
    row, client = gap.activate(), client_of(person())
    gap.pass_time(3)
    gap.change(1, bid=100.1, ask=100.2)
    gap.fill_books()
    answer = take(client, row, "k")
    assert (answer.status_code, answer.json()["code"]) == (409, "execution_refused")
    assert "Nothing was done" in answer.json()["detail"]
    assert not Execution.objects.exists()
    assert not OpportunityFeedback.objects.exists()
    gap.pass_time(3)
    gap.change(1, bid=101.0, ask=101.1)
    gap.fill_books()
    assert take(client, row, "k").status_code == 201


def test_the_least_edge_is_the_callers(gap: World) -> None:
    row, client = gap.activate(), client_of(person())
    assert take(client, row, min_net_edge="0.02").status_code == 409
    assert take(client, row, min_net_edge="0.005").status_code == 201


def test_without_fresh_books_they_are_fetched_first(gap: World) -> None:
    row, client = gap.activate(), client_of(person())
    gap.pass_time(5)
    answer = take(client, row, "k")
    assert answer.status_code == 202, answer.json()
    assert int(answer.headers["Retry-After"]) == answer.json()["retry_after"] >= 1
    assert not Execution.objects.exists()
    gap.fill_books()
    assert take(client, row, "k").status_code == 201


@pytest.mark.parametrize("change", [{"status": "expired"}, {"status": "closed"}, {}])
def test_what_is_over_is_not_taken(gap: World, change: dict[str, str]) -> None:
    row = gap.activate()
    if change:
        Opportunity.objects.update(closed_at=gap.now, **change)
    else:
        Opportunity.objects.update(expires_at=gap.now)
    answer = take(client_of(person()), row)
    assert (answer.status_code, answer.json()["code"]) == (409, "opportunity_over")
    assert not Execution.objects.exists()


def test_what_is_not_shown_yet_is_not_taken(gap: World) -> None:
    row, free = gap.activate(), client_of(person(tier=Tier.FREE))
    assert take(free, row).status_code == 404
    assert APIClient().post(f"{ROOT}/{row.pk}/execute").status_code == 401
    assert not Execution.objects.exists()
    gap.pass_time(301)
    gap.quote()
    gap.price()
    assert take(free, row).status_code == 201


def test_everybody_sees_their_own_executions_only(gap: World) -> None:
    row, ada, eve = gap.activate(), client_of(person()), client_of(person("eve"))
    ids = []
    for _ in range(3):
        gap.pass_time(1)
        gap.fill_books()
        ids.append(take(ada, row).json()["id"])
    assert [one["id"] for one in ada.get(f"{ROOT}/executions").json()["results"]] == ids[::-1]
    assert "evidence" not in ada.get(f"{ROOT}/executions").json()["results"][0]
    assert eve.get(f"{ROOT}/executions").json()["results"] == []
    assert APIClient().get(f"{ROOT}/executions").status_code == 401


def test_an_execution_outlives_its_opportunity_and_not_a_year(gap: World) -> None:
    row = gap.activate()
    take(client_of(person()), row)
    row.delete()
    assert Execution.objects.get().opportunity is None
    services.prune(now=gap.now + timedelta(days=399))
    assert Execution.objects.exists()
    services.prune(now=gap.now + timedelta(days=401))
    assert not Execution.objects.exists()


def test_legs_in_two_dollars_are_taken_at_the_live_rate(build: Build) -> None:
    world = build(
        Listing("aaa", 99.9, 100.0),
        Listing("bbb", 102.0, 102.1, quote="USDC"),
        Listing("aaa", 0.996, 0.9962, instrument="USDC"),
    )
    row = world.activate()
    body = take(client_of(person()), row, notional="500").json()
    # 102 USDC bring 102 · 0.996 USDT, less 0.1 % for the sale and 0.1 % for the conversion.
    net = Decimal(102) * Decimal("0.996") * Decimal("0.999") * Decimal("0.999") / (Decimal(100) * Decimal("1.001")) - 1
    assert abs(Decimal(body["net_edge"]) - net) < Decimal("1e-7")
    assert recompute(Execution.objects.get().evidence) == Decimal(body["net_edge"])


def test_too_many_orders_are_asked_to_wait(gap: World) -> None:
    row, client = gap.activate(), client_of(person())
    codes = [take(client, row, min_net_edge="1").status_code for _ in range(21)]
    assert codes[:20] == [409] * 20
    assert codes[20] == 429
    answer = take(client, row)
    assert answer.json()["code"] == "throttled"
    assert int(answer.headers["Retry-After"]) >= 1


def test_feedback_is_said_and_said_again(gap: World) -> None:
    row, user = gap.activate(), person()
    client, url = client_of(user), f"{ROOT}/{row.pk}/feedback"
    first = client.post(url, {"state": "ignored", "reason": "too_small"}, format="json")
    again = client.post(url, {"state": "ignored", "reason": "other", "note": "busy"}, format="json")
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == {
        "opportunity_id": str(row.pk), "state": "ignored", "reason": "other", "note": "busy",
        "given_at": first.json()["given_at"],
    }  # fmt: skip
    assert OpportunityFeedback.objects.get().user == user


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "invalid"),
        ({"state": "liked"}, "invalid"),
        ({"state": "viewed", "stars": 5}, "invalid"),
        ({"state": "viewed", "note": "x" * 501}, "invalid"),
        ({"state": "ignored"}, "feedback_invalid"),
        ({"state": "viewed", "reason": "other"}, "feedback_invalid"),
    ],
)
def test_feedback_that_makes_no_sense_is_told_back(gap: World, body: dict[str, Any], code: str) -> None:
    row = gap.activate()
    answer = client_of(person()).post(f"{ROOT}/{row.pk}/feedback", body, format="json")
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert not OpportunityFeedback.objects.exists()


def test_nobody_speaks_of_what_they_may_not_see(gap: World) -> None:
    row = gap.activate()
    body = {"state": "viewed"}
    free = client_of(person(tier=Tier.FREE))
    assert free.post(f"{ROOT}/{row.pk}/feedback", body, format="json").status_code == 404
    assert APIClient().post(f"{ROOT}/{row.pk}/feedback", body, format="json").status_code == 401
    assert not OpportunityFeedback.objects.exists()
