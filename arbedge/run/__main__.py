"""`python -m arbedge.run [--live]`: start everything, tell in words what happens, stop cleanly on Ctrl-C."""

import argparse
import asyncio
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import requests
from rich.console import Console
from rich.table import Table

from arbedge.run.mode import ROOT, Mode, UnusableRun, environment, mode_read, process_environ, run_secrets, stores
from arbedge.run.processes import Process, processes
from arbedge.run.redis_server import RedisUnavailable
from arbedge.run.supervisor import Supervisor

# Lines stay lines where they are not read by a person but by a program or a log.
console = Console(highlight=False, soft_wrap=True)


def main() -> int:
    """Parse, run, answer with an exit status."""
    parser = argparse.ArgumentParser(prog="python -m arbedge.run", description=__doc__)
    parser.add_argument("--live", action="store_true", help="real exchanges' public data instead of the sandbox")
    live: bool = parser.parse_args().live
    try:
        mode = mode_read(os.environ, live=live)
        lock = _only_run(mode)
        if mode.name == "replay":
            # Rows of an earlier replay lie in the future of this one's clock.
            shutil.rmtree(mode.folder, ignore_errors=True)
        asyncio.run(_run(mode))
    except (UnusableRun, RedisUnavailable) as problem:
        console.print(f"[bold red]Can't run:[/] {problem}")
        return 1
    lock.close()
    console.print("Stopped. Nothing was left running.")
    return 0


async def _run(mode: Mode) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    supervisor = Supervisor(logs=mode.folder / "log", cwd=ROOT, say=lambda text: console.print(f"[yellow]{text}[/]"))
    story = asyncio.create_task(_start(mode, supervisor))
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({story, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if story.done():
            story.result()
            await stopped
    finally:
        story.cancel()
        await asyncio.gather(story, return_exceptions=True)
        if supervisor.pids():
            console.print("\nStopping: workers finish what they hold …")
        await supervisor.stop_all()


async def _start(mode: Mode, supervisor: Supervisor) -> None:
    secret = run_secrets(mode.folder)
    state, cache = stores(mode, secret["REDIS_PASSWORD"])
    env = environment(mode, base=process_environ(), secret=secret, state=state, cache=cache)
    console.print(f"ArbEdge, mode [bold]{mode.name}[/]. State and logs: {mode.folder}")
    if mode.name == "live":
        console.print("Asking the exchanges …")
        console.print(await _manage(env, "exchanges_reach"))
    for name, server in (("redis-state", state), ("redis-cache", cache)):
        await supervisor.start(Process(name, tuple(server.command())), env)
        await asyncio.to_thread(server.wait_ready)
    if mode.has_sandbox:
        await supervisor.start(Process("sandbox", _sandbox_argv(mode)), env)
        log = mode.folder / "log" / "sandbox.log"
        await _answers(f"{mode.urls['sandbox']}/_sandbox/health", seconds=30, log=log)
        for line in log.read_text().splitlines():
            if "refused" in line:
                console.print(f"[yellow]{line}[/]")
    console.print("Preparing the database …")
    await _manage(env, "setup")
    await _manage(env, "seed_demo", "--out", str(mode.folder.parent / "demo.json"), *_pairs("--url", mode.urls))
    # For commands of people and drills: what to set to talk to this run's stores.
    note = mode.folder / "run.json"
    note.touch(mode=0o600)
    note.write_text(json.dumps({"env": {name: env[name] for name in sorted(env) if env[name] != os.environ.get(name)}}))
    # A replay's clock stands at REPLAY_AT until the processes that read it are about to start.
    env["REPLAY_STARTED_AT"] = f"{time.time():.3f}" if mode.replay_at else ""
    streaming = bool(env.get("STREAM_EXCHANGES", "").strip(" ,"))
    for process in processes(web_port=mode.web_port, flower_port=mode.flower_port, streaming=streaming):
        await supervisor.start(process, env)
    await supervisor.start(Process("story", (sys.executable, "manage.py", "story")), env, show=True)
    await _answers(f"{mode.urls['web']}/api/v1/health", seconds=60, log=mode.folder / "log" / "web.log")
    _welcome(mode, secret)


def _sandbox_argv(mode: Mode) -> tuple[str, ...]:
    replay = ("--replay", mode.replay, "--replay-at", mode.replay_at) if mode.replay else ()
    ports = ("--port", str(mode.sandbox_port), "--smtp-port", str(mode.smtp_port))
    return (sys.executable, "-m", "sandbox", *ports, *replay)


async def _manage(env: Mapping[str, str], command: str, *arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "manage.py",
        command,
        *arguments,
        env=dict(env),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        output, _ = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    text = output.decode(errors="replace").strip()
    if process.returncode:
        said = text.removeprefix("CommandError: ")
        raise UnusableRun(said or f"`manage.py {command}` ended with status {process.returncode}.")
    return text


async def _answers(url: str, *, seconds: float, log: Path) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            (await asyncio.to_thread(requests.get, url, timeout=2)).raise_for_status()
            return
        except requests.RequestException as error:
            if time.monotonic() > deadline:
                raise UnusableRun(f"{url} does not answer ({error}); see {log}") from error
            await asyncio.sleep(0.2)


def _pairs(option: str, values: Mapping[str, str]) -> list[str]:
    return [word for name, value in values.items() for word in (option, f"{name}={value}")]


def _only_run(mode: Mode) -> IO[str]:
    mode.folder.parent.mkdir(parents=True, exist_ok=True)
    lock = (mode.folder.parent / f"{mode.name}.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as held:
        raise UnusableRun(f"Another run in mode {mode.name} is using {mode.folder}: stop it first.") from held
    return lock


def _welcome(mode: Mode, secret: Mapping[str, str]) -> None:
    people = json.loads((mode.folder.parent / "demo.json").read_text())["users"]
    table = Table("sign in as", "password", "tier", "role", box=None, pad_edge=False)
    for person in people:
        table.add_row(person["email"], person["password"], person["tier"], person["role"])
    web = mode.urls["web"]
    console.print(table)
    console.print(
        f"Admin    {web}/admin/\n"
        f"API      {web}/api/docs/   (tokens: {mode.folder.parent / 'demo.json'})\n"
        f"Health   {web}/api/v1/health/detailed"
    )
    console.print(f"Flower   {mode.urls['flower']}   (operator / {secret['FLOWER_PASSWORD']})")
    if mode.has_sandbox:
        console.print(f"Sandbox  {mode.urls['sandbox']}/_sandbox/received   (what the channels were sent)")
    console.print("[bold green]Ready.[/] What happens from here on is told below; Ctrl-C stops everything.\n")


if __name__ == "__main__":
    sys.exit(main())
