"""Which tests of the suite stay together on one worker; they begin first, so that both workers end together.

xdist has marks for that, but its way of handing them to the scheduler does nothing under pytest 9.2
(https://github.com/pytest-dev/pytest-xdist/issues/1386): a group was started once per worker."""

from typing import Final

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

# What starts a whole installation, which takes both cores; what starts workers on a database of their own.
GROUPS: Final = {
    "tests/pipeline/test_walk.py": "installation",
    "tests/pipeline/test_replay.py": "installation",
    "tests/notifications/test_processes.py": "processes",
}


class Balanced(LoadScopeScheduling):  # type: ignore[misc]
    """Groups as wholes (xdist sends the largest first), every other test to whoever is free."""

    def _split_scope(self, nodeid: str) -> str:
        return GROUPS.get(nodeid.partition("::")[0], nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling | None:
    """The scheduler for `--dist loadgroup`."""
    return Balanced(config, log) if config.getvalue("dist") == "loadgroup" else None
