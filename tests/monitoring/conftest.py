"""Stores that are away, and answers that are not remembered from another test."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import OperationalError, connection

from apps.core import config
from apps.monitoring.selectors import health_brief, health_feeds, health_parts


@pytest.fixture(autouse=True)
def _fresh() -> None:
    health_brief.forget()
    health_parts.forget()
    health_feeds.forget()
    config.forget()


@pytest.fixture
def dead_url() -> str:
    """A Redis address where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"redis://127.0.0.1:{probe.getsockname()[1]}/0"


@contextmanager
def database_away() -> Iterator[None]:
    """Every statement fails as it does when the server is gone."""

    def refuse(*_: Any) -> None:
        raise OperationalError("the database is away: password=hunter2")

    with connection.execute_wrapper(refuse):
        yield
