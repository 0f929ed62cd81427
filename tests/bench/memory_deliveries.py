"""Memory of the sending workers over 500,000 deliveries: a line after each tenth, with the largest worker's.

The control is what it was after the first tenth, when caches are full. BENCH_DELIVERIES says how many. Rows that have
been sent are deleted, as retention does in the long run."""

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil

from apps.notifications.enums import DeliveryState
from apps.notifications.models import Delivery, Notification
from apps.notifications.services import templates_seed
from arbedge.run.ports import free_ports
from tests.bench.crowd import SIZE, Crowd, crowd_make, owe
from tests.bench.stand import on_each_database, resident_mb, workers

COUNT = int(os.environ.get("BENCH_DELIVERIES", "500000"))
HOSTS = 20
SENDERS = 2
TENTHS = 10
MOST = 1.05
# So many wait at least, so that nobody is ever without work.
WAITING = 5 * SIZE
STALLED_S = 60.0


def figures() -> Iterator[dict[str, Any]]:
    """A line for each tenth."""
    for figure in on_each_database("memory_deliveries", only=("sqlite",), PROFILE="high_performance"):
        if figure.get("ratio") is not None and figure["deliveries"] >= COUNT:
            figure["ok"] = figure["ratio"] <= MOST
        yield figure


def measure() -> Iterator[dict[str, Any]]:
    """On the database of the settings."""
    templates_seed()
    with _receiver() as port:
        crowd = crowd_make(None, hosts=HOSTS, port=port)
        with workers({"notify-fast": SENDERS}, OUTBOUND_ALLOW=",".join(crowd.hosts)) as senders:
            control = 0.0
            begun = time.monotonic()
            for sent in _fed(crowd):
                value = max(resident_mb(sender) for sender in senders.values())
                control = control or value
                yield {
                    "value": round(value, 1),
                    "unit": "MB",
                    "control": round(control, 1),
                    "ratio": round(value / control, 3),
                    "deliveries": sent,
                    "per_second": round(sent / (time.monotonic() - begun)),
                }
        if (taken := _taken(port)) < COUNT:
            raise AssertionError(f"{taken} arrived of {COUNT}")


def _fed(crowd: Crowd) -> Iterator[int]:
    """Keep the senders busy; yields how many have been sent after each tenth."""
    owed = sent = told = 0
    moved = time.monotonic()
    while sent < COUNT:
        if owed < COUNT and owed - sent < WAITING:
            owe(crowd, min(SIZE, COUNT - owed), priority="high", label=f"bench:{owed}")
            owed += min(SIZE, COUNT - owed)
            continue
        done = list(
            Delivery.objects.filter(state=DeliveryState.DELIVERED).values_list("notification_id", flat=True)[:500]
        )
        Notification.objects.filter(pk__in=done).delete()
        sent += len(done)
        if done:
            moved = time.monotonic()
        elif time.monotonic() - moved > STALLED_S:
            raise AssertionError(f"nothing was sent for {STALLED_S:g} s after {sent}")
        else:
            time.sleep(0.2)
        if sent * TENTHS // COUNT > told:
            told = sent * TENTHS // COUNT
            yield sent


@contextmanager
def _receiver() -> Iterator[int]:
    (port,) = free_ports(1)
    process: subprocess.Popen[bytes] = subprocess.Popen(
        (sys.executable, "-m", "tests.bench.receiver", str(port), str(HOSTS)), start_new_session=True
    )
    try:
        while _taken(port) < 0:
            if not psutil.pid_exists(process.pid) or process.poll() is not None:
                raise AssertionError("the receiver did not start")
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=10)


def _taken(port: int) -> int:
    """How many the receiver has; -1 while it does not listen yet."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.{HOSTS}:{port}/", timeout=5) as answer:
            return int(answer.read())
    except (urllib.error.URLError, OSError):
        return -1
