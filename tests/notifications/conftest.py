"""Fixtures of the notifications room."""

from collections.abc import Iterator
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from apps.notifications.models import Template
from apps.notifications.services import templates_seed
from apps.notifications.services.book import forget
from tests.notifications.mailbox import Mailbox, mailbox_run
from tests.notifications.sink import Sink, sink_run


@pytest.fixture(scope="session")
def sink_server() -> Iterator[Sink]:
    """One sink per test process."""
    with sink_run() as sink:
        yield sink


@pytest.fixture
def sink(sink_server: Sink, settings: Settings, redis_state: None) -> Sink:
    """The sink, empty, as Telegram and as a place that webhooks may go to."""
    sink_server.reset()
    settings.TELEGRAM_BOT_TOKEN = "12345:very-secret-bot-token"
    settings.TELEGRAM_API_URL = sink_server.url
    settings.OUTBOUND_ALLOW = [sink_server.netloc]
    settings.ORIGIN = "sandbox"
    settings.DELIVERY_TIMEOUT_S = 5
    return sink_server


@pytest.fixture(scope="session")
def shipped() -> list[dict[str, Any]]:
    """What the first seeding of this process stored: trying every template anew for each test would take long."""
    return []


@pytest.fixture
def templates(db: None, shipped: list[dict[str, Any]]) -> Iterator[None]:
    """The shipped templates."""
    forget()
    if shipped:
        Template.objects.bulk_create(Template(**values) for values in shipped)
    else:
        templates_seed()
        shipped += map(dict, Template.objects.values())
    yield
    forget()


@pytest.fixture
def mailbox(settings: Settings, redis_state: None) -> Iterator[Mailbox]:
    """A mail server, as the house's own."""
    with mailbox_run() as mailbox:
        settings.SMTP_HOST, settings.SMTP_PORT = "127.0.0.1", mailbox.port
        settings.SMTP_USER = settings.SMTP_PASSWORD = ""
        settings.SMTP_SECURITY = "none"
        settings.EMAIL_FROM = "ArbEdge <alerts@arbedge.test>"
        yield mailbox
