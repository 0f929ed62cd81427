"""What operators and other parts see of the room: tasks, health, ledger."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command

from apps.core import clock
from apps.notifications import tasks
from apps.notifications.health import channels_probe, deliveries_probe
from apps.notifications.models import Delivery
from apps.notifications.services import DeliverReport
from apps.notifications.services.channels import channels_off
from tests.notifications.people import endpoint_new, notification_new, user_new
from tests.notifications.sink import Sink

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("templates")]


@pytest.fixture
def rings(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Messages that would have gone to the broker."""
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(tasks.deliver, "apply_async", lambda **options: sent.append(options))
    return sent


def test_the_task_delivers_and_reports(sink: Sink, rings: list[dict[str, Any]]) -> None:
    user = user_new()
    endpoint_new(user, "telegram", "42")
    notification_new(user)
    assert tasks.deliver(priority="high") == {"delivered": 1, "retried": 0, "failed": 0}
    assert rings == []


def test_the_task_rings_again_for_what_is_due_soon(sink: Sink, rings: list[dict[str, Any]]) -> None:
    user = user_new()
    endpoint_new(user, "telegram", "42")
    notification_new(user)
    Delivery.objects.update(next_attempt_at=clock.now() + timedelta(seconds=2))
    tasks.deliver(priority="high")
    assert [(one["kwargs"], one["queue"]) for one in rings] == [({"priority": "high"}, "notify.high")]
    assert 0 < rings[0]["countdown"] < 2.5


def test_the_task_leaves_what_is_due_later_to_the_sweep(sink: Sink, rings: list[dict[str, Any]]) -> None:
    user = user_new()
    endpoint_new(user, "telegram", "42")
    notification_new(user)
    Delivery.objects.update(next_attempt_at=clock.now() + timedelta(seconds=60))
    tasks.deliver(priority="high")
    assert rings == []


def test_a_process_makes_one_run_of_a_priority_at_a_time_and_forgets_no_ring(
    sink: Sink, rings: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[str] = []

    def busy(*, priority: str) -> DeliverReport:
        runs.append(priority)
        if len(runs) == 1:
            # Another thread of this process gets the next ring, and one for another priority, while this one is busy.
            tasks.deliver(priority="high")
            tasks.deliver(priority="critical")
        return DeliverReport(0, 0, 0, None)

    monkeypatch.setattr("apps.notifications.tasks.services.deliver", busy)
    tasks.deliver(priority="high")
    assert runs == ["high", "critical"]
    assert [(one["kwargs"], one["queue"]) for one in rings] == [({"priority": "high"}, "notify.high")]


def test_health_tells_what_is_late(redis_state: None) -> None:
    assert deliveries_probe().state == "healthy"
    user = user_new()
    endpoint_new(user, "telegram", "42")
    notification_new(user)
    for seconds, state in ((10, "healthy"), (60, "degraded"), (400, "unhealthy")):
        Delivery.objects.update(next_attempt_at=clock.now() - timedelta(seconds=seconds))
        assert deliveries_probe().state == state
    assert "400 s" in deliveries_probe().reason


def test_health_tells_which_channels_are_off(settings: Any) -> None:
    settings.TELEGRAM_BOT_TOKEN = settings.SMTP_HOST = ""
    assert {"telegram", "email"} <= set(channels_off())
    assert channels_probe().state == "healthy"
    assert "TELEGRAM_BOT_TOKEN" in channels_probe().details["telegram"]
    endpoint_new(user_new(), "telegram", "42")
    probe = channels_probe()
    assert probe.state == "degraded"
    assert "TELEGRAM_BOT_TOKEN" in probe.reason
    assert "SMTP_HOST" not in probe.reason


def test_the_ledger_counts(capsys: pytest.CaptureFixture[str]) -> None:
    user = user_new()
    endpoint_new(user, "telegram", "42")
    notification_new(user)
    call_command("deliveries")
    out = capsys.readouterr().out
    assert "pending    telegram          1  oldest due" in out
    assert "1 deliveries" in out
