"""A whole installation of its own, as `make run` starts it: on free ports, with its state in a folder of its own."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import psutil

from arbedge.run.ports import free_ports
from tests.sandbox_process import Sandbox

T = TypeVar("T")


@dataclass
class Installation:
    """A running installation: its addresses, its people, its processes and what it has said."""

    launcher: "subprocess.Popen[str]"
    var: Path
    lines: list[str] = field(default_factory=list)

    @property
    def demo(self) -> dict[str, Any]:
        """The content of `demo.json`."""
        document: dict[str, Any] = json.loads((self.var / "demo.json").read_text())
        return document

    @property
    def sandbox(self) -> Sandbox:
        """Its outside world (without the mail port: that is the launcher's own)."""
        return Sandbox(self.demo["urls"]["sandbox"], 0)

    @property
    def env(self) -> dict[str, str]:
        """The environment with which a command talks to this installation's stores."""
        (note,) = self.var.glob("*/run.json")
        return os.environ | json.loads(note.read_text())["env"]

    def token(self, tier: str) -> str:
        """The API token of the demo trader of this tier."""
        return next(user["token"] for user in self.demo["users"] if user["tier"] == tier and user["role"] == "user")

    def get(self, path: str, *, token: str | None = None) -> Any:
        """The JSON of a page of the API."""
        headers = {"Authorization": f"Token {token}"} if token else {}
        request = urllib.request.Request(self.demo["urls"]["web"] + path, headers=headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def run(self, *argv: str) -> str:
        """The output of a Python command line run against this installation."""
        return subprocess.run(
            (sys.executable, *argv), env=self.env, capture_output=True, text=True, timeout=120, check=True
        ).stdout

    def pid(self, name: str) -> int | None:
        """The process id of the child of this name, None while it is down."""
        (note,) = self.var.glob("*/pids.json")
        pid: int | None = json.loads(note.read_text()).get(name)
        return pid if pid is not None and psutil.pid_exists(pid) else None

    def stop(self) -> int:
        """Ctrl-C; gives the exit status."""
        if self.launcher.poll() is None:
            self.launcher.send_signal(signal.SIGINT)
        return self.launcher.wait(timeout=90)


@contextmanager
def installation(var: Path, **environ: str) -> Iterator[Installation]:
    """Start, wait until it says that it is ready, stop when the block is left."""
    names = ("WEB_PORT", "FLOWER_PORT", "SANDBOX_PORT")
    ports = {name: str(port) for name, port in zip(names, free_ports(3), strict=True)}
    launcher = subprocess.Popen(
        (sys.executable, "-m", "arbedge.run"),
        env=os.environ | ports | {"VAR_DIR": str(var)} | environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    running = Installation(launcher, var)
    reader = threading.Thread(target=_read, args=(launcher, running.lines), daemon=True)
    reader.start()
    try:
        until(lambda: any("Ready." in line for line in running.lines), seconds=120, alive=launcher, lines=running.lines)
        yield running
    finally:
        running.stop()
        reader.join(timeout=5)


def until(
    true: Callable[[], T],
    *,
    seconds: float,
    alive: "subprocess.Popen[str] | None" = None,
    lines: Sequence[str] = (),
    every: float = 0.2,
) -> T:
    """Wait for `true()` to be so and give its value; raise with what was said if it does not come."""
    deadline = time.monotonic() + seconds
    while True:
        value = true()
        if value:
            return value
        gone = alive is not None and alive.poll() is not None
        if gone or time.monotonic() > deadline:
            raise AssertionError(f"it did not happen within {seconds:g} s\n" + "".join(lines[-40:]))
        time.sleep(every)


def _read(launcher: "subprocess.Popen[str]", lines: list[str]) -> None:
    assert launcher.stdout is not None
    for line in launcher.stdout:
        lines.append(line)  # noqa: PERF402  (others read the list while it grows)
