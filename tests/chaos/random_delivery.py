"""Workers and Redis killed at random under a steady stream, while the providers throttle, fail, cut and hang.

Every notification that was promised has to end delivered (and be in the sandbox's ledger), failed with a reason, or
expired. CHAOS_SECONDS (300), CHAOS_RATE (100 a second) and CHAOS_SEED (1) say how long, how many and which dice."""

import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.installation import Installation, installation, until

SECONDS = float(os.environ.get("CHAOS_SECONDS", "300"))
RATE = int(os.environ.get("CHAOS_RATE", "100"))
SEED = int(os.environ.get("CHAOS_SEED", "1"))
LABEL = "drill"
CHANNELS = ("telegram", "webhook", "slack", "discord", "email")
HTTP_HOSTS = ("api.telegram.org", "hooks.slack.com", "discord.com", "hooks.sandbox.test")
# Who is killed, and how often against each other.
SENDERS = {"notify-fast": 4, "notify-rest": 4}
VICTIMS = {**SENDERS, "redis-state": 2, "redis-cache": 1, "default": 1, "beat": 1}
# Seconds between kills: the shorter ones hit what has just come back.
PAUSES_S = (3.0, 12.0)
# Room for what a killed worker held (its lease is a minute), for tries with growing pauses, and for the backlog.
PATIENCE_S = 300.0
# An answer that never comes: longer than any sender waits, and the provider took nothing.
HANG_S = 300.0


@dataclass
class Kills:
    """What was killed, how long each took to come back, and what was under way in those that send."""

    names: list[str] = field(default_factory=list)
    back_s: list[float] = field(default_factory=list)
    in_flight: Counter[str] = field(default_factory=Counter)


def figures() -> Iterator[dict[str, Any]]:
    """One drill on an installation of its own; it watches one exchange, so that the machine is left to the senders."""
    with (
        tempfile.TemporaryDirectory(prefix="arbedge-chaos-") as var,
        installation(Path(var), EXCHANGES="binance") as running,
    ):
        yield _drill(running)


def _drill(running: Installation) -> dict[str, Any]:
    promised_at = running.var / "promised.txt"
    running.sandbox.faults(faults())
    stream = ("-m", "tests.chaos.stream", running.sandbox.url, str(SECONDS), str(RATE), str(SEED), LABEL)
    making = subprocess.Popen((sys.executable, *stream, str(promised_at)), env=running.env, start_new_session=True)
    try:
        until(promised_at.exists, seconds=60, lines=running.lines)
        begun = time.monotonic()
        kills = _killed_at_random(running, making)
        last_kill_at = time.monotonic()
        making.wait(timeout=PATIENCE_S)
        took_s = time.monotonic() - begun
        with suppress(AssertionError):  # what is still open is told below, name by name
            until(lambda: not _open(running), seconds=PATIENCE_S, every=1.0)
        settled_s = time.monotonic() - last_kill_at
    finally:
        # A drill that breaks leaves no stream behind.
        making.kill()
    promised = dict(line.split() for line in promised_at.read_text().splitlines())
    figure = _told(running, promised, kills, made=making.returncode == 0)
    # On a busy machine the stream itself is slower than it should be.
    return figure | {"settled_s": round(settled_s, 1), "per_second": round(len(promised) / took_s, 1)}


def _told(running: Installation, promised: Mapping[str, str], kills: Kills, *, made: bool) -> dict[str, Any]:
    endings = _endings(running)
    ledger = _ledger(running)
    lost = {name for name in promised if not _kept(name, endings, ledger)}
    # A message may come once more for each kill that found it under way.
    twice = {name: times - 1 for name, times in ledger.items() if times > 1}
    unexplained = {name for name, more in twice.items() if more > kills.in_flight[name]}
    limits = running.sandbox.limits()
    exceeded = sum(row["exceeded"] for row in limits)
    for note in (*_notes("lost", lost, endings), *_notes("twice without a kill", unexplained, endings)):
        print(note, file=sys.stderr)
    for row in limits:
        if row["exceeded"]:
            print(f"too often: {row}", file=sys.stderr)
    return {
        "drill": "random_delivery",
        "seed": SEED,
        "seconds": SECONDS,
        "promised": len(promised),
        "lost": len(lost),
        **Counter(endings.get(name, ("missing", ""))[0] for name in promised),
        "duplicates": sum(twice.values()),
        "duplicates_without_a_kill": len(unexplained),
        "in_flight_at_kills": kills.in_flight.total(),
        "kills": dict(Counter(kills.names)),
        "recovered_s": round(max(kills.back_s, default=0.0), 1),
        "limits_exceeded": exceeded,
        # A message that its maker could not write down was not promised, so the maker has to have ended well.
        "ok": made and not lost and not unexplained and not exceeded,
    }


def faults() -> list[dict[str, Any]]:
    """10 % throttled, 5 % failing, 2 % cut, 1 % hanging, in each provider's own words; the host sees none of those."""
    http: list[dict[str, Any]] = [
        {"status": 429, "retry_after": 1},
        {"status": 503},
        {"cut": "before"},
        {"latency_s": HANG_S, "cut": "before"},
    ]
    # RFC 5321 section 4.2.3 has "not now" for a recipient and for the whole service.
    mail: list[dict[str, Any]] = [{"status": 451}, {"status": 421}, {"cut": True}, {"latency_s": HANG_S, "cut": True}]
    rules = [
        {"host": host, "probability": chance, **what}
        for host in HTTP_HOSTS
        for what, chance in zip(http, _chances(), strict=True)
    ]
    return rules + [
        {"host": "smtp", "path": "/RCPT", "probability": chance, **what}
        for what, chance in zip(mail, _chances(), strict=True)
    ]


def _chances() -> list[float]:
    """The first rule that hits is applied, so each sees only what those before it left."""
    left, chances = 1.0, []
    for share in (0.10, 0.05, 0.02, 0.01):
        chances.append(share / left)
        left -= share
    return chances


def _killed_at_random(running: Installation, making: "subprocess.Popen[bytes]") -> Kills:
    """Kill until the stream ends; one at a time may be down, so that each comes back to a house that works."""
    dice = random.Random(SEED)
    kills = Kills()
    while making.poll() is None:
        time.sleep(dice.uniform(*PAUSES_S))
        (victim,) = dice.choices(tuple(VICTIMS), tuple(VICTIMS.values()))
        pid = running.pid(victim)
        if pid is None or making.poll() is not None:
            continue
        os.kill(pid, signal.SIGKILL)
        killed_at = time.monotonic()
        if victim in SENDERS:
            kills.in_flight.update(_sending(running))
        until(lambda: running.pid(victim) not in (None, pid), seconds=60, lines=running.lines)  # noqa: B023
        kills.names.append(victim)
        kills.back_s.append(time.monotonic() - killed_at)
    return kills


def _sending(running: Installation) -> list[str]:
    rows = _rows(running, "WHERE d.state = 'sending'")
    return [name for name, *_ in rows]


def _open(running: Installation) -> bool:
    return bool(_rows(running, "WHERE n.state = 'pending' LIMIT 1"))


def _endings(running: Installation) -> dict[str, tuple[str, str]]:
    """State and reason of each notification; the reason of one that failed is what its delivery says."""
    return {name: (state, reason or error) for name, state, reason, error in _rows(running, "")}


def _kept(name: str, endings: Mapping[str, tuple[str, str]], ledger: Mapping[str, int]) -> bool:
    state, reason = endings.get(name, ("missing", ""))
    return name in ledger if state == "delivered" else state in ("dead", "expired") and bool(reason)


def _ledger(running: Installation) -> Counter[str]:
    """How often each name arrived; a fault's calls never did."""
    wanted = re.compile(rf"{LABEL}\d{{6}}")
    found: Counter[str] = Counter()
    for channel in CHANNELS:
        for item in running.sandbox.received(channel):
            match = wanted.search(str(item["body"]))
            if match is not None:
                found[match[0]] += 1
    return found


def _rows(running: Installation, more: str) -> list[tuple[str, str, str, str]]:
    """Name, state and reasons of the drill's notifications, asked at once and from outside."""
    (path,) = running.var.glob("*/arbedge.sqlite3")
    with closing(sqlite3.connect(path, timeout=30)) as database:
        return database.execute(
            "SELECT n.dedupe_key, n.state, n.reason, d.last_error FROM notifications_notification n"  # noqa: S608
            f" JOIN notifications_delivery d ON n.id = d.notification_id AND n.dedupe_key LIKE '{LABEL}%' {more}"
        ).fetchall()


def _notes(what: str, names: set[str], endings: Mapping[str, tuple[str, str]]) -> Iterator[str]:
    for name in sorted(names)[:10]:
        yield f"{what}: {name} {endings.get(name)}"
