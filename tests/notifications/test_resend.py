"""A message once more: what reached nobody goes out again, and nothing else does."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from apps.accounts.services import user_create
from apps.core import clock
from apps.core.models import AuditRecord
from apps.notifications.models import Delivery, Endpoint, Notification
from apps.notifications.services import code_send, deliver
from tests.api.conftest import client_of
from tests.notifications.people import endpoint_new, notification_new, user_new
from tests.notifications.sink import Answer, Sink

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("templates")]


def resend(user: Any, row: Notification) -> Any:
    return client_of(user).post(f"/api/v1/notifications/{row.pk}/resend")


def test_a_dead_letter_goes_out_again_and_its_log_says_so(sink: Sink, settings: Any) -> None:
    settings.DELIVERY_ATTEMPTS = 1
    user = user_new()
    endpoint_new(user, "webhook", f"{sink.url}/hook")
    row = notification_new(user)
    sink.always = {"/": Answer(500, "oops")}
    deliver(priority="high")
    sink.always = {}
    answer = resend(user, row)
    assert answer.status_code == 202
    assert (answer.json()["state"], answer.json()["reason"]) == ("pending", "")
    deliver(priority="high")
    row.refresh_from_db()
    assert row.state == "delivered"
    assert [note["code"] for note in Delivery.objects.get().notes] == ["sent_again"]
    again = resend(user, row)
    assert (again.status_code, again.json()["code"]) == (400, "nothing_to_resend")
    assert len(sink.arrived) == 2


def test_what_found_no_endpoint_goes_to_the_one_there_is_now(sink: Sink) -> None:
    user = user_new()
    row = notification_new(user)
    assert resend(user, row).json()["detail"] == "There is no verified endpoint."
    endpoint_new(user, "webhook", f"{sink.url}/hook")
    endpoint_new(user, "telegram", "42", position=1)
    assert resend(user, row).status_code == 202
    assert resend(user, row).json()["detail"] == "It is still under way."
    deliver(priority="high")
    row.refresh_from_db()
    assert (row.state, row.reason) == ("delivered", "")
    assert [one.path for one in sink.arrived] == ["/hook"]


def test_what_is_too_old_or_a_code_or_somebody_elses_is_not_sent(sink: Sink) -> None:
    user = user_new()
    old = notification_new(user, expires_at=clock.now() - timedelta(seconds=1))
    endpoint = endpoint_new(user, "telegram", "42", verified=False)
    code_send(endpoint_id=endpoint.pk, now=clock.now())
    code = Notification.objects.get(confirms=True)
    Delivery.objects.filter(notification=code).update(state="dead")
    assert [resend(user, row).json()["code"] for row in (old, code)] == ["expired", "is_code"]
    assert resend(user_new(), old).status_code == 404
    assert Delivery.objects.get().state == "dead"


def test_nobody_asks_for_ever(sink: Sink) -> None:
    user = user_new()
    row = notification_new(user)
    assert [resend(user, row).status_code for _ in range(11)] == [400] * 10 + [429]


def test_an_operator_with_the_right_sends_again_and_it_is_audited(sink: Sink) -> None:
    user, operator = user_new(), user_create(email="operator@example.test", is_staff=True)
    row = notification_new(user)
    endpoint_new(user, "webhook", f"{sink.url}/hook")
    page = Client()
    page.force_login(operator)
    url = reverse("admin:notifications_notification_changelist")
    action = {"action": "resend", "_selected_action": [str(row.pk)]}
    operator.user_permissions.add(Permission.objects.get(codename="view_notification"))
    page.post(url, action, follow=True)
    assert not Delivery.objects.exists()
    operator.user_permissions.add(Permission.objects.get(codename="change_notification"))
    assert "1 will be sent again" in page.post(url, action, follow=True).content.decode()
    assert Delivery.objects.get().endpoint == Endpoint.objects.get()
    assert AuditRecord.objects.filter(action="admin.notification_resent").count() == 1
