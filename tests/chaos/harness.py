"""What every drill needs: an installation under load, and an exact ledger of what arrived."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing, suppress
from typing import Any

from tests.installation import Installation, until

COUNT = 500
CHATS = 50
# The sandbox's Telegram takes 30 messages a second; the rest is room for a lease of a killed worker to run out.
PATIENCE_S = 240.0
SENDER = "notify-fast"


def arrived(running: Installation, label: str) -> Counter[str]:
    """How often each notification of the burst reached its chat."""
    wanted = re.compile(rf"\[({re.escape(label)}-\d+)\]")
    names = (wanted.search(str(item["body"])) for item in running.sandbox.received("telegram"))
    return Counter(found.group(1) for found in names if found)


def kill_during_burst(running: Installation, victim: str) -> dict[str, Any]:
    """Kill -9 `victim` when a fifth of a burst has arrived, wait for all of it, count what was lost or came twice."""
    label = f"kill-{victim}"
    # A slow provider keeps some thirty sends under way, so that a kill of the sender falls into the middle of them.
    running.sandbox.faults([{"host": "api.telegram.org", "latency_s": 1.0}] if victim == SENDER else [])
    making = subprocess.Popen(
        (sys.executable, "-m", "tests.chaos.burst", str(COUNT), str(CHATS), label),
        env=running.env,
        start_new_session=True,
    )
    until(lambda: len(arrived(running, label)) >= COUNT // 5, seconds=PATIENCE_S, lines=running.lines)
    pid = running.pid(victim)
    assert pid is not None, f"{victim} is not running"
    os.kill(pid, signal.SIGKILL)
    killed_at = time.monotonic()
    in_flight = _names(running, label, "sending")
    until(lambda: running.pid(victim) not in (None, pid), seconds=60, lines=running.lines)
    back_s = time.monotonic() - killed_at
    making.wait(timeout=PATIENCE_S)
    with suppress(AssertionError):  # the ledger below says what is missing
        until(lambda: len(arrived(running, label)) >= COUNT, seconds=PATIENCE_S)
    all_s = time.monotonic() - killed_at
    with suppress(AssertionError):
        # What was under way at the kill comes again only when its lease has run out.
        until(lambda: len(_names(running, label, "delivered")) == COUNT, seconds=PATIENCE_S)
    settled_s = time.monotonic() - killed_at
    ledger = arrived(running, label)
    twice = {name for name, times in ledger.items() if times > 1}
    lost = COUNT - len(ledger)
    return {
        "drill": f"kill9.{victim}",
        "promised": COUNT,
        "lost": lost,
        "duplicates": sum(ledger.values()) - len(ledger),
        "in_flight_at_kill": len(in_flight),
        "recovered_s": round(back_s, 1),
        "all_arrived_s": round(all_s, 1),
        "settled_s": round(settled_s, 1),
        # Only the process that sends can have something under way that nobody wrote down. And a message that its maker
        # could not write down was not promised, so the maker has to have ended well.
        "ok": lost == 0 and making.returncode == 0 and twice <= (in_flight if victim == SENDER else set()),
    }


def _names(running: Installation, label: str, state: str) -> set[str]:
    """The notifications of the burst whose delivery is in this state, asked at once and from outside."""
    (path,) = running.var.glob("*/arbedge.sqlite3")
    with closing(sqlite3.connect(path)) as database:
        rows = database.execute(
            "SELECT n.dedupe_key FROM notifications_delivery d"
            " JOIN notifications_notification n ON n.id = d.notification_id"
            " WHERE d.state = ? AND n.dedupe_key LIKE ?",
            (state, f"{label}-%"),
        ).fetchall()
    return {name for (name,) in rows}
