"""Stored snapshots to candidates of all two-leg kinds: 12 exchanges × 2,000 instruments against a plain loop."""

from collections.abc import Iterator
from typing import Any

from tests.opportunities import bench


def figures() -> Iterator[dict[str, Any]]:
    """One figure."""
    yield bench.scan_two_leg()
