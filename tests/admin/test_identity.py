"""What operators decide about names and the universe: it counts at once, and is written down."""

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from apps.accounts.services import user_create
from apps.core.models import AuditRecord
from apps.markets.models import DeniedBase, Exchange, InstrumentAlias, Market, Quarantine
from tests.admin.conftest import World

pytestmark = pytest.mark.django_db


def _act(client: Client, page: str, action: str, *ids: int) -> str:
    form = {"action": action, "_selected_action": [str(one) for one in ids]}
    return client.post(reverse(f"admin:markets_{page}_changelist"), form, follow=True).content.decode()


def _version() -> int:
    return Exchange.objects.get().market_version


def _actions() -> list[str]:
    return [record.action for record in AuditRecord.objects.order_by("id")]  # type: ignore[attr-defined]


def test_the_same_asset_is_released(page: Client, world: World) -> None:
    row, before = Quarantine.objects.get(), _version()
    assert "1 decided: the same asset" in _act(page, "quarantine", "same_asset", row.pk)
    row.refresh_from_db()
    assert (row.state, row.decided_by) == ("same", "op@example.test")
    assert _version() == before + 1
    assert _actions()[-1] == "admin.decided"


def test_another_asset_gets_an_alias(page: Client, world: World) -> None:
    row = Quarantine.objects.get()
    assert "1 decided: another asset" in _act(page, "quarantine", "another_asset", row.pk)
    assert InstrumentAlias.objects.get(base="BTC").instrument == "BTC@bybit"
    assert Market.objects.get().instrument == "BTC@bybit"


def test_a_name_too_long_for_an_alias_is_told_and_nothing_decided(page: Client, world: World) -> None:
    Market.objects.update(base="B" * 40)
    assert "Nothing was decided" in _act(page, "quarantine", "another_asset", Quarantine.objects.get().pk)
    assert Quarantine.objects.get().state == "pending"


def test_deciding_needs_its_permission(world: World) -> None:
    intern = user_create(email="intern@example.test", is_staff=True)
    intern.user_permissions.add(Permission.objects.get(codename="view_quarantine"))
    client = Client()
    client.force_login(intern)
    _act(client, "quarantine", "same_asset", Quarantine.objects.get().pk)
    assert Quarantine.objects.get().state == "pending"


@pytest.mark.parametrize(("action", "watch", "monitored"), [("pin", "pinned", True), ("block", "blocked", False)])
def test_a_market_is_pinned_or_blocked_and_left_to_its_rank_again(
    page: Client, world: World, action: str, watch: str, monitored: bool
) -> None:
    Market.objects.update(monitored=not monitored)
    market, before = Market.objects.get(), _version()
    _act(page, "market", action, market.pk)
    market.refresh_from_db()
    assert (market.watch, market.monitored, _version()) == (watch, monitored, before + 1)
    page.post(reverse("admin:markets_market_change", args=[market.pk]), {"watch": "auto"})
    market.refresh_from_db()
    assert (market.watch, market.monitored, _version()) == ("auto", True, before + 2)


def test_a_denied_base_is_added_changed_and_deleted(page: Client, world: World) -> None:
    add = reverse("admin:markets_deniedbase_add")
    page.post(add, {"exchange": "", "base": "GTC", "reason": "another coin"})
    row = DeniedBase.objects.get(base="GTC")
    again = page.post(add, {"exchange": "", "base": "GTC", "reason": "again"})
    assert b"There is a rule about this name already" in again.content
    page.post(reverse("admin:markets_deniedbase_change", args=[row.pk]), {"exchange": "", "base": "GTC", "reason": "x"})
    assert DeniedBase.objects.get(base="GTC").reason == "x"
    page.post(reverse("admin:markets_deniedbase_delete", args=[row.pk]), {"post": "yes"})
    assert not DeniedBase.objects.filter(base="GTC").exists()
    assert _actions()[-3:] == ["admin.added", "admin.changed", "admin.deleted"]
