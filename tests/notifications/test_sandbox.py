"""All channels at once against the sandbox: the same wire formats, checks and refusals as the real providers."""

from typing import Any

import pytest

from apps.notifications.models import Delivery, Endpoint
from apps.notifications.services import deliver
from tests.notifications.people import SECRET, endpoint_new, notification_new, user_new
from tests.sandbox_process import Sandbox

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("templates", "redis_state")]


def test_a_premium_alert_arrives_on_every_route(sandbox: Sandbox) -> None:
    sandbox.secrets({"trader": SECRET})
    user = user_new()
    endpoint_new(user, "telegram", "4711", route=0)
    endpoint_new(user, "webhook", f"{sandbox.url}/_sandbox/hooks/trader", route=1)
    endpoint_new(user, "email", user.email, route=2)
    notification_new(user)
    assert deliver(priority="high").delivered == 3
    (chat,) = sandbox.received("telegram")
    (hook,) = sandbox.received("webhook")
    (mail,) = sandbox.received("email")
    assert chat["to"] == "4711"
    assert hook["signature_ok"] is True
    assert hook["body"]["data"]["origin"] == "sandbox"
    assert user.email in str(mail["to"])
    for one in (chat, hook, mail):
        assert "SANDBOX" in str(one["body"])
        assert "not risk-free" in str(one["body"])


def test_a_wrong_signing_secret_is_refused_and_falls_back(sandbox: Sandbox) -> None:
    sandbox.secrets({"trader": "whsec_" + "A" * 43 + "="})
    user = user_new()
    endpoint_new(user, "webhook", f"{sandbox.url}/_sandbox/hooks/trader", position=0)
    endpoint_new(user, "email", user.email, position=1)
    notification_new(user)
    report = deliver(priority="high")
    assert (report.delivered, report.failed) == (1, 1)
    assert len(sandbox.received("email")) == 1
    assert "http_401" in Delivery.objects.get(channel="webhook").last_error
    assert Endpoint.objects.get(channel="webhook").usable


def test_a_wrong_bot_token_tells_the_operator(
    sandbox: Sandbox, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.TELEGRAM_BOT_TOKEN = "666:some-other-secret-token"
    user = user_new()
    endpoint_new(user, "telegram", "4711")
    notification_new(user)
    assert deliver(priority="high").failed == 1
    assert sandbox.received("telegram") == []
    assert "misconfigured" in caplog.text
    assert "some-other-secret" not in caplog.text
    assert Endpoint.objects.get().usable


@pytest.mark.parametrize(
    "fault", [{"status": 503}, {"cut": True}, {"garbage": True}], ids=["unavailable", "cut", "garbage"]
)
def test_faults_lose_nothing(sandbox: Sandbox, fault: dict[str, Any]) -> None:
    user = user_new()
    endpoint_new(user, "telegram", "4711")
    notification_new(user)
    sandbox.faults([{"host": "api.telegram.org", **fault}])
    report = deliver(priority="high", seconds=0.1)
    assert (report.delivered, report.failed) == (0, 0)
    row = Delivery.objects.get()
    assert row.state == "pending"
    assert row.attempts >= 1
    assert row.last_error
