"""The launcher: what it refuses, what it restarts, what it leaves behind."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from arbedge.run.mode import UnusableRun, environment, mode_read, run_secrets, stores
from arbedge.run.ports import free_ports
from arbedge.run.processes import Process, processes
from arbedge.run.supervisor import Supervisor

ROOT = Path(__file__).resolve().parents[2]


def ports() -> dict[str, str]:
    return dict(zip(("WEB_PORT", "FLOWER_PORT", "SANDBOX_PORT"), map(str, free_ports(3)), strict=True))


def test_modes_never_share_state(tmp_path: Path) -> None:
    environ = ports() | {"VAR_DIR": str(tmp_path)}
    sandbox = mode_read(environ, live=False)
    live = mode_read(environ, live=True)
    replay = mode_read(environ | {"REPLAY": str(tmp_path), "REPLAY_AT": "2023-08-16T05:19:27Z"}, live=False)
    assert {mode.folder.name for mode in (sandbox, live, replay)} == {"sandbox", "live", "replay"}
    assert "sandbox" not in live.urls
    env = environment(
        live, base={}, secret=run_secrets(live.folder), **dict(zip(("state", "cache"), stores(live, "x"), strict=True))
    )
    assert env["SANDBOX_URL"] == ""
    assert str(live.folder) in env["DATABASE_URL"]
    assert "SMTP_HOST" not in env


def test_secrets_stay_and_are_the_owners_alone(tmp_path: Path) -> None:
    made = run_secrets(tmp_path)
    assert run_secrets(tmp_path) == made
    # A folder of an earlier version lacks what is new, and keeps the rest.
    (tmp_path / "secrets.json").write_text(json.dumps({"SECRET_KEY": made["SECRET_KEY"]}))
    again = run_secrets(tmp_path)
    assert (again["SECRET_KEY"], again.keys()) == (made["SECRET_KEY"], made.keys())
    assert again == run_secrets(tmp_path)
    assert (tmp_path / "secrets.json").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("environ", "live", "message"),
    [
        ({"WEB_PORT": "http"}, False, "not a port"),
        ({"REPLAY": "/no/such/folder", "REPLAY_AT": "2023-08-16T05:19:27Z"}, False, "not a folder"),
        ({"REPLAY": "."}, False, "needs both"),
        ({"REPLAY": ".", "REPLAY_AT": "yesterday"}, False, "not a moment"),
        ({"REPLAY": ".", "REPLAY_AT": "2023-08-16T05:19:27"}, False, "not a moment"),
        ({"REPLAY": ".", "REPLAY_AT": "2023-08-16T05:19:27Z"}, True, "not replayed"),
        ({"WEB_PORT": "4999", "FLOWER_PORT": "4999"}, False, "asked for twice"),
    ],
)
def test_an_unusable_run_says_why(environ: dict[str, str], live: bool, message: str) -> None:
    with pytest.raises(UnusableRun, match=message):
        mode_read(ports() | environ, live=live)


def test_a_port_in_use_is_named_with_the_way_out() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(UnusableRun, match=f"Port {port} is in use.*WEB_PORT=PORT"):
            mode_read(ports() | {"WEB_PORT": str(port)}, live=False)


def test_what_is_killed_comes_back_and_nothing_is_left_after_the_stop(tmp_path: Path) -> None:
    said: list[str] = []
    # A worker with a pool child, which must not outlive it.
    script = (
        "import subprocess, sys, time; subprocess.Popen(['sleep', '600']); print('up', flush=True); time.sleep(600)"
    )

    async def scene() -> tuple[int, int]:
        supervisor = Supervisor(logs=tmp_path, cwd=Path.cwd(), say=said.append)
        await supervisor.start(Process("one", (sys.executable, "-c", script)), os.environ)
        first = supervisor.pids()["one"]
        await until(lambda: "up" in (tmp_path / "one.log").read_text())
        os.kill(first, signal.SIGKILL)
        await until(lambda: supervisor.pids().get("one", first) != first)
        second = supervisor.pids()["one"]
        await until(lambda: (tmp_path / "one.log").read_text().count("up") == 2)
        await supervisor.stop_all()
        return first, second

    first, second = asyncio.run(scene())
    assert "killed by SIGKILL" in said[0]
    # A kill is carried out a moment after it was sent.
    asyncio.run(until(lambda: alive_in_groups({first, second}) == [], seconds=5))


def test_every_queue_has_a_worker() -> None:
    import celeryconfig

    served = {
        queue
        for process in processes(web_port=1, flower_port=2, streaming=True)
        if "-Q" in process.argv
        for queue in process.argv[process.argv.index("-Q") + 1].split(",")
    }
    assert served == {queue.name for queue in celeryconfig.task_queues}


def _group(process: psutil.Process) -> int | None:
    try:
        return None if process.status() == psutil.STATUS_ZOMBIE else os.getpgid(process.pid)
    except (psutil.NoSuchProcess, ProcessLookupError):
        return None  # it ended while we looked


def alive_in_groups(groups: set[int]) -> list[str]:
    """Command lines of what still runs in these process groups; the dead that nobody has reaped don't count."""
    return [" ".join(process.cmdline()) for process in psutil.process_iter() if _group(process) in groups]


async def until(true: object, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it did not happen"
        await asyncio.sleep(0.02)


def test_make_hands_on_only_what_is_set() -> None:
    # Flower reads every FLOWER_* of its environment, and stops at an empty one.
    names = ("WEB_PORT", "FLOWER_PORT", "SANDBOX_PORT", "REPLAY", "REPLAY_AT", "PROFILE")
    bare = {name: value for name, value in os.environ.items() if name not in names}
    command = ("make", "--no-print-directory", "--eval=show:;@env", "show")
    shown = subprocess.run(command, cwd=ROOT, env=bare, capture_output=True, text=True, check=True).stdout.splitlines()
    assert not [line for line in shown if line.startswith(tuple(f"{name}=" for name in names))]
    given = subprocess.run((*command, "FLOWER_PORT=5"), cwd=ROOT, env=bare, capture_output=True, text=True, check=True)
    assert "FLOWER_PORT=5" in given.stdout.splitlines()
