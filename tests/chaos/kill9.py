"""kill -9 of any one process while 500 notifications to 50 chats are on their way: all arrive."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.chaos.harness import kill_during_burst
from tests.installation import installation

VICTIMS = (
    "notify-fast",
    "notify-rest",
    "redis-state",
    "redis-cache",
    "beat",
    "default",
    "detect",
    "market",
    "web",
)


def figures() -> Iterator[dict[str, Any]]:
    """One drill per process, all against one installation."""
    with tempfile.TemporaryDirectory(prefix="arbedge-chaos-") as var, installation(Path(var)) as running:
        for victim in VICTIMS:
            yield kill_during_burst(running, victim)
