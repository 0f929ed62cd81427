"""Fixtures that every test folder shares."""

from collections.abc import Iterator

import pytest

from apps.core import redis as stores
from tests.sandbox_process import Sandbox, sandbox_run


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
def sandbox(sandbox_process: Sandbox, settings: pytest.FixtureRequest) -> Sandbox:
    """The sandbox, reset, with the settings pointing at it."""
    sandbox_process.reset()
    for name, value in {
        "ORIGIN": "sandbox",
        "SANDBOX_URL": sandbox_process.url,
        "TELEGRAM_API_URL": f"{sandbox_process.url}/https://api.telegram.org",
        "TELEGRAM_BOT_TOKEN": "100:sandbox-bot-token",
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": sandbox_process.smtp_port,
        "SMTP_SECURITY": "none",
        "OUTBOUND_ALLOW": [sandbox_process.netloc],
    }.items():
        setattr(settings, name, value)
    return sandbox_process
