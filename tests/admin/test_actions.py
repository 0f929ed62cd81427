"""What operators can do, what is refused, and that both are written down."""

import html
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.accounts.services import user_create
from apps.core import clock, config
from apps.core.models import AuditRecord, ConfigValue
from apps.markets import selectors, services
from apps.markets.models import Exchange, FeeRule, Market
from apps.notifications.models import Delivery, Endpoint, Template
from apps.notifications.services import templates_seed
from apps.notifications.services.endpoints import endpoint_credentials
from tests.admin.conftest import HOOK_SECRET, MARKUP, World, delivery_make, notification_make

DELIVERIES = reverse("admin:notifications_delivery_changelist")


def _actions() -> list[str]:
    return [record.action for record in AuditRecord.objects.order_by("id")]  # type: ignore[attr-defined]


def _texts(client: Client, url: str) -> str:
    return client.get(url).content.decode()


# --- dead letters ----------------------------------------------------------------------------------------------------


def _replay(client: Client, *deliveries: Delivery) -> Any:
    action = {"action": "replay", "_selected_action": [str(delivery.pk) for delivery in deliveries]}
    return client.post(DELIVERIES, action, follow=True)


def test_dead_letter_is_owed_again(page: Client, world: World) -> None:
    delivery = Delivery.objects.get()
    before = len(_actions())
    response = _replay(page, delivery)
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts, delivery.finished_at) == ("pending", 0, None)
    assert "1 will be sent again" in response.content.decode()
    assert _actions()[before:] == ["admin.delivery_replayed"]


def test_what_is_not_dead_or_too_old_is_told_and_left_alone(page: Client, world: World, trader: User) -> None:
    endpoint = Endpoint.objects.get(channel="webhook")
    delivered = delivery_make(notification_make(trader), endpoint, state="delivered")
    old = delivery_make(notification_make(trader, expires_at=clock.now() - timedelta(seconds=1)), endpoint)
    before = list(Delivery.objects.order_by("pk").values())
    written = len(_actions())
    text = _replay(page, delivered, old).content.decode()
    assert "Only a dead letter can be replayed" in text
    assert "The message has expired" in text
    assert list(Delivery.objects.order_by("pk").values()) == before
    assert len(_actions()) == written


def test_replaying_needs_its_permission(world: World) -> None:
    intern = user_create(email="intern@example.test", is_staff=True)
    client = Client()
    client.force_login(intern)
    intern.user_permissions.add(Permission.objects.get(codename="view_delivery"))
    assert "Send again" not in _texts(client, DELIVERIES)
    _replay(client, Delivery.objects.get())
    assert Delivery.objects.get().state == "dead"
    intern.user_permissions.add(Permission.objects.get(codename="change_delivery"))
    assert "Send again" in _texts(client, DELIVERIES)
    _replay(client, Delivery.objects.get())
    assert Delivery.objects.get().state == "pending"


def test_attempts_stand_under_their_delivery(page: Client, world: World) -> None:
    text = _texts(page, reverse("admin:notifications_delivery_change", args=[Delivery.objects.get().pk]))
    assert "500" in text and "temporary" in text.lower()


# --- endpoints -------------------------------------------------------------------------------------------------------

ENDPOINT_ADD = reverse("admin:notifications_endpoint_add")


def _endpoint_form(user: User, **changes: str) -> dict[str, str]:
    form = {"user": str(user.pk), "channel": "webhook", "address": "https://example.test/hook", "label": "mine"}
    return form | {"route": "0", "position": "0", "secrets": f"secret={HOOK_SECRET}", "verified": "on"} | changes


def test_endpoint_is_added_with_its_secret_encrypted(page: Client, trader: User) -> None:
    response = page.post(ENDPOINT_ADD, _endpoint_form(trader))
    assert response.status_code == 302, response.content
    endpoint = Endpoint.objects.get(channel="webhook")
    assert endpoint.usable
    assert HOOK_SECRET not in endpoint.credentials
    assert endpoint_credentials(endpoint) == {"secret": HOOK_SECRET}
    assert _actions() == ["admin.added"]
    text = _texts(page, reverse("admin:notifications_endpoint_change", args=[endpoint.pk]))
    assert HOOK_SECRET not in text
    assert f"••••{HOOK_SECRET[-4:]}" in text
    assert "https://example.test/hook" not in text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"address": "no address"}, "errorlist"),
        ({"secrets": ""}, "needs secret"),
        ({"secrets": "colour=red"}, "does not know colour"),
        ({"secrets": HOOK_SECRET.rstrip("=")}, "name=value"),
    ],
)
def test_what_the_channel_refuses_is_told_and_not_stored(
    page: Client, trader: User, changes: dict[str, str], words: str
) -> None:
    response = page.post(ENDPOINT_ADD, _endpoint_form(trader, **changes))
    assert response.status_code == 200
    assert words in response.content.decode()
    assert not Endpoint.objects.exists()
    assert _actions() == []


def test_endpoint_keeps_address_and_secret_when_it_is_edited(page: Client, world: World) -> None:
    before = Endpoint.objects.get(channel="webhook")
    form = {
        "label": "phone",
        "route": "1",
        "position": "2",
        "address": "https://evil.test/",
        "credentials": "x",
        "channel": "email",
    }
    page.post(reverse("admin:notifications_endpoint_change", args=[before.pk]), form)
    after = Endpoint.objects.get(channel="webhook")
    assert (after.label, after.route, after.position) == ("phone", 1, 2)
    assert (after.address, after.credentials, after.channel) == (before.address, before.credentials, before.channel)


def test_endpoint_is_switched_off_once(page: Client, world: World) -> None:
    endpoint = Endpoint.objects.get(channel="webhook")
    written = len(_actions())
    action = {"action": "disable", "_selected_action": [str(endpoint.pk)]}
    for _ in range(2):
        page.post(reverse("admin:notifications_endpoint_changelist"), action)
    endpoint.refresh_from_db()
    assert not endpoint.usable
    assert _actions()[written:] == ["admin.endpoint_disabled"]


def test_an_operator_confirms_and_tries_an_endpoint(page: Client, world: World, redis_state: None) -> None:
    templates_seed()
    endpoint = Endpoint.objects.get(channel="webhook")
    Endpoint.objects.update(verified_at=None)
    url = reverse("admin:notifications_endpoint_changelist")
    chosen = {"_selected_action": [str(endpoint.pk)]}
    before = len(_actions())
    text = page.post(url, {"action": "send_test"} | chosen, follow=True).content.decode()
    assert "it is not verified yet" in text
    page.post(url, {"action": "verify"} | chosen, follow=True)
    page.post(url, {"action": "verify"} | chosen, follow=True)
    text = page.post(url, {"action": "send_test"} | chosen, follow=True).content.decode()
    assert "1 test message is on its way" in text
    assert Delivery.objects.filter(notification__to_endpoint=endpoint).get().state == "pending"
    assert _actions()[before:] == ["admin.endpoint_verified", "admin.endpoint_tried"]


def test_unreadable_secret_is_told_and_breaks_no_page(page: Client, world: World) -> None:
    Endpoint.objects.update(credentials="gAAAAA-not-a-token")
    endpoint = Endpoint.objects.get(channel="webhook")
    text = _texts(page, reverse("admin:notifications_endpoint_change", args=[endpoint.pk]))
    assert "VAULT_KEYS" in text
    assert "gAAAAA" not in text


# --- templates -------------------------------------------------------------------------------------------------------

TEMPLATE_ADD = reverse("admin:notifications_template_add")


def test_new_words_are_a_new_version(page: Client, world: World) -> None:
    first = Template.objects.get()
    text = _texts(page, f"{TEMPLATE_ADD}?copy={first.pk}")
    assert "Now: {{ symbol }}" in text
    form = {"name": first.name, "channel": "", "locale": "en", "subject": "", "body": "Later: {{ symbol }}"}
    assert page.post(TEMPLATE_ADD, form).status_code == 302
    assert [row.version for row in Template.objects.order_by("version")] == [1, 2]
    assert Template.objects.get(version=1).body == first.body


@pytest.mark.parametrize("body", ["{% if %}", "{{ symbol.__class__ }}{% import 'os' %}", "{{ cycler() }}"])
def test_words_that_could_never_be_rendered_are_refused(page: Client, body: str) -> None:
    form = {"name": "n", "channel": "", "locale": "en", "subject": "", "body": body}
    response = page.post(TEMPLATE_ADD, form)
    assert response.status_code == 200
    assert "errorlist" in response.content.decode()
    assert not Template.objects.exists()


def test_preview_takes_the_newest_message_and_obeys_no_markup(page: Client, world: World) -> None:
    text = _texts(page, reverse("admin:notifications_template_change", args=[Template.objects.get().pk]))
    assert "Now: &lt;script&gt;" in text
    assert MARKUP not in text


@pytest.mark.parametrize(("body", "words"), [("{{ nothing }}", "rendered"), ("x", "Filled with the examples")])
def test_preview_that_cannot_be_made_says_why(page: Client, world: World, body: str, words: str) -> None:
    Template.objects.update(body=body)
    if body == "x":
        Template.objects.update(name="unused")
    text = _texts(page, reverse("admin:notifications_template_change", args=[Template.objects.get().pk]))
    assert words in text


def test_version_is_taken_out_of_use_and_nothing_else(page: Client, world: World) -> None:
    template = Template.objects.get()
    form = {"name": "other", "body": "other", "version": "9", "weight": "100"}
    page.post(reverse("admin:notifications_template_change", args=[template.pk]), form)
    after = Template.objects.get()
    assert (after.active, after.name, after.body, after.version) == (False, template.name, template.body, 1)


def test_an_older_version_is_used_again(page: Client, world: World, operator: User) -> None:
    first = Template.objects.get()
    form = {"name": first.name, "channel": "", "locale": "en", "subject": "", "body": "Later: {{ symbol }}"}
    page.post(TEMPLATE_ADD, form)
    assert Template.objects.get(version=2).created_by == operator
    chosen = {"action": "activate", "_selected_action": [str(first.pk)]}
    text = page.post(reverse("admin:notifications_template_changelist"), chosen, follow=True).content.decode()
    assert "1 version is in use." in text
    assert [row.active for row in Template.objects.order_by("version")] == [True, False]
    [told] = AuditRecord.objects.filter(action="template.activated")
    assert (told.actor_id, told.changes) == (str(operator.pk), {"version": 1, "instead_of": 2})


def test_a_version_of_the_second_variant_gets_its_share(page: Client, world: World) -> None:
    first = Template.objects.get()
    form = {"name": first.name, "channel": "", "locale": "en", "variant": "b", "weight": "30", "body": "B {{ symbol }}"}
    assert page.post(TEMPLATE_ADD, form).status_code == 302
    second = Template.objects.get(variant="b")
    assert (second.weight, second.active, Template.objects.get(pk=first.pk).active) == (30, True, True)
    page.post(reverse("admin:notifications_template_change", args=[second.pk]), {"active": "on", "weight": "45"})
    second.refresh_from_db()
    assert (second.weight, second.active) == (45, True)
    text = _texts(page, reverse("admin:notifications_template_change", args=[second.pk]))
    assert "useful of delivered" in text


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"body": "{{ nobody }}"}, "which no variable declares"),
        ({"variables": '[{"name": "symbol", "type": "colour", "example": "x"}]'}, "colour"),
        ({"variables": "{"}, "valid JSON"),
        ({"channel": "pigeon"}, "There is no channel"),
        ({"channel": "telegram", "body": "{{ symbol }} " * 600}, "takes 4,096"),
        ({"weight": "-1"}, "greater than or equal to 0"),
        ({"markup": "rtf"}, "is no markup"),
    ],
)
def test_what_is_wrong_with_words_is_told_on_the_form(
    page: Client, world: World, fields: dict[str, str], words: str
) -> None:
    form = {"name": "opportunity_test", "channel": "", "locale": "en", "subject": "", "body": "{{ symbol }}"}
    response = page.post(TEMPLATE_ADD, form | fields)
    assert response.status_code == 200
    assert words in html.unescape(response.content.decode())
    assert Template.objects.count() == 1


# --- configuration, exchanges, markets -------------------------------------------------------------------------------

CONFIG_ADD = reverse("admin:core_configvalue_add")


def test_operator_sets_changes_and_resets_a_value(page: Client, operator: User) -> None:
    config.forget()
    assert page.post(CONFIG_ADD, {"key": "tier.free.delay_s", "value": "60"}).status_code == 302
    assert config.get("tier.free.delay_s") == 60
    change = reverse("admin:core_configvalue_change", args=["tier.free.delay_s"])
    assert page.post(change, {"value": "90"}).status_code == 302
    assert config.get("tier.free.delay_s") == 90
    action = {"action": "reset_values", "_selected_action": ["tier.free.delay_s"]}
    page.post(reverse("admin:core_configvalue_changelist"), action)
    assert config.get("tier.free.delay_s") == 300
    assert _actions() == ["config.set"] * 3
    assert {record.actor_id for record in AuditRecord.objects.all()} == {str(operator.pk)}


def test_none_is_no_limit(page: Client) -> None:
    config.forget()
    assert page.post(CONFIG_ADD, {"key": "tier.free.daily_arbitrage", "value": "null"}).status_code == 302
    assert config.get("tier.free.daily_arbitrage") is None


@pytest.mark.parametrize("value", ["-1", "much", "null", "1.5", "[1]"])
def test_value_that_does_not_fit_is_told_and_not_stored(page: Client, value: str) -> None:
    config.forget()
    response = page.post(CONFIG_ADD, {"key": "tier.free.delay_s", "value": value}, follow=True)
    assert "tier.free.delay_s" in response.content.decode()
    assert not ConfigValue.objects.exists()
    assert config.get("tier.free.delay_s") == 300
    assert _actions() == []


def test_undeclared_key_is_refused(page: Client) -> None:
    assert page.post(CONFIG_ADD, {"key": "nonsense", "value": "1"}).status_code == 200
    assert not ConfigValue.objects.exists()


def test_deleting_is_audited(page: Client) -> None:
    group = Group.objects.create(name="operators")
    page.post(reverse("admin:auth_group_delete", args=[group.pk]), {"post": "yes"})
    assert not Group.objects.exists()
    [record] = AuditRecord.objects.all()
    assert (record.action, record.target) == ("admin.deleted", f"auth.Group:{group.pk}")


def test_exchange_is_switched_off_and_nothing_else(page: Client, world: World) -> None:
    written = len(_actions())
    inline = {"feeds-TOTAL_FORMS": "0", "feeds-INITIAL_FORMS": "0"}
    page.post(reverse("admin:markets_exchange_change", args=["bybit"]), {"name": "Other", "status": "ok"} | inline)
    exchange = Exchange.objects.get()
    assert (exchange.enabled, exchange.name, exchange.status) == (False, "Bybit", "new")
    assert _actions()[written:] == ["admin.changed"]


@pytest.mark.parametrize(("fee", "stored"), [("0.00055", ["0.00055000"]), ("1.5", []), ("-0.1", []), ("0", [])])
def test_a_fee_rule_is_a_fraction_and_counts_at_once(page: Client, world: World, fee: str, stored: list[str]) -> None:
    market = Market.objects.get()
    before = market.exchange.market_version
    about = {"exchange": market.exchange_id, "market": market.pk, "market_type": "", "tier": "", "note": ""}
    page.post(reverse("admin:markets_feerule_add"), about | {"taker": fee, "maker": ""})
    assert [str(rule.taker) for rule in FeeRule.objects.filter(tier="")] == stored
    market.exchange.refresh_from_db()
    assert market.exchange.market_version == before + len(stored)


def test_a_fee_rule_that_goes_stops_counting_at_once(page: Client, world: World) -> None:
    market = Market.objects.get()
    rule = services.fee_rule_save(rule=FeeRule(exchange_id=market.exchange_id, market=market, fee_free=True))
    assert selectors.fee_of(market.pk).taker == 0
    page.post(reverse("admin:markets_feerule_delete", args=[rule.pk]), {"post": "yes"})
    assert selectors.fee_of(market.pk).taker == market.taker_fee
    assert page.get(reverse("admin:markets_feerule_changelist")).status_code == 200
