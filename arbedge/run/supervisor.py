"""Keeps child processes alive: restarts what dies, with back-off, and ends everything when asked to."""

import asyncio
import ctypes
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from arbedge.run.processes import Process

_PR_SET_PDEATHSIG = 1
# How long a child may finish what it holds before it is killed; deliveries in flight are bounded by their own timeouts.
GRACE_SECONDS = 20.0
# A child that lived this long is healthy: its next death starts the back-off anew.
_HEALTHY_SECONDS = 30.0
_MAX_BACKOFF_SECONDS = 15.0


@dataclass
class _Child:
    process: Process
    env: Mapping[str, str]
    show: bool
    handle: asyncio.subprocess.Process | None = None
    watcher: "asyncio.Task[None] | None" = None
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    deaths: list[int] = field(default_factory=list)


class Supervisor:
    """Children live in process groups of their own, so that a Ctrl-C at the terminal reaches only this process,
    which then stops them in order. They die with it even if it is killed (Linux)."""

    def __init__(self, *, logs: Path, cwd: Path, say: Callable[[str], None]) -> None:
        self._logs = logs
        self._cwd = cwd
        self._say = say
        self._children: dict[str, _Child] = {}
        logs.mkdir(parents=True, exist_ok=True)

    async def start(self, process: Process, env: Mapping[str, str], *, show: bool = False) -> None:
        """Start one child and keep it running; with `show` its output goes to the terminal instead of its log."""
        child = _Child(process, env, show)
        self._children[process.name] = child
        await self._spawn(child)
        child.watcher = asyncio.create_task(self._keep(child), name=f"keep-{process.name}")

    def pids(self) -> dict[str, int]:
        """Name to process id of every child that is running."""
        return {
            name: child.handle.pid
            for name, child in self._children.items()
            if child.handle is not None and child.handle.returncode is None
        }

    async def stop(self, names: list[str]) -> None:
        """Ask these children to finish, wait, kill what is left of their groups; later names stop later."""
        for name in names:
            self._children[name].stopping.set()
        await asyncio.gather(*(self._stop(self._children[name]) for name in names))

    async def stop_all(self) -> None:
        """Stop everything, newest first, the stores last."""
        stores = [name for name in self._children if name.startswith("redis") or name == "sandbox"]
        await self.stop([name for name in self._children if name not in stores])
        await self.stop(stores)

    async def _spawn(self, child: _Child) -> None:
        output = None if child.show else self._open_log(child.process.name)
        try:
            child.handle = await asyncio.create_subprocess_exec(
                *child.process.argv,
                env=dict(child.env),
                cwd=self._cwd,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output if not child.show else None,
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )
        finally:
            if output is not None:
                os.close(output)
        # For people and drills who want to know which process is which; whole at any moment.
        note = self._logs.parent / "pids.json"
        fresh = note.with_suffix(".new")
        fresh.write_text(json.dumps(self.pids(), indent=2) + "\n")
        fresh.replace(note)

    async def _keep(self, child: _Child) -> None:
        while True:
            assert child.handle is not None
            started = time.monotonic()
            code = await child.handle.wait()
            # Pool children of a killed worker would go on with its messages: end the whole group.
            _kill_group(child.handle.pid)
            if child.stopping.is_set():
                return
            if time.monotonic() - started > _HEALTHY_SECONDS:
                child.deaths.clear()
            child.deaths.append(code)
            pause = min(_MAX_BACKOFF_SECONDS, 0.5 * 2 ** (len(child.deaths) - 1))
            self._say(f"{child.process.name} {_ending(code)}; starting it again in {pause:g} s "
                      f"(log: {self._log_path(child.process.name)})")  # fmt: skip
            with suppress(TimeoutError):
                await asyncio.wait_for(child.stopping.wait(), pause)
                return
            await self._spawn(child)

    async def _stop(self, child: _Child) -> None:
        handle = child.handle
        if handle is not None and handle.returncode is None:
            handle.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(asyncio.shield(handle.wait()), GRACE_SECONDS)
            except TimeoutError:
                logging.getLogger(__name__).warning("%s did not stop in time: killed", child.process.name)
                _kill_group(handle.pid)
                await handle.wait()
        if child.watcher is not None:
            child.watcher.cancel()
            await asyncio.gather(child.watcher, return_exceptions=True)
        if handle is not None:
            _kill_group(handle.pid)

    def _log_path(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def _open_log(self, name: str) -> int:
        return os.open(self._log_path(name), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return  # nobody is left: what we wanted


def _ending(code: int) -> str:
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"
