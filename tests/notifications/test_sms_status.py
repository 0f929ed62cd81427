"""What networks say later of a text message: told by the sandbox's Twilio, signed, and written into the delivery."""

import time
from typing import Any
from uuid import uuid4

import pytest
from pytest_django.live_server_helper import LiveServer
from rest_framework.test import APIClient

from apps.core import clock
from apps.notifications import sms_callback
from apps.notifications.models import Delivery, DeliveryAttempt, Endpoint, Notification
from apps.notifications.services import deliver, sms_status_take
from apps.notifications.tasks import sms_status
from sandbox.providers import twilio
from tests.notifications.people import endpoint_new, notification_new, user_new
from tests.sandbox_process import Sandbox

BASE = "https://arbedge.test/api/v1/notifications/sms-status"
NUMBER = "+14155550123"


def delivered(address: str = NUMBER, *, fallback: bool = False) -> Delivery:
    """A text message that the gateway took as SM1."""
    user = user_new()
    endpoint = endpoint_new(user, "sms", address)
    if fallback:
        endpoint_new(user, "telegram", "42", position=1)
    notification = notification_new(user)
    now = clock.now()
    Delivery.objects.filter(endpoint=endpoint).update(
        state="delivered", attempts=1, finished_at=now, provider_message_id="SM1"
    )
    Notification.objects.filter(pk=notification.pk).update(state="delivered", finished_at=now)
    return Delivery.objects.get(endpoint=endpoint)


def take(row: Delivery, status: str, error: int = 0, sid: str = "SM1") -> bool:
    return sms_status_take(delivery_id=row.pk, sid=sid, status=status, error=error, now=clock.now())


def post(row_id: object, form: dict[str, str], signature: str | None = None) -> int:
    called = f"{BASE}/{row_id}"
    given = sms_callback.signature(called, form, twilio.TOKEN) if signature is None else signature
    answer = APIClient().post(
        f"/api/v1/notifications/sms-status/{row_id}",
        data="&".join(f"{name}={value}" for name, value in form.items()),
        content_type="application/x-www-form-urlencoded",
        headers={"X-Twilio-Signature": given},
    )
    return answer.status_code


@pytest.fixture
def twilio_settings(settings: Any) -> None:
    settings.TWILIO_AUTH_TOKEN, settings.TWILIO_STATUS_URL = twilio.TOKEN, BASE


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("templates")
def test_the_gateway_tells_what_became_of_each_message(
    sandbox: Sandbox, live_server: LiveServer, settings: Any
) -> None:
    settings.TWILIO_STATUS_URL = f"{live_server.url}/api/v1/notifications/sms-status"
    fine, gone = (endpoint_new(user_new(), "sms", number) for number in ("+14155550123", "+14155530005"))
    for endpoint in (fine, gone):
        notification_new(endpoint.user)
    assert deliver(priority="high").delivered == 2
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        rows = {row.endpoint_id: row for row in Delivery.objects.filter(channel="sms")}
        if rows[fine.pk].notes and rows[gone.pk].state != "delivered":
            break
        time.sleep(0.05)
    assert [note["code"] for note in rows[fine.pk].notes] == ["confirmed"]
    assert (rows[fine.pk].state, rows[gone.pk].state) == ("delivered", "dead")
    assert "30005" in rows[gone.pk].last_error
    assert not Endpoint.objects.get(pk=gone.pk).usable


@pytest.mark.django_db
def test_a_network_that_could_not_hand_it_over_has_the_next_endpoint_take_over() -> None:
    row = delivered(fallback=True)
    for _ in range(2):
        assert take(row, "undelivered", 30003)
    row.refresh_from_db()
    assert (row.state, row.notification.state) == ("failed", "pending")
    assert row.endpoint.usable, "a phone that is off is no wrong number"
    assert DeliveryAttempt.objects.get(delivery=row).code == "twilio_30003"
    assert row.notification.deliveries.get(state="pending").channel == "telegram"


@pytest.mark.django_db
def test_news_of_steps_of_earlier_tries_and_of_strangers_change_nothing() -> None:
    row = delivered()
    for status, error, sid in (("sent", 0, "SM1"), ("queued", 0, "SM1"), ("undelivered", 30005, "SM0")):
        assert take(row, status, error, sid)
    assert sms_status_take(delivery_id=uuid4(), sid="SM1", status="failed", error=30005, now=clock.now())
    row.refresh_from_db()
    assert (row.state, row.notes, row.endpoint.usable) == ("delivered", [], True)


@pytest.mark.django_db
def test_news_that_come_before_the_result_was_written_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    row = delivered()
    now = clock.wall_now()
    Delivery.objects.filter(pk=row.pk).update(state="sending", lease_token=uuid4(), lease_until=now)
    rung: list[dict[str, Any]] = []
    monkeypatch.setattr("apps.core.queue.ring", lambda task, **kwargs: rung.append(kwargs))
    told: dict[str, Any] = {"delivery_id": str(row.pk), "sid": "SM1", "status": "undelivered", "error": 30003}
    for tries in range(1, sms_callback.TRIES_MAX + 2):
        sms_status.run(**told, tries=tries)
    assert [one["kwargs"]["tries"] for one in rung] == [2, 3, 4, 5]
    Delivery.objects.filter(pk=row.pk).update(state="delivered", lease_token=None, lease_until=None)
    sms_status.run(**rung[-1]["kwargs"])
    row.refresh_from_db()
    assert row.state == "dead"


@pytest.mark.django_db
@pytest.mark.usefixtures("twilio_settings")
def test_only_twilio_is_heard() -> None:
    row = delivered()
    form = {"MessageSid": "SM1", "MessageStatus": "undelivered", "ErrorCode": "30003", "To": NUMBER.strip("+")}
    for wrong in ("", "guess", sms_callback.signature(f"{BASE}/{uuid4()}", form, twilio.TOKEN)):
        assert post(row.pk, form, wrong) == 403
    row.refresh_from_db()
    assert row.state == "delivered"
    assert post(row.pk, form) == 204
    row.refresh_from_db()
    assert row.state == "dead"


@pytest.mark.django_db
@pytest.mark.usefixtures("twilio_settings")
@pytest.mark.parametrize(
    "form", [{}, {"MessageSid": "SM1"}, {"MessageSid": "S", "MessageStatus": "x", "ErrorCode": "y"}]
)
def test_what_can_not_be_read_is_refused(form: dict[str, str]) -> None:
    assert post(uuid4(), form) == 400


@pytest.mark.django_db
def test_without_an_account_nothing_is_taken(settings: Any) -> None:
    settings.TWILIO_AUTH_TOKEN = ""
    assert post(uuid4(), {"MessageSid": "SM1", "MessageStatus": "sent"}) == 404


def test_both_sides_sign_alike() -> None:
    form = twilio.status_form(NUMBER, "SM1")
    assert sms_callback.signature(f"{BASE}/1", form, twilio.TOKEN) == twilio.signature(f"{BASE}/1", form)
    # The example in Twilio's own guide.
    form = {"CallSid": "CA1234567890ABCDE", "Caller": "+14158675309", "Digits": "1234", "From": "+14158675309"}
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    assert sms_callback.signature(url, form | {"To": "+18005551212"}, "12345") == "RSOYDt4T1cUTdK1PDd93/VVr8B8="
