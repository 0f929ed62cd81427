"""The admin's door: counted and with the second factor, sessions that end elsewhere, and what production requires."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from apps.accounts.enums import Role
from apps.accounts.models import AccountSession, SessionKind, TwoFactor, User
from apps.accounts.selectors.sessions import has_second_factor
from apps.accounts.services.sessions import session_open, sessions_end
from apps.accounts.services.two_factor import two_factor_confirm, two_factor_start
from apps.core.clock import wall_now
from apps.core.models import AuditRecord
from tests.accounts.test_two_factor import code_at
from tests.admin.conftest import PASSWORD

pytestmark = pytest.mark.usefixtures("redis_state")


def signed_in(email: str, *, password: str = PASSWORD, code: str = "") -> tuple[Client, Any]:
    browser = Client()
    return browser, browser.post("/admin/login/", {"username": email, "password": password, "code": code})


def enrolled(user: User) -> str:
    now = wall_now()
    secret = two_factor_start(user=user, now=now).secret
    two_factor_confirm(user=user, code=code_at(secret, now), now=now)
    return secret


def test_the_door_takes_a_password_and_is_counted(operator: User) -> None:
    browser, answer = signed_in(operator.email)
    assert answer.status_code == 302
    assert browser.get("/admin/").status_code == 200
    row = AccountSession.objects.get()
    assert (row.user, row.kind, row.address) == (operator, SessionKind.PAGE, "127.0.0.1")
    for _ in range(5):
        signed_in(operator.email, password="nonsense")
    _, answer = signed_in(operator.email)
    assert answer.status_code == 200 and b"Too many tries" in answer.content


def test_a_second_factor_that_is_on_is_asked_for(operator: User) -> None:
    secret = enrolled(operator)
    assert b"login-form" in Client().get("/admin/login/").content
    for code in ("", "000000"):
        browser, answer = signed_in(operator.email, code=code)
        assert answer.status_code == 200
        assert browser.get("/admin/").status_code == 302
    browser, answer = signed_in(operator.email, code=code_at(secret, wall_now() + timedelta(seconds=30)))
    assert answer.status_code == 302 and browser.get("/admin/").status_code == 200
    assert AccountSession.objects.get().second_factor


def test_a_trader_is_not_let_in(trader: User) -> None:
    browser, answer = signed_in(trader.email)
    assert answer.status_code == 200
    assert browser.get("/admin/").status_code == 302


def test_a_page_ends_where_its_session_is_ended(operator: User) -> None:
    browser, _ = signed_in(operator.email)
    assert browser.get("/admin/").status_code == 200
    sessions_end(user_id=operator.pk, now=wall_now(), because="by_owner")
    assert browser.get("/admin/").status_code == 302
    assert browser.get("/admin/").status_code == 302


def test_a_changed_role_signs_the_page_out(operator: User) -> None:
    browser, _ = signed_in(operator.email)
    User.objects.filter(pk=operator.pk).update(role=Role.ADMIN)
    assert browser.get("/admin/").status_code == 302


def test_where_it_is_required_staff_come_no_further_than_its_enrolment(operator: User, settings: Any) -> None:
    settings.REQUIRE_2FA = True
    browser, _ = signed_in(operator.email)
    for path in ("/admin/", "/admin/accounts/user/", "/admin/core/auditrecord/"):
        answer = browser.get(path)
        assert (answer.status_code, answer["Location"]) == (302, "/admin/two-factor/")
    page = browser.get("/admin/two-factor/")
    assert b"<svg" in page.content and page["Cache-Control"].startswith("max-age=0")
    [secret] = re.findall(r"<code>([A-Z2-7]{32})</code>", page.content.decode())
    assert secret not in TwoFactor.objects.get().secret
    assert secret in browser.get("/admin/two-factor/").content.decode()
    assert not has_second_factor(operator.pk)
    assert b"does not fit" in browser.post("/admin/two-factor/", {"code": "000000"}).content
    done = browser.post("/admin/two-factor/", {"code": code_at(secret, wall_now())}).content.decode()
    assert len(re.findall(r"\b[0-9a-f]{5}-[0-9a-f]{5}\b", done)) == 10
    assert browser.get("/admin/").status_code == 200
    assert b"10 codes on paper" in browser.get("/admin/two-factor/").content


def test_strangers_and_traders_see_no_enrolment(trader: User) -> None:
    assert b"login-form" in Client().get("/admin/two-factor/").content
    browser = Client()
    browser.force_login(trader)
    assert b"login-form" in browser.get("/admin/two-factor/").content
    assert not TwoFactor.objects.exists()


def test_operators_end_sessions_and_help_who_lost_the_phone(page: Client, trader: User, operator: User) -> None:
    row, _ = session_open(user=trader, kind=SessionKind.API, now=wall_now())
    enrolled(trader)
    page.post("/admin/accounts/accountsession/", {"action": "end_sessions", "_selected_action": [str(row.pk)]})
    page.post("/admin/accounts/twofactor/", {"action": "switch_off", "_selected_action": [str(trader.pk)]})
    row.refresh_from_db()
    assert row.ended_because == "by_operator" and not has_second_factor(trader.pk)
    told = set(AuditRecord.objects.filter(actor_id=operator.pk).values_list("action", flat=True))
    assert told == {"session.ended", "two_factor.disabled"}
