"""Accounts through the admin API: found, suspended, given tiers, signed out; and by whom."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from apps.accounts.enums import Role, Tier, UserStatus
from apps.accounts.models import AccountSession, SessionKind, User
from apps.accounts.services import token_create
from apps.accounts.services.sessions import session_open
from apps.core import clock
from apps.core.models import AuditRecord
from tests.api.conftest import MakeUser, client_of

URL = "/api/v1/admin/users"
NOWHERE = "00000000-0000-4000-8000-000000000000"
Ask = Callable[[APIClient, str], Any]


@pytest.fixture
def op(make_user: MakeUser) -> APIClient:
    return client_of(make_user("op", role=Role.ADMIN))


@pytest.fixture
def chief(make_user: MakeUser) -> APIClient:
    return client_of(make_user("chief", role=Role.SUPER_ADMIN))


def names(client: APIClient, **query: Any) -> set[str]:
    answer = client.get(URL, query)
    assert answer.status_code == 200, answer.content
    return {row["name"] for row in answer.json()["results"]}


def test_people_are_found_and_narrowed(op: APIClient, make_user: MakeUser) -> None:
    ada = make_user("ada", Tier.ENTERPRISE)
    make_user("bob", Tier.FREE, status=UserStatus.SUSPENDED)
    assert names(op) == {"op", "ada", "bob"}
    assert names(op, search="ADA@exam") == names(op, search=str(ada.pk)) == names(op, tier="pro") == {"ada"}
    assert names(op, status="suspended") == names(op, tier="free", search="b") == {"bob"}
    assert names(op, role="admin") == {"op"}
    assert names(op, search="%") == names(op, search="' or 1=1") == set()
    for wrong in ({"tier": "gold"}, {"role": "god"}, {"fields": "id,password"}, {"sort": "x"}):
        assert op.get(URL, wrong).status_code == 400


def test_fields_and_pages(op: APIClient, make_user: MakeUser) -> None:
    for name in ("ada", "bob"):
        make_user(name)
    page = op.get(URL, {"fields": "id,email", "limit": "2"}).json()
    assert [set(row) for row in page["results"]] == [{"id", "email"}] * 2
    rest = op.get(page["next"]).json()
    assert rest["next"] is None
    assert len({row["email"] for row in page["results"] + rest["results"]}) == 3


def test_no_secret_and_no_more_queries_for_more_people(op: APIClient, make_user: MakeUser) -> None:
    op.get(URL)

    def queries() -> int:
        with CaptureQueriesContext(connection) as caught:
            assert b"password" not in op.get(URL).content
        return len(caught)

    before = queries()
    for number in range(8):
        token_create(user=make_user(f"u{number}"), name="t")
    assert queries() == before


def test_detail_counts_what_works(op: APIClient, make_user: MakeUser) -> None:
    ada = make_user("ada")
    session_open(user=ada, kind=SessionKind.API, now=clock.wall_now())
    token_create(user=ada, name="t")
    body = op.get(f"{URL}/{ada.pk}").json()
    assert body["counts"] == {"sessions": 1, "tokens": 1, "subscriptions": 0, "second_factor": False}
    assert "password" not in body
    assert op.get(f"{URL}/{NOWHERE}").status_code == 404


def test_suspending_shuts_every_door_and_reactivating_opens_it(op: APIClient, make_user: MakeUser) -> None:
    ada = make_user("ada")
    theirs = client_of(ada)
    session_open(user=ada, kind=SessionKind.API, now=clock.wall_now())
    why = {"reason": "chargeback"}
    for _ in range(2):
        answer = op.post(f"{URL}/{ada.pk}/suspend", why, format="json")
        assert (answer.status_code, answer.json()["status"]) == (200, "suspended")
    assert theirs.get("/api/v1/users/subscription").status_code == 401
    assert AccountSession.objects.get(user=ada).ended_because == "suspended"
    [record] = AuditRecord.objects.filter(action="user.status")
    assert record.changes == {"status": ["active", "suspended"], "reason": "chargeback"}
    assert op.post(f"{URL}/{ada.pk}/reactivate", why, format="json").json()["status"] == "active"
    assert theirs.get("/api/v1/users/subscription").status_code == 200
    assert AccountSession.objects.filter(user=ada, ended_at=None).count() == 0
    assert op.post(f"{URL}/{ada.pk}/suspend", {}, format="json").status_code == 400


def test_reactivating_confirms_no_address(op: APIClient, make_user: MakeUser) -> None:
    ada = make_user("ada", status=UserStatus.PENDING)
    User.objects.filter(pk=ada.pk).update(registered=True)
    why = {"reason": "spam"}
    assert op.post(f"{URL}/{ada.pk}/suspend", why, format="json").json()["status"] == "suspended"
    assert op.post(f"{URL}/{ada.pk}/reactivate", why, format="json").json()["status"] == "pending"
    User.objects.filter(pk=ada.pk).update(status=UserStatus.DEACTIVATED)
    refused = op.post(f"{URL}/{ada.pk}/suspend", why, format="json")
    assert (refused.status_code, refused.json()["code"]) == (409, "status_refused")
    assert op.post(f"{URL}/{ada.pk}/reactivate", why, format="json").json()["status"] == "active"


def test_a_tier_is_given_as_a_subscription_and_taken_back(op: APIClient, make_user: MakeUser) -> None:
    ada = make_user("ada", Tier.FREE)
    one = f"{URL}/{ada.pk}/tier"
    assert op.put(one, {"tier": "pro", "days": 30}, format="json").json()["tier"] == "enterprise"
    body = op.put(one, {"tier": "premium"}, format="json").json()
    assert (body["tier"], body["base_tier"], body["counts"]["subscriptions"]) == ("premium", "free", 1)
    for _ in range(2):
        assert op.delete(one).json()["tier"] == "free"
    assert op.put(one, {"tier": "gold"}, format="json").status_code == 400
    assert op.put(one, {"tier": "basic", "days": 0}, format="json").status_code == 400
    assert AuditRecord.objects.filter(action="user.tier").count() == 3


def test_sessions_are_listed_and_ended(op: APIClient, make_user: MakeUser) -> None:
    ada, bob = make_user("ada"), make_user("bob")
    now = clock.wall_now()
    first, second = (session_open(user=ada, kind=SessionKind.API, now=now)[0] for _ in range(2))
    other = session_open(user=bob, kind=SessionKind.API, now=now)[0]
    listed = op.get(f"{URL}/{ada.pk}/sessions")
    assert {row["id"] for row in listed.json()} == {str(first.pk), str(second.pk)}
    assert first.digest.encode() not in listed.content
    assert op.delete(f"{URL}/{ada.pk}/sessions/{other.pk}").status_code == 404
    assert op.delete(f"{URL}/{ada.pk}/sessions/{first.pk}").status_code == 204
    assert op.delete(f"{URL}/{ada.pk}/sessions").status_code == 204
    assert list(AccountSession.objects.filter(ended_at=None).values_list("pk", flat=True)) == [other.pk]
    assert AuditRecord.objects.filter(action__in=("session.ended", "sessions.ended")).count() == 2


WRITES: tuple[Ask, ...] = (
    lambda client, one: client.post(f"{one}/suspend", {"reason": "x"}, format="json"),
    lambda client, one: client.post(f"{one}/reactivate", {"reason": "x"}, format="json"),
    lambda client, one: client.put(f"{one}/tier", {"tier": "free"}, format="json"),
    lambda client, one: client.delete(f"{one}/tier"),
    lambda client, one: client.delete(f"{one}/sessions"),
    lambda client, one: client.delete(f"{one}/sessions/{NOWHERE}"),
)
READS: tuple[Ask, ...] = (
    lambda client, one: client.get(URL),
    lambda client, one: client.get(one),
    lambda client, one: client.get(f"{one}/sessions"),
)


def role_put(client: APIClient, one: str) -> Any:
    return client.put(f"{one}/role", {"role": "admin"}, format="json")


def test_nobody_below_an_operator_comes_in(make_user: MakeUser) -> None:
    ada = make_user("ada")
    for client, status in ((client_of(None), 401), (client_of(make_user("eve", Tier.ENTERPRISE)), 403)):
        for ask in (*WRITES, *READS, role_put):
            assert ask(client, f"{URL}/{ada.pk}").status_code == status
    ada.refresh_from_db()
    assert (ada.status, ada.role, ada.tier) == ("active", "user", "premium")
    assert not AuditRecord.objects.exclude(action="token.used").exists()


def test_operators_are_changed_by_those_above_them_only(op: APIClient, chief: APIClient, make_user: MakeUser) -> None:
    peer, staff = make_user("peer", role=Role.ADMIN), make_user("staff", is_staff=True)
    for one in (f"{URL}/{peer.pk}", f"{URL}/{staff.pk}"):
        for ask in WRITES:
            refused = ask(op, one)
            assert (refused.status_code, refused.json()["required_role"]) == (403, "super_admin")
        assert [ask(chief, one).status_code for ask in WRITES] == [200, 200, 200, 200, 204, 404]


def test_roles_are_for_super_administrators_and_nobody_changes_their_own(
    op: APIClient, chief: APIClient, make_user: MakeUser
) -> None:
    ada = make_user("ada")
    assert role_put(op, f"{URL}/{ada.pk}").status_code == 403
    assert role_put(chief, f"{URL}/{ada.pk}").json()["role"] == "admin"
    assert AuditRecord.objects.get(action="user.role").changes == {"role": ["user", "admin"]}
    own = f"{URL}/{User.objects.get(name='chief').pk}"
    for refused in (role_put(chief, own), WRITES[0](chief, own)):
        assert (refused.status_code, refused.json()["code"]) == (409, "status_own")
    assert chief.put(f"{URL}/{ada.pk}/role", {"role": "god"}, format="json").status_code == 400
