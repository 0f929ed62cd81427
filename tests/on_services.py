"""What `make test-services` runs: tests that ask a store. The others would say the same again."""

import os
from typing import Final

import pytest

STORES: Final = frozenset({"db", "transactional_db", "redis_state"})
# Here stores and broker are asked without a fixture.
FOLDERS: Final = ("tests/core/", "tests/pipeline/")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what asks no store, where the stores are services."""
    if not os.environ.get("ARBEDGE_TEST_SERVICES"):
        return
    kept = [item for item in items if _asks(item)]
    config.hook.pytest_deselected(items=[item for item in items if not _asks(item)])
    items[:] = kept


def _asks(item: pytest.Item) -> bool:
    fixtures = getattr(item, "fixturenames", ())
    marked = item.get_closest_marker("django_db") is not None
    return marked or not STORES.isdisjoint(fixtures) or item.nodeid.startswith(FOLDERS)
