"""A Redis that is not there."""

import socket

import pytest


@pytest.fixture
def redis_away(settings) -> None:  # type: ignore[no-untyped-def]
    """Point the stores and the broker at a port where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings.REDIS_URL = settings.CACHE_URL = f"redis://127.0.0.1:{port}/0"
