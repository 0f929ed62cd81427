"""The sandbox as a process of its own, as the tests see it."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from arbedge.run.ports import free_ports


@dataclass(frozen=True)
class Sandbox:
    """A running sandbox: its address, its SMTP port and its control API."""

    url: str
    smtp_port: int

    @property
    def netloc(self) -> str:
        """Host and port."""
        return self.url.removeprefix("http://")

    def received(self, provider: str | None = None) -> list[dict[str, Any]]:
        """What arrived at the providers, oldest first."""
        answer = self._call("GET", "received" + (f"?provider={provider}" if provider else ""))
        assert isinstance(answer, list)
        return answer

    def faults(self, faults: list[dict[str, Any]]) -> None:
        """Replace the faults in force."""
        self._call("PUT", "faults", faults)

    def say(self, **said: Any) -> int:
        """Somebody writes to the Telegram bot; the status that its webhook answered."""
        answer = self._call("POST", "telegram/say", said)
        return int(answer["status"])

    def secrets(self, secrets: dict[str, str]) -> None:
        """Tell the webhook receiver the signing secret of each hook."""
        self._call("PUT", "secrets", secrets)

    def subscription(self, name: str) -> dict[str, Any]:
        """A browser's subscription to web push."""
        answer = self._call("GET", f"subscription/{name}")
        assert isinstance(answer, dict)
        return answer

    def service_account(self) -> dict[str, Any]:
        """Firebase's service account, and how often a token was asked for."""
        answer = self._call("GET", "service-account")
        assert isinstance(answer, dict)
        return answer

    def hook_rules(self, rules: dict[str, dict[str, Any]]) -> None:
        """Tell what webhook receivers ask for besides a signature."""
        self._call("PUT", "hook-rules", rules)

    def scenario(self) -> dict[str, Any]:
        """The opportunities and decoys that the market holds."""
        answer = self._call("GET", "scenario")
        assert isinstance(answer, dict)
        return answer

    def limits(self) -> list[dict[str, Any]]:
        """How often providers were called against what they publish."""
        answer = self._call("GET", "limits")
        assert isinstance(answer, list)
        return answer

    def reset(self) -> None:
        """Forget what arrived, the faults and the secrets."""
        self._call("POST", "reset")

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            f"{self.url}/_sandbox/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read()
        return json.loads(text) if text else None


@contextmanager
def sandbox_run(*arguments: str) -> Iterator[Sandbox]:
    """A sandbox on free ports with these extra arguments; ended when the block is left."""
    port, smtp_port = free_ports(2)
    sandbox = Sandbox(f"http://127.0.0.1:{port}", smtp_port)
    process = subprocess.Popen(
        (
            sys.executable,
            "-m",
            "sandbox",
            "--port",
            str(port),
            "--smtp-port",
            str(sandbox.smtp_port),
        )
        + ("--parent", str(os.getpid()), *arguments),
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait(sandbox, process)
        yield sandbox
    finally:
        process.terminate()
        process.wait(timeout=10)


def _wait(sandbox: Sandbox, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            urllib.request.urlopen(f"{sandbox.url}/_sandbox/health", timeout=2).close()
            return
        except (urllib.error.URLError, OSError):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the sandbox did not start (exit status {process.poll()})") from None
            time.sleep(0.05)
