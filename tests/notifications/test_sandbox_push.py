"""Push, SMS and listed services against the sandbox: it opens, verifies and counts as the real providers do."""

import json
from typing import Any

import pytest

from apps.notifications.models import Delivery, Endpoint
from apps.notifications.services import deliver, endpoint_create
from apps.notifications.services.channels import _made
from tests.notifications.people import notification_new, user_new
from tests.sandbox_process import Sandbox

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("templates", "redis_state")]

PUSHOVER = f"pover://{'u' * 30}@{'a' * 30}"


@pytest.fixture
def world(sandbox: Sandbox, settings: Any) -> Sandbox:
    """The sandbox, with Firebase's account that only it knows."""
    # No token of an earlier test's: each asks for its own.
    _made.cache_clear()
    settings.FCM_SERVICE_ACCOUNT = json.dumps(sandbox.service_account()["account"])
    return sandbox


def owed(channel: str, address: str, **credentials: str) -> Endpoint:
    """An alert owed to somebody who has this endpoint and no other."""
    user = user_new()
    made = endpoint_create(user_id=user.pk, channel=channel, address=address, credentials=credentials, verified=True)
    notification_new(user)
    return made


def owed_to_browser(world: Sandbox, name: str) -> Endpoint:
    subscription = world.subscription(name)
    return owed("push", subscription["endpoint"], **subscription["keys"])


def test_an_alert_reaches_a_browser_a_phone_an_app_and_a_service(world: Sandbox) -> None:
    owed_to_browser(world, "laptop")
    owed("fcm", "device-token-0123456789-abcdefgh")
    owed("sms", "+15005550010")
    owed("custom", PUSHOVER)
    owed("custom", "ntfys://my-alerts")
    assert deliver(priority="high").delivered == 5
    (browser,), (phone,), (text,) = (world.received(name) for name in ("push", "fcm", "sms"))
    services = {one["service"]: one for one in world.received("custom")}
    assert browser["to"] == "laptop"
    assert browser["body"]["title"].startswith("[SANDBOX]")
    assert browser["body"]["url"] == "https://arbedge.test/opportunities/1?a=1&b=2"
    assert browser["urgency"] == "high"
    assert 0 < browser["ttl"] <= 600
    assert browser["octets"] <= 4096
    assert phone["data"]["tag"] == phone["android"]["collapse_key"]
    assert text["num_segments"] <= 2
    assert 0 < text["validity_s"] <= 600
    assert set(services) == {"pushover", "ntfy"}
    for words in (
        browser["body"]["body"],
        phone["body"]["body"],
        text["body"],
        *(s["body"] for s in services.values()),
    ):
        assert "SANDBOX" in words
    assert set(Delivery.objects.values_list("state", flat=True)) == {"delivered"}


def test_one_access_token_serves_many(world: Sandbox) -> None:
    for number in range(10):
        owed("fcm", f"device-token-0123456789-{number}")
    assert deliver(priority="high").delivered == 10
    assert world.service_account()["asked"] == 1


@pytest.mark.parametrize("name", ["gone", "unknown"])
def test_a_subscription_that_is_over_is_switched_off(world: Sandbox, name: str) -> None:
    endpoint = owed_to_browser(world, name)
    assert deliver(priority="high").failed == 1
    endpoint.refresh_from_db()
    assert endpoint.disabled_at is not None
    assert "over" in endpoint.disabled_reason
    assert world.received("push") == []


@pytest.mark.parametrize(
    ("channel", "address"),
    [
        ("fcm", "unregistered-device-token"),
        ("sms", "+15005550001"),
        ("sms", "+15005550004"),
        ("sms", "+15005550009"),
        ("custom", f"pover://gone{'u' * 26}@{'a' * 30}"),
        ("custom", f"pover://{'u' * 30}@bad{'a' * 27}"),
    ],
)
def test_an_address_that_takes_nothing_any_more_is_switched_off(world: Sandbox, channel: str, address: str) -> None:
    endpoint = owed(channel, address)
    assert deliver(priority="high").failed == 1
    endpoint.refresh_from_db()
    assert endpoint.disabled_at is not None
    assert world.received() == []


@pytest.mark.parametrize(
    ("channel", "address", "setting", "value"),
    [
        ("fcm", "mismatch-device-token-0123456789", "ORIGIN", "sandbox"),
        ("sms", "+15005550003", "ORIGIN", "sandbox"),
        ("sms", "+15005550010", "TWILIO_AUTH_TOKEN", "wrong"),
        ("sms", "+15005550010", "SMS_FROM", "+15005550007"),
    ],
)
def test_what_is_ours_to_mend_switches_nobody_off(
    world: Sandbox,
    settings: Any,
    caplog: pytest.LogCaptureFixture,
    channel: str,
    address: str,
    setting: str,
    value: str,
) -> None:
    setattr(settings, setting, value)
    endpoint = owed(channel, address)
    assert deliver(priority="high").failed == 1
    endpoint.refresh_from_db()
    assert endpoint.usable
    assert "misconfigured" in caplog.text
    assert world.received() == []


def test_another_keys_subscription_is_not_opened(world: Sandbox) -> None:
    other = world.subscription("other")["keys"]
    owed("push", world.subscription("laptop")["endpoint"], **other)
    assert deliver(priority="high").failed == 1
    assert world.received("push") == []


@pytest.mark.parametrize(
    ("host", "channel", "address"),
    [
        ("fcm.googleapis.com", "fcm", "device-token-0123456789-abcdefgh"),
        ("oauth2.googleapis.com", "fcm", "device-token-0123456789-abcdefgh"),
        ("api.twilio.com", "sms", "+15005550010"),
        ("api.pushover.net", "custom", PUSHOVER),
        ("ntfy.sh", "custom", "ntfys://my-alerts"),
    ],
)
@pytest.mark.parametrize("fault", [{"status": 503}, {"cut": True}, {"garbage": True}, {"retry_after": 30}], ids=str)
def test_faults_lose_nothing(world: Sandbox, host: str, channel: str, address: str, fault: dict[str, Any]) -> None:
    owed(channel, address)
    world.faults([{"host": host, **fault}])
    report = deliver(priority="high", seconds=0.1)
    assert (report.delivered, report.failed) == (0, 0)
    row = Delivery.objects.get()
    assert row.state == "pending"
    assert row.last_error
    assert world.received() == []
