"""Fixtures of the core tests."""

from tests.core.away import redis_away

__all__ = ["redis_away"]
