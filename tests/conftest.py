"""Fixtures that every test folder shares."""

from collections.abc import Iterator

import hypothesis
import pytest
from django.db import connection
from pytest_django import DjangoDbBlocker

from apps.core import audit_guard
from apps.core import redis as stores
from apps.markets.exchanges import throttle
from tests.balance import pytest_xdist_make_scheduler
from tests.on_services import pytest_collection_modifyitems
from tests.sandbox_process import Sandbox, sandbox_run

__all__ = ["pytest_collection_modifyitems", "pytest_xdist_make_scheduler"]

# How long an example takes says how busy the machine is, not whether the code is right.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """The test database without the triggers that guard the audit trail: tests that commit empty every table after
    themselves. tests/core/test_audit_chain.py puts them up."""
    with django_db_blocker.unblock():
        audit_guard.remove(connection)


@pytest.fixture
def redis_state() -> Iterator[None]:
    """Empty Redis stores before and after the test."""
    for client in (stores.state(), stores.cache()):
        client.flushdb()
    yield
    for client in (stores.state(), stores.cache()):
        client.flushdb()


@pytest.fixture(scope="session")
def sandbox_process() -> Iterator[Sandbox]:
    """One sandbox per test process."""
    with sandbox_run() as sandbox:
        yield sandbox


@pytest.fixture
def ample(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exchanges' budgets of requests that nobody uses up, and no pauses in bursts: tests/markets/test_throttle.py has
    both, and everywhere else an exchange that bans nobody would be waited for."""
    monkeypatch.setattr(throttle, "HEADROOM", 1000.0)
    monkeypatch.setattr(throttle, "BURST_S", 0.001)


@pytest.fixture
def sandbox(sandbox_process: Sandbox, settings: pytest.FixtureRequest, ample: None) -> Sandbox:
    """The sandbox, reset, with the settings pointing at it."""
    sandbox_process.reset()
    for name, value in {
        "ORIGIN": "sandbox",
        "SANDBOX_URL": sandbox_process.url,
        "TELEGRAM_API_URL": f"{sandbox_process.url}/https://api.telegram.org",
        "TELEGRAM_BOT_TOKEN": "100:sandbox-bot-token",
        "SLACK_WEBHOOK_URL": f"{sandbox_process.url}/https://hooks.slack.com/services",
        "DISCORD_WEBHOOK_URL": f"{sandbox_process.url}/https://discord.com/api/v10/webhooks",
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": sandbox_process.smtp_port,
        "SMTP_SECURITY": "none",
        "VAPID_PRIVATE_KEY": "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw",
        "VAPID_SUBJECT": "mailto:operator@arbedge.test",
        "FCM_API_URL": f"{sandbox_process.url}/https://fcm.googleapis.com",
        "FCM_TOKEN_URL": f"{sandbox_process.url}/https://oauth2.googleapis.com/token",
        "TWILIO_API_URL": f"{sandbox_process.url}/https://api.twilio.com",
        "TWILIO_ACCOUNT_SID": "AC5a4db0" + "0" * 26,
        "TWILIO_AUTH_TOKEN": "sandbox-auth-token",
        "SMS_FROM": "+15005550006",
        "OUTBOUND_ALLOW": [sandbox_process.netloc],
    }.items():
        setattr(settings, name, value)
    return sandbox_process
