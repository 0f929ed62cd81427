"""The process: its one line, its end."""

import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from sandbox.__main__ import options_parse
from tests.sandbox.conftest import http


@contextmanager
def running(*arguments: str) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [sys.executable, "-m", "sandbox", "--port", "0", "--smtp-port", "0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def first_line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_one_ready_line_and_a_clean_end(number: signal.Signals) -> None:
    with running() as process:
        line = first_line(process)
        assert line.startswith("sandbox ready on http://127.0.0.1:")
        address = line.split()[3]
        assert http(f"{address}/_sandbox/health").json["ok"] is True
        with socket.create_connection(("127.0.0.1", int(address.rsplit(":", 1)[1]))) as idle:
            # A client that stays connected and one whose answer is held up don't hold up the end.
            faults = b'[{"host": "api.bybit.com", "latency_s": 60}]'
            http(f"{address}/_sandbox/faults", method="PUT", body=faults)
            idle.sendall(b"GET /https://api.bybit.com/v5/market/time HTTP/1.1\r\nHost: x\r\n\r\n")
            process.send_signal(number)
            out, err = process.communicate(timeout=10)
        assert (process.returncode, out, err) == (0, "", "")


def test_it_ends_with_its_parent() -> None:
    # The parent starts the sandbox, tells its pid and is gone.
    script = (
        "import os, subprocess, sys\n"
        "p = subprocess.Popen([sys.executable, '-m', 'sandbox', '--port', '0', '--smtp-port', '0',"
        " '--parent', str(os.getpid())], stdout=subprocess.PIPE, text=True)\n"
        "print(p.pid, p.stdout.readline().split()[3], flush=True)\n"
        "sys.stdin.readline()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pid, address = parent.stdout.readline().split()
        assert http(f"{address}/_sandbox/health").json["ok"] is True
        descriptor = os.pidfd_open(int(pid))
        parent.kill()
    try:
        assert select.select([descriptor], [], [], 10)[0], "still running without its parent"
    finally:
        os.close(descriptor)


def test_a_stranger_as_parent_is_watched_too() -> None:
    stranger = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with stranger, running("--parent", str(stranger.pid)) as process:
        first_line(process)
        assert process.poll() is None
        stranger.communicate(b"\n")
        process.wait(timeout=10)
        assert process.returncode == 0


@pytest.mark.parametrize("option", ["--port", "--smtp-port"])
def test_a_taken_port_is_an_error_that_names_it(option: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with running(option, port) as process:
            _, err = process.communicate(timeout=20)
    assert process.returncode == 2
    assert port in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "arguments",
    [
        ["--replay", "a", "--record", "b"],
        ["--replay-at", "2023-01-01T00:00:00Z"],
        ["--replay", "a", "--replay-at", "soon"],
        ["--symbols", "0"],
        ["--port", "x"],
    ],
)
def test_a_command_line_that_cannot_be_meant_is_refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        options_parse(arguments)
    assert ended.value.code == 2
    assert "error" in capsys.readouterr().err


def test_an_empty_moment_is_none_and_a_bare_one_is_utc() -> None:
    assert options_parse(["--replay", "a", "--replay-at", ""]).replay_at is None
    moment = options_parse(["--replay", "a", "--replay-at", "2023-08-16T05:19:27"]).replay_at
    assert moment is not None
    assert moment.isoformat() == "2023-08-16T05:19:27+00:00"
