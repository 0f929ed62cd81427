"""Accounts and tokens in the admin: proper password forms, a token's text once, everything audited without values."""

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from apps.accounts.enums import Role
from apps.accounts.exceptions import TokenRefusedError
from apps.accounts.models import ApiToken, User
from apps.accounts.services import token_create, token_verify, user_create
from apps.core.models import AuditRecord
from tests.admin.conftest import PASSWORD

NEW = "another long password"


def _audited() -> list[tuple[str, str]]:
    return [(record.action, record.target) for record in AuditRecord.objects.order_by("id")]  # type: ignore[attr-defined]


def test_sign_in_by_form(operator: User) -> None:
    client = Client()
    login = reverse("admin:login")
    assert client.post(login, {"username": operator.email, "password": "wrong"}).status_code == 200
    assert client.get(reverse("admin:index")).status_code == 302
    response = client.post(login, {"username": "OP@example.test", "password": PASSWORD})
    assert response.status_code == 302
    assert client.get(reverse("admin:index")).status_code == 200


def test_trader_cannot_sign_in_to_the_admin(trader: User) -> None:
    response = Client().post(reverse("admin:login"), {"username": trader.email, "password": PASSWORD})
    assert response.status_code == 200
    assert b"staff account" in response.content


def test_user_is_added_with_a_password(page: Client, operator: User) -> None:
    form = {"email": "New@Example.test", "name": "New", "base_tier": "basic", "role": "user", "usable_password": "true"}
    response = page.post(reverse("admin:accounts_user_add"), form | {"password1": NEW, "password2": NEW})
    user = User.objects.get(email="new@example.test")
    assert (response.status_code, user.tier, user.base_tier) == (302, "basic", "basic")
    assert authenticate(username="new@example.test", password=NEW) == user
    assert _audited() == [("admin.added", f"accounts.User:{user.pk}")]
    record = AuditRecord.objects.get()
    assert record.actor_id == str(operator.pk)


@pytest.mark.parametrize(
    ("change", "words"),
    [({"password2": "different words"}, b"match"), ({"password1": "short", "password2": "short"}, b"too short")],
)
def test_bad_passwords_add_nobody(page: Client, change: dict[str, str], words: bytes) -> None:
    form = {"email": "new@example.test", "base_tier": "free", "role": "user", "usable_password": "true"}
    response = page.post(reverse("admin:accounts_user_add"), form | {"password1": NEW, "password2": NEW} | change)
    assert response.status_code == 200
    assert words in response.content
    assert not User.objects.filter(email="new@example.test").exists()
    assert _audited() == []


def test_taken_address_in_other_case_is_a_field_error(page: Client, trader: User) -> None:
    form = {"email": "TRADER@example.test", "base_tier": "free", "role": "user", "usable_password": "true"}
    response = page.post(reverse("admin:accounts_user_add"), form | {"password1": NEW, "password2": NEW})
    assert b"already in use" in response.content
    assert User.objects.filter(email__iexact=trader.email).count() == 1


def test_password_is_changed_on_its_own_form_and_audited_without_it(page: Client, trader: User) -> None:
    url = reverse("admin:auth_user_password_change", args=[trader.pk])
    assert page.get(url).status_code == 200
    response = page.post(url, {"password1": NEW, "password2": NEW, "usable_password": "true"})
    assert response.status_code == 302
    assert authenticate(username=trader.email, password=NEW) == trader
    record = AuditRecord.objects.get()
    assert (record.action, record.target) == ("admin.changed", f"accounts.User:{trader.pk}")
    assert NEW not in str(record.changes)


def test_change_is_audited_by_field_name_only(page: Client, trader: User) -> None:
    form = {
        "email": trader.email,
        "base_tier": "enterprise",
        "role": "user",
        "status": "active",
        "timezone": "UTC",
        "locale": "en",
    }
    inline = {"api_tokens-TOTAL_FORMS": "0", "api_tokens-INITIAL_FORMS": "0"}
    response = page.post(reverse("admin:accounts_user_change", args=[trader.pk]), form | inline)
    assert response.status_code == 302, response.content
    trader.refresh_from_db()
    assert trader.tier == "enterprise"
    assert trader.check_password(PASSWORD)
    changes = AuditRecord.objects.get(action="admin.changed").changes
    assert changes == {"Base tier": "changed"}
    assert AuditRecord.objects.get(action="user.tier").changes["after"] == "enterprise"


def _act(page: Client, name: str, *people: User) -> str:
    chosen = {"action": name, "_selected_action": [str(user.pk) for user in people]}
    answer = page.post(reverse("admin:accounts_user_changelist"), chosen, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def test_status_moves_by_actions_and_not_by_the_form(page: Client, trader: User, operator: User) -> None:
    assert b'name="status"' not in page.get(reverse("admin:accounts_user_change", args=[trader.pk])).content
    for name, status in (("suspend", "suspended"), ("reactivate", "active"), ("deactivate", "deactivated")):
        assert ": 1." in _act(page, name, trader)
        trader.refresh_from_db()
        assert trader.status == status
    assert "become suspended" in _act(page, "suspend", trader)
    assert "shuts themselves out" in _act(page, "deactivate", operator)
    operator.refresh_from_db()
    assert operator.status == "active"
    assert [action for action, _ in _audited() if action == "user.status"] == ["user.status"] * 3


def test_who_may_not_change_operators_can_not_suspend_one(operator: User) -> None:
    helper = user_create(email="helper@example.test", password=PASSWORD, role=Role.ADMIN, is_staff=True)
    helper.user_permissions.add(*Permission.objects.filter(codename__in=["view_user", "change_user"]))
    client = Client()
    client.force_login(helper)
    assert "not yours to change" in _act(client, "suspend", operator)
    operator.refresh_from_db()
    assert operator.status == "active"


def test_nobody_is_deleted(page: Client, trader: User) -> None:
    assert page.post(reverse("admin:accounts_user_delete", args=[trader.pk]), {"post": "yes"}).status_code == 403
    assert User.objects.filter(pk=trader.pk).exists()


def test_token_is_shown_once_and_works(page: Client, trader: User) -> None:
    response = page.post(
        reverse("admin:accounts_apitoken_add"),
        {"user": str(trader.pk), "name": "bot", "scopes": ["read", "write"], "expires_at_0": "", "expires_at_1": ""},
    )
    assert response.status_code == 200
    assert "no-store" in response.headers["Cache-Control"]
    text = response.content.decode().split("Authorization: Token ")[1].split("<")[0]
    assert token_verify(text).user == trader
    token = ApiToken.objects.get()
    for url in (
        reverse("admin:accounts_apitoken_changelist"),
        reverse("admin:accounts_apitoken_change", args=[token.pk]),
    ):
        assert text.encode() not in page.get(url).content
    assert text not in str(page.session.items()) + str(page.cookies)
    target = f"accounts.ApiToken:{token.pk}"
    assert _audited() == [("admin.added", target), ("token.used", target)]
    assert token.scopes == ["read", "write"]
    assert text not in str(list(AuditRecord.objects.values()))


def test_revoking_ends_the_selected_tokens_only(page: Client, trader: User) -> None:
    gone, kept = token_create(user=trader, name="gone"), token_create(user=trader, name="kept")
    selected = ApiToken.objects.get(name="gone")
    action = {"action": "revoke_tokens", "_selected_action": [str(selected.pk)]}
    for _ in range(2):
        assert page.post(reverse("admin:accounts_apitoken_changelist"), action).status_code == 302
    with pytest.raises(TokenRefusedError, match="revoked"):
        token_verify(gone)
    assert token_verify(kept).user == trader
    used = ("token.used", f"accounts.ApiToken:{ApiToken.objects.get(name='kept').pk}")
    assert _audited() == [("admin.token_revoked", f"accounts.ApiToken:{selected.pk}"), used]


def test_staff_without_the_right_cannot_revoke(trader: User) -> None:
    text = token_create(user=trader, name="bot")
    client = Client()
    client.force_login(user_create(email="intern@example.test", is_staff=True))
    action = {"action": "revoke_tokens", "_selected_action": [str(ApiToken.objects.get().pk)]}
    assert client.post(reverse("admin:accounts_apitoken_changelist"), action).status_code == 403
    assert token_verify(text).user == trader


@pytest.mark.parametrize(
    ("whose", "made"), [("trader@example.test", 1), ("intern@example.test", 1), ("op@example.test", 0)]
)
def test_a_token_of_another_operator_is_made_by_nobody_who_may_not_give_roles(
    operator: User, trader: User, whose: str, made: int
) -> None:
    intern = user_create(email="intern@example.test", is_staff=True, role=Role.ADMIN)
    intern.user_permissions.add(Permission.objects.get(codename="add_apitoken"))
    client = Client()
    client.force_login(intern)
    owner = User.objects.get(email=whose)
    form = {"user": str(owner.pk), "name": "bot", "scopes": ["read", "admin"]}
    answer = client.post(reverse("admin:accounts_apitoken_add"), form)
    assert (answer.status_code, owner.api_tokens.count()) == (200 if made else 403, made)
