"""Several workers at once, and workers that are killed: real processes on a database file or on PostgreSQL."""

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings as django_settings
from psycopg.sql import SQL, Identifier

from tests.notifications.sink import Answer, Sink

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Stores:
    """A migrated database of its own, and the environment that leads there."""

    env: dict[str, str]

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """A worker process."""
        return subprocess.Popen(
            (sys.executable, "-m", "tests.notifications.worker", *arguments),
            env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, *arguments: str) -> Any:
        """What a worker process printed."""
        return finished(self.start(*arguments))


def finished(process: "subprocess.Popen[str]") -> Any:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return json.loads(out) if out.strip() else None


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory, sink_server: Sink) -> Iterator[Stores]:
    """A database of this file's own on the engine that the settings name."""
    database = django_settings.DATABASES["default"]
    at = {"OUTBOUND_ALLOW": sink_server.netloc, "SANDBOX_URL": sink_server.url}
    base = os.environ | at | {"LOG_LEVEL": "ERROR"}
    if database["ENGINE"].endswith("sqlite3"):
        yield _migrated({**base, "DATABASE_URL": f"sqlite:///{tmp_path_factory.mktemp('race') / 'race.sqlite3'}"})
        return
    name = f"arbedge_race_{secrets.token_hex(4)}"
    server = os.environ["DATABASE_URL"]
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        yield _migrated({**base, "DATABASE_URL": server.rsplit("/", 1)[0] + f"/{name}"})
        connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


def _migrated(env: dict[str, str]) -> Stores:
    subprocess.run(
        (sys.executable, "manage.py", "migrate", "--verbosity", "0"), env=env, check=True, timeout=120, cwd=Path.cwd()
    )
    return Stores(env)


def test_workers_never_lease_the_same_delivery(stores: Stores) -> None:
    stores.run("owe", "150", "http://hooks.test")
    workers = [stores.start("lease", "150") for _ in range(3)]
    leased = [key for worker in workers for key in finished(worker)]
    assert len(leased) == len(set(leased)) == 150


def test_workers_together_send_everything_once(stores: Stores, sink: Sink) -> None:
    stores.run("owe", "120", f"{sink.url}/hook")
    reports = [finished(worker) for worker in [stores.start("deliver") for _ in range(3)]]
    assert sum(report["delivered"] for report in reports) == 120
    assert set(Counter(one.headers["webhook-id"] for one in sink.arrived).values()) == {1}
    assert len(sink.arrived) == 120
    assert stores.run("states") == {"delivered": 120}


def test_killing_a_worker_loses_nothing_and_repeats_only_what_was_in_flight(stores: Stores, sink: Sink) -> None:
    stores.run("owe", "200", f"{sink.url}/hook")
    sink.always = {"/hook": Answer(delay_s=0.15)}
    worker = stores.start("deliver")
    deadline = time.monotonic() + 60
    while len(sink.arrived) < 60 and time.monotonic() < deadline:
        time.sleep(0.005)
    worker.send_signal(signal.SIGKILL)
    worker.communicate(timeout=30)
    before = stores.run("states")
    in_flight = before["sending"]
    assert in_flight <= 100
    assert sum(before.values()) == 200
    sink.always = {}
    assert stores.run("finish") == {"delivered": 200}
    arrivals = Counter(one.headers["webhook-id"] for one in sink.arrived)
    assert len(arrivals) == 200
    assert sum(arrivals.values()) - 200 <= in_flight


def test_a_database_that_cuts_its_connections_loses_and_repeats_nothing(stores: Stores, sink: Sink) -> None:
    url = stores.env["DATABASE_URL"]
    if not url.startswith("postgres"):
        pytest.skip("SQLite has no connections to cut")
    stores.run("owe", "300", f"{sink.url}/hook")
    sink.always = {"/hook": Answer(delay_s=0.05)}
    deadline = time.monotonic() + 90
    with psycopg.connect(url, autocommit=True) as connection:
        while stores.run("states") != {"delivered": 300} and time.monotonic() < deadline:
            stores.run("sweep")
            worker = stores.start("deliver")
            for _ in range(4):
                seen = len(sink.arrived)
                while len(sink.arrived) < seen + 25 and worker.poll() is None and time.monotonic() < deadline:
                    time.sleep(0.005)
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            worker.communicate(timeout=60)
    assert stores.run("states") == {"delivered": 300}
    assert set(Counter(one.headers["webhook-id"] for one in sink.arrived).values()) == {1}
