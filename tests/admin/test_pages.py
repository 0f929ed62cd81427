"""Every page of every registered model: it renders for operators, with nobody else let in, no secret and no N+1."""

from collections.abc import Callable

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.db.models import Model
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.accounts.models import User
from apps.accounts.services import token_create, user_create
from apps.notifications.services import endpoint_create
from tests.admin.conftest import MARKUP, World, delivery_make, notification_make, opportunity_make

# Everything but Django's own bookkeeping; LogEntry is read through each row's history page.
NOT_SHOWN = {"admin.LogEntry", "auth.Permission", "contenttypes.ContentType", "sessions.Session"}
NOT_SHOWN |= {"django_celery_beat.PeriodicTasks"}
MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
EVERY_MODEL = pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)


def _url(model: type[Model], page: str, *arguments: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=arguments)


def _pages(model: type[Model], row: Model) -> list[str]:
    return [_url(model, "changelist"), _url(model, "change", row.pk), _url(model, "history", row.pk)]


def test_every_model_has_a_page() -> None:
    known = {model._meta.label for model in apps.get_models() if not model._meta.auto_created}
    assert {model._meta.label for model in MODELS} == known - NOT_SHOWN


@EVERY_MODEL
def test_pages_render_without_a_secret(page: Client, world: World, model: type[Model]) -> None:
    for url in _pages(model, world.rows[model]):
        response = page.get(url)
        assert response.status_code == 200, url
        for secret in world.secrets:
            assert secret.encode() not in response.content, url
        assert MARKUP.encode() not in response.content, url


@EVERY_MODEL
def test_lists_can_be_searched_and_filtered(page: Client, world: World, model: type[Model]) -> None:
    site = admin.site._registry[model]
    assert site.search_fields, f"{model._meta.label} can't be searched"
    for query in ("bybit", "6f3f2f0a-5d3c-5b0e-9a67-0e6a3f2f8a11", "100 %", "'"):
        assert page.get(_url(model, "changelist"), {"q": query}).status_code == 200
    assert world.rows[model]
    if site.date_hierarchy:
        assert page.get(_url(model, "changelist"), {f"{site.date_hierarchy}__year": "2024"}).status_code == 200


@EVERY_MODEL
def test_add_page_renders_where_adding_is_allowed(
    page: Client, world: World, operator: User, model: type[Model], rf: RequestFactory
) -> None:
    request = rf.get("/")
    request.user = operator
    allowed = admin.site._registry[model].has_add_permission(request)
    assert page.get(_url(model, "add")).status_code == (200 if allowed else 403)


@EVERY_MODEL
@pytest.mark.parametrize("signed_in", [False, True])
def test_nobody_else_is_let_in(world: World, trader: User, model: type[Model], signed_in: bool) -> None:
    client = Client()
    if signed_in:
        client.force_login(trader)
    for url in [*_pages(model, world.rows[model]), _url(model, "add")]:
        response = client.get(url)
        assert response.status_code == 302
        assert response.headers["Location"].startswith("/admin/login/")
        assert not response.content


@EVERY_MODEL
def test_staff_without_permissions_sees_nothing(world: World, model: type[Model]) -> None:
    client = Client()
    client.force_login(user_create(email="intern@example.test", is_staff=True))
    for url in [*_pages(model, world.rows[model]), _url(model, "add")]:
        assert client.get(url).status_code == 403


MACHINE_WRITTEN = [
    "core.AuditRecord",
    "core.IdempotencyKey",
    "core.ScheduleSlot",
    "markets.CurrencyNetwork",
    "markets.DeadLetter",
    "markets.Feed",
    "markets.SettledFunding",
    "notifications.Notification",
    "notifications.Delivery",
    "notifications.DeliveryAttempt",
    "notifications.MessageFeedback",
    "opportunities.Opportunity",
    "opportunities.Markout",
    "opportunities.EdgePoint",
    "opportunities.Execution",
    "opportunities.Preferences",
    "opportunities.OpportunityFeedback",
    "opportunities.Lifetime",
    "distribution.Distribution",
]


@pytest.mark.parametrize("label", MACHINE_WRITTEN)
def test_what_machines_write_nobody_edits(page: Client, world: World, label: str) -> None:
    model = apps.get_model(label)
    row = world.rows[model]
    before = model._default_manager.filter(pk=row.pk).values().get()
    assert page.post(_url(model, "change", row.pk), {"state": "x", "status": "x"}).status_code == 403
    assert page.post(_url(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    action = {"action": "delete_selected", "_selected_action": [str(row.pk)], "post": "yes"}
    page.post(_url(model, "changelist"), action)
    assert model._default_manager.filter(pk=row.pk).values().get() == before


def _more_deliveries(user: User) -> None:
    endpoint = user.endpoints.get()
    for _ in range(5):
        delivery_make(notification_make(user), endpoint)


def _more_people(user: User) -> None:
    for number in range(5):
        other = user_create(email=f"{user.name}{User.objects.count()}@example.test")
        token_create(user=other, name="t")
        endpoint_create(user_id=other.pk, channel="telegram", address=str(1000 + number), verified=True)


def _more_opportunities(user: User) -> None:
    for _ in range(5):
        opportunity = opportunity_make()
        opportunity.markouts.create(horizon_s=1, due_at=opportunity.opened_at)


@pytest.mark.parametrize(
    ("label", "more"),
    [
        ("accounts.User", _more_people),
        ("accounts.ApiToken", _more_people),
        ("notifications.Endpoint", _more_people),
        ("notifications.Notification", _more_deliveries),
        ("notifications.Delivery", _more_deliveries),
        ("opportunities.Opportunity", _more_opportunities),
        ("opportunities.Markout", _more_opportunities),
    ],
)
def test_a_longer_list_costs_no_more_queries(
    page: Client, world: World, trader: User, label: str, more: Callable[[User], None]
) -> None:
    url = _url(apps.get_model(label), "changelist")
    more(trader)
    counts = []
    for _ in range(2):
        page.get(url)
        with CaptureQueriesContext(connection) as queries:
            page.get(url)
        counts.append(len(queries))
        more(trader)
    assert counts[0] == counts[1]


def test_a_notification_with_more_deliveries_costs_no_more_queries(page: Client, world: World, trader: User) -> None:
    notification = notification_make(trader)
    counts = []
    for number in range(2):
        for position in range(4):
            address = str(10 * number + position + 1)
            endpoint = endpoint_create(user_id=trader.pk, channel="telegram", address=address, verified=True)
            delivery_make(notification, endpoint)
        url = _url(type(notification), "change", notification.pk)
        page.get(url)  # what is looked up once per process doesn't count
        with CaptureQueriesContext(connection) as queries:
            assert page.get(url).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_index_and_login_render(page: Client, db: None) -> None:
    assert page.get(reverse("admin:index")).status_code == 200
    assert Client().get(reverse("admin:login")).status_code == 200
    assert not LogEntry.objects.exists()
