"""Fixtures of the core tests."""

from tests.core.away import redis_away
from tests.core.server import server

__all__ = ["redis_away", "server"]
