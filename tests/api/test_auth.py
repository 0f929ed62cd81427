"""Signing in over HTTP: sessions, tokens and their scopes, passwords, recovery; owner, member and outsider."""

from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from apps.accounts.enums import Role, UserStatus
from apps.accounts.models import AccountSession, ApiToken, Letter, Recovery, User
from apps.accounts.scopes import Scope, scope_needed
from apps.accounts.selectors.letters import letters_owed
from apps.accounts.services import token_create, user_create
from apps.accounts.tasks import send_recoveries
from apps.core.clock import wall_now
from apps.core.models import AuditRecord
from tests.accounts.test_two_factor import code_at

PASSWORD, OTHER = "correct horse battery", "a whole new horse 9"
PROOF = {"password": PASSWORD}
API = "/api/v1"

pytestmark = pytest.mark.usefixtures("redis_state")


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def ada(db: None) -> User:
    return user_create(email="ada@example.test", password=PASSWORD)


@pytest.fixture
def eve(db: None) -> User:
    return user_create(email="eve@example.test", password=PASSWORD)


def login(email: str, password: str = PASSWORD, **more: str) -> Any:
    body = {"email": email, "password": password, **more}
    return APIClient().post(f"{API}/auth/login", body, format="json", headers={"User-Agent": "Firefox/1 Linux"})


def client(user: User) -> APIClient:
    made = APIClient()
    answer = login(user.email)
    assert answer.status_code == 200, answer.json()
    made.credentials(HTTP_AUTHORIZATION=f"Token {answer.json()['token']}")
    return made


def with_token(user: User, *scopes: str) -> APIClient:
    made = APIClient()
    made.credentials(HTTP_AUTHORIZATION=f"Token {token_create(user=user, name='bot', scopes=scopes)}")
    return made


def send(who: APIClient, path: str, **body: Any) -> Any:
    return who.post(f"{API}/{path}", body, format="json")


def test_sign_in_use_and_sign_out(ada: User) -> None:
    answer = login("ada@example.test")
    assert answer.headers["Cache-Control"] == "no-store"
    here = client(ada)
    rows = here.get(f"{API}/users/sessions").json()
    assert [row["current"] for row in rows] == [True, False]
    assert {row["device"] for row in rows} == {"Firefox on Linux"}
    assert {row["address"] for row in rows} == {"127.0.x.x"}
    assert answer.json()["token"] not in str(rows)
    assert here.post(f"{API}/auth/logout").status_code == 204
    assert here.get(f"{API}/users/sessions").json()["code"] == "session_ended"
    assert AccountSession.objects.filter(ended_because="signed_out").count() == 1


def test_refusals_look_alike(ada: User) -> None:
    wrong, unknown = login("ada@example.test", "nonsense"), login("nobody@example.test", "nonsense")
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json() == unknown.json()
    assert wrong.json()["code"] == "credentials_wrong"
    assert login("ada@example.test", more="1").status_code == 400


def test_too_many_tries_say_when_to_come_back(ada: User) -> None:
    for _ in range(5):
        login("ada@example.test", "nonsense")
    answer = login("ada@example.test")
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_attempts")
    assert int(answer.headers["Retry-After"]) > 60
    assert not AccountSession.objects.exists()


def test_sessions_are_ones_own(ada: User, eve: User) -> None:
    mine, hers = client(ada), client(eve)
    client(ada)
    row = AccountSession.objects.filter(user=ada).first()
    assert hers.delete(f"{API}/users/sessions/{row.pk}").status_code == 404
    assert APIClient().get(f"{API}/users/sessions").status_code == 401
    assert mine.delete(f"{API}/users/sessions").status_code == 204
    assert len(mine.get(f"{API}/users/sessions").json()) == 1
    assert len(hers.get(f"{API}/users/sessions").json()) == 1
    mine_id = mine.get(f"{API}/users/sessions").json()[0]["id"]
    assert mine.delete(f"{API}/users/sessions/{mine_id}").status_code == 204
    assert mine.get(f"{API}/users/sessions").status_code == 401


def test_suspending_ends_sessions_and_tokens_at_once(ada: User) -> None:
    session, token = client(ada), with_token(ada, "read")
    assert session.get(f"{API}/auth/2fa").status_code == token.get(f"{API}/auth/2fa").status_code == 200
    User.objects.update(status=UserStatus.SUSPENDED)
    assert session.get(f"{API}/auth/2fa").json()["code"] == token.get(f"{API}/auth/2fa").json()["code"]
    assert token.get(f"{API}/auth/2fa").json()["code"] == "account_inactive"


def test_tokens_are_made_seen_renamed_and_revoked_by_their_owner(ada: User, eve: User) -> None:
    mine, hers = client(ada), client(eve)
    made = send(mine, "auth/tokens", **PROOF, name="bot", scopes=["read", "write"])
    assert made.status_code == 201 and made.headers["Cache-Control"] == "no-store"
    row, text = made.json(), made.json()["token"]
    assert text.startswith(row["prefix"]) and row["scopes"] == ["read", "write"]
    where = f"{API}/auth/tokens/{row['id']}"
    for answer in (hers.get(where), hers.patch(where, {"name": "x"}, format="json"), hers.delete(where)):
        assert answer.status_code == 404
    assert hers.get(f"{API}/auth/tokens").json() == []
    assert mine.patch(where, {"name": "robot"}, format="json").json()["name"] == "robot"
    assert mine.patch(where, {"scopes": ["admin"]}, format="json").status_code == 400
    assert text not in mine.get(f"{API}/auth/tokens").content.decode()
    bot = APIClient()
    bot.credentials(HTTP_AUTHORIZATION=f"Token {text}")
    assert bot.get(where).json()["current"] is True
    assert mine.delete(where).status_code == 204
    assert bot.get(where).json()["code"] == "token_revoked"
    actions = list(AuditRecord.objects.filter(target=f"accounts.ApiToken:{row['id']}").values_list("action", flat=True))
    assert sorted(actions) == ["token.issued", "token.revoked", "token.used"]
    assert text not in str(list(AuditRecord.objects.values()))


def test_revoking_all_ends_every_one_of_ones_own(ada: User, eve: User) -> None:
    first, second, hers = with_token(ada, "write"), with_token(ada, "read"), with_token(eve, "read")
    assert first.delete(f"{API}/auth/tokens").status_code == 204
    assert first.get(f"{API}/auth/2fa").status_code == second.get(f"{API}/auth/2fa").status_code == 401
    assert hers.get(f"{API}/auth/2fa").status_code == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "x", "scopes": []}, "scopes"),
        ({"name": "x", "scopes": ["fly"]}, "scopes"),
        ({"name": "x"}, "scopes"),
        ({"name": "x", "scopes": ["read"], "expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
    ],
)
def test_tokens_nobody_can_use_are_refused(ada: User, body: dict[str, Any], field: str) -> None:
    answer = send(client(ada), "auth/tokens", **PROOF, **body)
    assert answer.status_code == 400
    assert {error["field"] for error in answer.json()["errors"]} == {field}
    assert not ApiToken.objects.exists()


def test_a_token_makes_and_changes_no_credentials(ada: User) -> None:
    bot = with_token(ada, *Scope.values)
    for path, body in (
        ("auth/tokens", {"name": "x", "scopes": ["read"]}),
        ("auth/2fa", {}),
        ("auth/2fa/confirm", {"code": "1"}),
        ("auth/logout", {}),
        ("auth/password", {"current": PASSWORD, "new": OTHER}),
    ):
        assert send(bot, path, **body).json()["code"] == "session_required", path
    assert ApiToken.objects.count() == 1
    assert User.objects.get().check_password(PASSWORD)


def test_a_session_alone_makes_no_credentials(ada: User) -> None:
    """Who has stolen one can't stay when it ends, nor lock its owner out."""
    thief = client(ada)
    for path, body in (("auth/tokens", {"name": "x", "scopes": ["read"]}), ("auth/2fa", {})):
        assert send(thief, path, **body).status_code == 400
        refused = send(thief, path, **body, password="nonsense")
        assert (refused.status_code, refused.json()["code"]) == (403, "credentials_wrong")
    assert not ApiToken.objects.exists()


def test_what_is_for_operators_needs_their_scope_wherever_it_stands(ada: User) -> None:
    User.objects.update(role=Role.ADMIN)
    where = f"{API}/distribution/opportunities/{ada.pk}/statistics"
    assert with_token(ada, "read").get(where).json()["code"] == "scope_required"
    assert with_token(ada, "read", "admin").get(where).status_code != 403


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "opportunities", "read"),
        ("HEAD", "users/sessions", "read"),
        ("POST", "notifications/endpoints", "write"),
        ("DELETE", "auth/tokens/1", "write"),
        ("POST", "opportunities/1/execute", "trade"),
        ("GET", "trading/orders", "read"),
        ("POST", "trading/orders", "trade"),
        ("DELETE", "positions/1", "trade"),
        ("GET", "admin/audit", "admin"),
        ("PATCH", "admin/config/system", "admin"),
        ("GET", "notifications/templates/1", "admin"),
        ("POST", "administrators", "write"),
    ],
)
def test_scopes_by_address_and_method(method: str, path: str, scope: str) -> None:
    assert scope_needed(method, f"{API}/{path}") == scope


def test_a_missing_scope_is_403_and_named(ada: User) -> None:
    bot = with_token(ada, "read")
    assert bot.get(f"{API}/auth/tokens").status_code == 200
    answer = bot.delete(f"{API}/auth/tokens")
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_required")
    assert answer.json()["required_scope"] == "write"
    assert not ApiToken.objects.exclude(revoked_at=None).exists()


def test_a_changed_password_ends_the_other_sessions(ada: User) -> None:
    here, there, bot = client(ada), client(ada), with_token(ada, "read")
    assert send(here, "auth/password", current="nonsense", new=OTHER).json()["code"] == "credentials_wrong"
    weak = send(here, "auth/password", current=PASSWORD, new="password1234")
    assert weak.json()["errors"][0]["field"] == "new"
    assert send(here, "auth/password", current=PASSWORD, new=OTHER).status_code == 204
    assert here.get(f"{API}/auth/2fa").status_code == bot.get(f"{API}/auth/2fa").status_code == 200
    assert there.get(f"{API}/auth/2fa").json()["code"] == "session_ended"
    assert login("ada@example.test").status_code == 401
    assert login("ada@example.test", OTHER).status_code == 200
    again = send(here, "auth/password", current=OTHER, new=PASSWORD, revoke_tokens=True)
    assert again.status_code == 204 and bot.get(f"{API}/auth/2fa").json()["code"] == "token_revoked"


def test_a_second_factor_from_enrolment_to_its_end(ada: User) -> None:
    here, there = client(ada), client(ada)
    begun = send(here, "auth/2fa", **PROOF).json()
    assert begun["uri"].startswith("otpauth://totp/")
    now = wall_now()
    assert send(here, "auth/2fa/confirm", code="abc").json()["code"] == "second_factor_wrong"
    codes = send(here, "auth/2fa/confirm", code=code_at(begun["secret"], now)).json()["recovery_codes"]
    assert here.get(f"{API}/auth/2fa").json() == {"enabled": True, "recovery_codes_left": 10, "required": False}
    assert there.get(f"{API}/auth/2fa").json()["code"] == "session_ended"
    assert login("ada@example.test").json()["code"] == "second_factor_required"
    assert login("ada@example.test", code="nonsense").json()["code"] == "second_factor_wrong"
    assert login("ada@example.test", code=codes[0]).status_code == 200
    assert login("ada@example.test", "nonsense", code=codes[1]).json()["code"] == "credentials_wrong"
    assert here.get(f"{API}/auth/2fa").json()["recovery_codes_left"] == 9
    off = {"password": PASSWORD, "code": codes[1]}
    assert send(here, "auth/2fa/disable", password="nonsense").status_code == 403
    renewed = send(here, "auth/2fa/recovery-codes", **off).json()["recovery_codes"]
    assert send(here, "auth/2fa/disable", **(off | {"code": renewed[0]})).status_code == 204
    assert login("ada@example.test").status_code == 200


def test_recovery_tells_nobody_who_has_an_account_and_mails_who_has(ada: User) -> None:
    answers = [send(APIClient(), "auth/recovery", email=email) for email in ("ada@example.test", "no@example.test")]
    assert {(answer.status_code, answer.content) for answer in answers} == {(202, b"")}
    assert Recovery.objects.count() == 2 and not Letter.objects.exists()
    send_recoveries()
    send_recoveries()
    letter = Letter.objects.get()
    assert (letter.user, letter.to_address) == (ada, True)


def _link() -> str:
    [letter] = letters_owed(now=wall_now(), at_most=10)
    return str(letter.text.split("/account/recovery/")[1].split()[0])


def test_recovery_works_once_ends_sessions_and_keeps_the_second_factor(ada: User) -> None:
    there = client(ada)
    send(APIClient(), "auth/recovery", email="ADA@example.test")
    send_recoveries()
    text = _link()
    assert text not in str(list(Recovery.objects.values()))
    weak = send(APIClient(), "auth/recovery/confirm", token=text, password="short")
    assert weak.json()["errors"][0]["field"] == "password"
    assert send(APIClient(), "auth/recovery/confirm", token=text, password=OTHER).status_code == 204
    assert there.get(f"{API}/auth/2fa").status_code == 401
    for token in (text, "x" * 43, Recovery.objects.get().digest):
        refused = send(APIClient(), "auth/recovery/confirm", token=token, password=PASSWORD)
        assert (refused.status_code, refused.json()["code"]) == (400, "recovery_refused")
    assert login("ada@example.test", OTHER).status_code == 200


def test_recovery_by_the_page_of_the_link(ada: User) -> None:
    send(APIClient(), "auth/recovery", email="ada@example.test")
    send_recoveries()
    where, page = f"/account/recovery/{_link()}", Client()
    shown = page.get(where)
    assert shown.status_code == 200 and shown.headers["Referrer-Policy"] == "no-referrer"
    assert page.post(where, {"password": OTHER, "again": "different"}).status_code == 400
    assert page.post(where, {"password": OTHER, "again": OTHER}).status_code == 200
    assert page.get(where).status_code == 404
    assert login("ada@example.test", OTHER).status_code == 200


def test_recovery_is_limited(ada: User) -> None:
    codes = [send(APIClient(), "auth/recovery", email="ada@example.test").status_code for _ in range(4)]
    assert codes == [202, 202, 202, 429]


def test_the_audit_trail_is_for_administrators(ada: User, eve: User) -> None:
    User.objects.filter(pk=eve.pk).update(role=Role.ADMIN)
    assert APIClient().get(f"{API}/admin/audit").status_code == 401
    assert client(ada).get(f"{API}/admin/audit").json()["code"] == "role_required"
    admin = client(User.objects.get(pk=eve.pk))
    rows = admin.get(f"{API}/admin/audit", {"action": "sign_in.done", "actor_id": str(ada.pk)}).json()["results"]
    assert [(row["actor_id"], row["address"]) for row in rows] == [(str(ada.pk), "127.0.0.1")]
    assert len(rows[0]["request_id"]) == 32
    assert admin.get(f"{API}/admin/audit?until=2020-01-01T00:00:00Z").json()["results"] == []
    assert admin.get(f"{API}/admin/audit?since=yesterday").status_code == 400
    bot = with_token(eve, "read")
    assert bot.get(f"{API}/admin/audit").json()["code"] == "scope_required"


def test_where_a_second_factor_is_required_sessions_without_administer_nothing(eve: User, settings: Any) -> None:
    User.objects.update(role=Role.ADMIN)
    admin = client(User.objects.get())
    settings.REQUIRE_2FA = True
    answer = admin.get(f"{API}/admin/audit")
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_required")
    assert send(admin, "auth/tokens", **PROOF, name="x", scopes=["admin"]).json()["required_scope"] == "admin"
    begun = send(admin, "auth/2fa", **PROOF).json()
    send(admin, "auth/2fa/confirm", code=code_at(begun["secret"], wall_now()))
    assert admin.get(f"{API}/admin/audit").status_code == 200
