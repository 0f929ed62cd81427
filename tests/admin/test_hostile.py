"""What operators type, and what providers answered, harms nobody who looks at the pages."""

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.core.models import AuditRecord
from apps.notifications.models import Delivery, Endpoint, Template
from tests.admin.conftest import HOOK_SECRET, HOOK_URL, MARKUP, World


@pytest.mark.parametrize("address", ["http://169.254.169.254/", "http://2130706433/", "https://[::ffff:10.0.0.1]/"])
def test_an_inside_webhook_is_refused_on_the_form_without_a_trace_of_its_secret(
    page: Client, trader: User, address: str
) -> None:
    form = {"user": str(trader.pk), "channel": "webhook", "address": address, "route": "0", "position": "0",
            "secrets": f"secret={HOOK_SECRET}"}  # fmt: skip
    response = page.post(reverse("admin:notifications_endpoint_add"), form)
    assert response.status_code == 200
    assert "not public" in response.content.decode()
    assert Endpoint.objects.count() == AuditRecord.objects.count() == 0


def test_a_template_that_nests_too_deeply_is_told_at_its_field(page: Client) -> None:
    body = "{% if 1 %}" * 120 + "{% endif %}" * 120
    form = {"name": "deep", "channel": "", "locale": "en", "subject": "s", "body": body}
    response = page.post(reverse("admin:notifications_template_add"), form)
    assert response.status_code == 200
    assert "can&#x27;t be rendered" in response.content.decode()
    assert Template.objects.count() == 0


def test_what_a_provider_answered_is_shown_as_text(page: Client, world: World) -> None:
    delivery = world.rows[Delivery]
    Delivery.objects.update(last_error=f"http_400: The receiver answered 400: {MARKUP}")
    for name, arguments in (("changelist", []), ("change", [delivery.pk])):
        shown = page.get(reverse(f"admin:notifications_delivery_{name}", args=arguments)).content.decode()
        assert "The receiver answered 400" in shown
        assert MARKUP not in shown
        assert HOOK_URL not in shown
        assert HOOK_SECRET not in shown


def test_a_secret_whose_key_is_gone_is_told_and_not_shown(page: Client, world: World) -> None:
    endpoint = world.rows[Endpoint]
    Endpoint.objects.update(credentials="gAAAAAB-not-one-of-ours")
    shown = page.get(reverse("admin:notifications_endpoint_change", args=[endpoint.pk])).content.decode()
    assert "opens with none of VAULT_KEYS" in shown
    assert "gAAAAAB" not in shown
