"""Fixtures of the notifications room."""

from collections.abc import Iterator

import pytest
from pytest_django.fixtures import Settings

from apps.notifications.services import templates_seed
from apps.notifications.services.templates import templates_forget
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


@pytest.fixture
def templates(db: None) -> Iterator[None]:
    """The shipped templates."""
    templates_forget()
    templates_seed()
    yield
    templates_forget()


@pytest.fixture
def mailbox(settings: Settings, redis_state: None) -> Iterator[Mailbox]:
    """A mail server, as the house's own."""
    with mailbox_run() as mailbox:
        settings.SMTP_HOST, settings.SMTP_PORT = "127.0.0.1", mailbox.port
        settings.SMTP_USER = settings.SMTP_PASSWORD = ""
        settings.SMTP_SECURITY = "none"
        settings.EMAIL_FROM = "ArbEdge <alerts@arbedge.test>"
        yield mailbox
