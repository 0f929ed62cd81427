"""All cycles of three and four trades: 400 currencies on 10 exchanges, against searches on networkx graphs."""

from collections.abc import Iterator
from typing import Any

from tests.opportunities import cycles_bench


def figures() -> Iterator[dict[str, Any]]:
    """One figure per control."""
    yield from cycles_bench.scan_triangles()
