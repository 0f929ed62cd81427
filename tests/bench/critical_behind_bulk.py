"""How long a critical message takes to its provider while 50,000 background ones are being sent, at worst and usually.

Workers of both kinds run as in an installation. The control is the same on the same workers before there is any bulk.
BENCH_BULK says how many."""

import os
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from django.conf import settings

from apps.accounts.models import User
from apps.core import clock
from apps.notifications.enums import DeliveryState
from apps.notifications.models import Delivery
from apps.notifications.services import endpoint_create, notifications_create, templates_seed
from apps.notifications.types import NotificationDraft
from tests.bench.crowd import crowd_make, owe
from tests.bench.stand import on_each_database, workers
from tests.installation import until
from tests.sandbox_process import Sandbox, sandbox_run

BULK = int(os.environ.get("BENCH_BULK", "50000"))
SAMPLES = 20
PAUSE_S = 0.3
PROMISED_S = 2.0
PATIENCE_S = 30.0


def figures() -> Iterator[dict[str, Any]]:
    """A line for each database."""
    for figure in on_each_database("critical_behind_bulk", PROFILE="high_performance"):
        if "value" in figure:
            figure |= {"promised": PROMISED_S, "ok": figure["value"] < PROMISED_S}
        yield figure


def measure() -> Iterator[dict[str, Any]]:
    """On the database of the settings."""
    templates_seed()
    with sandbox_run("--addresses", "20") as sandbox:
        crowd = crowd_make(sandbox, hosts=20)
        settings.SANDBOX_URL, settings.ORIGIN = sandbox.url, "sandbox"
        given = {"SANDBOX_URL": sandbox.url, "OUTBOUND_ALLOW": ",".join((*crowd.hosts, sandbox.netloc))}
        with workers({"notify-fast": 1, "notify-rest": 1}, TELEGRAM_BOT_TOKEN="100:sandbox-bot-token", **given):
            alone = _latencies(sandbox, "alone")
            owe(crowd, BULK, priority="background")
            behind = Delivery.objects.filter(priority="background", state=DeliveryState.PENDING)
            until(lambda: behind.count() < BULK, seconds=PATIENCE_S)
            behind_before = behind.count()
            crowded = _latencies(sandbox, "crowded")
            left = behind.count()
    if not left:
        raise AssertionError("the bulk was gone before the last critical message")
    yield {
        "value": round(max(crowded), 3),
        "unit": "s",
        "control": round(max(alone), 3),
        "ratio": round(max(crowded) / max(alone), 2),
        "median": round(median(crowded), 3),
        "control_median": round(median(alone), 3),
        "bulk": BULK,
        "waiting_at_first": behind_before,
        "waiting_at_last": left,
        "samples": SAMPLES,
    }


def _latencies(sandbox: Sandbox, label: str) -> list[float]:
    """Seconds from the call that owes each message until the provider has it."""
    owed: dict[str, float] = {}
    for number in range(SAMPLES):
        chat = str(10_000 * (1 + (label == "crowded")) + number)
        person = User.objects.create(email=f"{label}{number}@example.test")
        endpoint_create(user_id=person.pk, channel="telegram", address=chat, credentials={}, verified=True)
        facts = {"title": "Critical", "text": "Now"}
        until_then = clock.now() + timedelta(minutes=10)
        owed[chat] = time.time()
        draft = NotificationDraft(person.pk, "notice", facts, "critical", f"{label}:{number}", until_then)
        notifications_create(drafts=[draft], now=clock.now())
        time.sleep(PAUSE_S)

    def arrived() -> dict[str, float]:
        at = {one["to"]: datetime.fromisoformat(one["at"]).timestamp() for one in sandbox.received("telegram")}
        return at if owed.keys() <= at.keys() else {}

    at = until(arrived, seconds=PATIENCE_S)
    return [at[chat] - begun for chat, begun in owed.items()]
