"""Who may give rights in the admin: super administrators; nobody becomes one through a form."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from apps.accounts.enums import Role
from apps.accounts.models import Invitation, Letter, PaymentEvent, Subscription, User
from apps.accounts.services import affiliate_apply, invitation_create, token_create, user_create
from apps.core import clock, config
from apps.core.models import AuditRecord, ConfigValue
from tests.admin.conftest import PASSWORD

NEW = "another long password"


@pytest.fixture
def admin(db: None) -> User:
    """Staff whom every right of Django's was given, and whose role is not the highest."""
    user = user_create(email="admin@example.test", password=PASSWORD, role=Role.ADMIN, is_staff=True)
    user.user_permissions.set(Permission.objects.all())
    return user


@pytest.fixture
def desk(admin: User) -> Client:
    client = Client()
    client.force_login(admin)
    return client


def _user_form(user: User, **fields: Any) -> dict[str, Any]:
    form = {"email": user.email, "base_tier": user.base_tier, "status": "active", "timezone": "UTC", "locale": "en"}
    return form | {"api_tokens-TOTAL_FORMS": "0", "api_tokens-INITIAL_FORMS": "0"} | fields


def test_an_administrator_looks_after_users_and_gives_no_rights(desk: Client, trader: User) -> None:
    url = reverse("admin:accounts_user_change", args=[trader.pk])
    rights = {"role": "super_admin", "is_staff": "on", "is_superuser": "on"}
    response = desk.post(url, _user_form(trader, name="Ada", **rights))
    assert response.status_code == 302
    trader.refresh_from_db()
    assert (trader.name, trader.role, trader.is_staff, trader.is_superuser) == ("Ada", "user", False, False)


def test_an_administrator_makes_no_administrators(desk: Client) -> None:
    form = {"email": "new@example.test", "base_tier": "free", "role": "super_admin", "usable_password": "true"}
    desk.post(reverse("admin:accounts_user_add"), form | {"password1": NEW, "password2": NEW})
    assert User.objects.get(email="new@example.test").role == Role.USER


def test_an_administrator_can_not_take_an_operators_account(desk: Client, operator: User) -> None:
    for name, form in (
        ("admin:accounts_user_change", _user_form(operator, email="mine@example.test")),
        ("admin:auth_user_password_change", {"password1": NEW, "password2": NEW, "usable_password": "true"}),
    ):
        assert desk.post(reverse(name, args=[operator.pk]), form).status_code == 403
    operator.refresh_from_db()
    assert (operator.email, operator.check_password(PASSWORD)) == ("op@example.test", True)


def test_an_administrator_gives_themselves_nothing(desk: Client, admin: User) -> None:
    url = reverse("admin:accounts_user_change", args=[admin.pk])
    assert desk.post(url, _user_form(admin, role="super_admin", is_superuser="on", is_staff="on")).status_code == 302
    admin.refresh_from_db()
    assert (admin.role, admin.is_superuser, admin.is_staff) == ("admin", False, True)


@pytest.mark.parametrize("name", ["admin:core_configvalue_add", "admin:auth_group_add"])
def test_groups_and_configuration_are_for_super_administrators(desk: Client, page: Client, name: str) -> None:
    assert (desk.get(reverse(name)).status_code, page.get(reverse(name)).status_code) == (403, 200)
    assert desk.post(reverse(name), {"key": "tier.free.delay_s", "value": "0", "name": "x"}).status_code == 403
    assert not ConfigValue.objects.exists()


def test_an_administrator_resets_no_configuration(desk: Client) -> None:
    config.config_set(key="tier.free.delay_s", value=60, actor_id=None)
    action = {"action": "reset_values", "_selected_action": ["tier.free.delay_s"]}
    desk.post(reverse("admin:core_configvalue_changelist"), action)
    assert ConfigValue.objects.exists()


def test_super_administrators_give_rights(page: Client, trader: User) -> None:
    url = reverse("admin:accounts_user_change", args=[trader.pk])
    assert page.post(url, _user_form(trader, role="admin", is_staff="on")).status_code == 302
    trader.refresh_from_db()
    assert (trader.role, trader.is_staff) == ("admin", True)


def test_an_invitation_is_issued_and_its_code_shown_once(page: Client, operator: User) -> None:
    form = {"purpose": "beta", "max_uses": "3", "expires_at_0": "", "expires_at_1": ""}
    response = page.post(reverse("admin:accounts_invitation_add"), form)
    row = Invitation.objects.get()
    assert (row.tier, row.days, row.max_uses, row.created_by) == ("premium", 180, 3, operator)
    code = response.content.decode().split("<pre")[1].split(">")[1].split("<")[0]
    assert code.startswith(row.prefix)
    assert "no-store" in response.headers["Cache-Control"]
    listed = page.get(reverse("admin:accounts_invitation_changelist")).content
    assert code.encode() not in listed
    assert row.digest.encode() not in listed
    action = {"action": "revoke_invitations", "_selected_action": [str(row.pk)]}
    page.post(reverse("admin:accounts_invitation_changelist"), action)
    row.refresh_from_db()
    assert row.revoked_at is not None
    assert AuditRecord.objects.filter(action="invitation.revoked", actor_id=str(operator.pk)).count() == 1


def test_a_senseless_invitation_is_told_and_not_issued(page: Client) -> None:
    form = {"purpose": "general", "max_uses": "1", "days": "3", "expires_at_0": "", "expires_at_1": ""}
    response = page.post(reverse("admin:accounts_invitation_add"), form, follow=True)
    assert b"say both or neither" in response.content
    assert not Invitation.objects.exists()


def test_an_operator_gives_a_tier_for_a_time_and_ends_it(page: Client, trader: User) -> None:
    url = reverse("admin:accounts_subscription_add")
    form = {"user": str(trader.pk), "tier": "enterprise", "ends_at_0": "2999-01-01", "ends_at_1": "00:00:00"}
    past = page.post(url, form | {"ends_at_0": "2001-01-01"})
    assert b"has to end in the future" in past.content
    assert page.post(url, form).status_code == 302
    trader.refresh_from_db()
    row = Subscription.objects.get()
    assert (trader.tier, row.source) == ("enterprise", "operator")
    action = {"action": "end_now", "_selected_action": [str(row.pk)]}
    page.post(reverse("admin:accounts_subscription_changelist"), action)
    trader.refresh_from_db()
    assert trader.tier == "premium"


def test_an_operator_verifies_affiliates_and_adds_to_the_ledger(page: Client, trader: User, operator: User) -> None:
    affiliate = affiliate_apply(user_id=trader.pk, now=clock.wall_now())
    action = {"action": "verify", "_selected_action": [str(trader.pk)]}
    page.post(reverse("admin:accounts_affiliate_changelist"), action)
    affiliate.refresh_from_db()
    assert (affiliate.state, str(affiliate.share), affiliate.decided_by) == ("verified", "0.100", operator)
    line = {"user": str(trader.pk), "amount": "-25.00", "unit": "points", "note": "paid out"}
    assert page.post(reverse("admin:accounts_bonusentry_add"), line).status_code == 302
    assert [(str(row.amount), row.kind) for row in trader.bonuses.all()] == [("-25.00", "adjusted")]


def test_traders_have_no_way_in(trader: User) -> None:
    invitation_create(now=clock.wall_now())
    client = Client()
    client.force_login(trader)
    for model in (Invitation, Subscription, PaymentEvent, Letter):
        url = reverse(f"admin:accounts_{model._meta.model_name}_changelist")
        assert client.get(url).status_code == 302
        bearer = Client(headers={"Authorization": f"Token {token_create(user=trader, name=model.__name__)}"})
        assert bearer.get(url).status_code == 302
