"""What benches of whole paths stand on: each database in turn, and the installation's own worker processes."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psutil
import psycopg

from arbedge.run.processes import Process, processes

_POSTGRESQL = "postgres://postgres@127.0.0.1:5432/postgres"
_READY_S = 60.0
_MB = 1024 * 1024


def on_each_database(
    bench: str, *, only: Collection[str] = ("sqlite", "postgresql"), **environ: str
) -> Iterator[dict[str, Any]]:
    """The figures of `tests.bench.<bench>.measure()`, once in a process of its own on each database of `only`.

    PostgreSQL is the server that DATABASE_URL names, else the usual local one; where none answers, the line says so. A
    database of the bench's own is made there, and dropped in the end."""
    # Here, as whoever is measured is to stand on these stores and not to make new ones.
    from tests.bed import GIVEN

    if "sqlite" in only:
        with _sqlite(bench) as url:
            yield from _measured(bench, "sqlite", url, environ)
    if "postgresql" not in only:
        return
    given = GIVEN.get("DATABASE_URL", "")
    server = given if given.startswith("postgres") else _POSTGRESQL
    try:
        psycopg.connect(server, connect_timeout=3).close()
    except psycopg.Error as error:
        yield {"bench": bench, "database": "postgresql", "left_out": f"no server answers: {error}".splitlines()[0]}
        return
    with _database_of_its_own(server) as url:
        yield from _measured(bench, "postgresql", url, environ)


@contextmanager
def _sqlite(bench: str) -> Iterator[str]:
    path = _folder() / f"{bench}.sqlite3"
    yield f"sqlite:///{path}"
    for left in path.parent.glob(f"{path.name}*"):
        left.unlink()


@contextmanager
def _database_of_its_own(server: str) -> Iterator[str]:
    name = f"arbedge_bench_{os.getpid()}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name}")
        connection.execute(f"CREATE DATABASE {name}")
        try:
            yield urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _measured(bench: str, database: str, url: str, environ: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    process = subprocess.Popen(
        (sys.executable, "-m", "tests.bench.measure", bench),
        env=os.environ | environ | {"DATABASE_URL": url},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("{"):
                yield {"bench": bench, "database": database, **json.loads(line)}
        if process.wait():
            raise AssertionError(f"{bench} on {database} ended with status {process.returncode}")
    finally:
        process.terminate()
        process.wait()


@contextmanager
def workers(names: Mapping[str, int], **environ: str) -> Iterator[dict[str, psutil.Process]]:
    """So many of the installation's processes of each name, as `make run` starts them; entered when all are ready."""
    known = {process.name: process for process in processes(web_port=0, flower_port=0, streaming=False)}
    wanted = [_numbered(known[name], number) for name, count in names.items() for number in range(count)]
    running: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for process in wanted:
            with (_folder() / f"{process.name}.log").open("wb") as log:
                running[process.name] = subprocess.Popen(
                    process.argv, env=os.environ | environ, stdout=log, stderr=log, start_new_session=True
                )
        for name, child in running.items():
            _wait_ready(_folder() / f"{name}.log", child)
        yield {name: psutil.Process(child.pid) for name, child in running.items()}
    finally:
        for child in running.values():
            child.terminate()
        for child in running.values():
            child.wait(timeout=60)


def resident_mb(process: psutil.Process) -> float:
    """MB of memory that the process holds."""
    return float(process.memory_info().rss) / _MB


def percentile(values: list[float], share: float) -> float:
    """The value that so much of them does not exceed (nearest rank)."""
    ranked = sorted(values)
    return ranked[max(0, -int(-share * len(ranked) // 1) - 1)]


def _folder() -> Path:
    return Path(os.environ["VAR_DIR"])


def _numbered(process: Process, number: int) -> Process:
    """Another of the same; Celery knows its workers by their names."""
    name = f"{process.name}-{number}"
    return replace(
        process, name=name, argv=tuple(part.replace(f"{process.name}@", f"{name}@") for part in process.argv)
    )


def _wait_ready(log: Path, child: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + _READY_S
    while " ready." not in (said := log.read_text(errors="replace")):
        if child.poll() is not None or time.monotonic() > deadline:
            raise AssertionError(f"a worker did not start:\n{said[-3000:]}")
        time.sleep(0.05)
