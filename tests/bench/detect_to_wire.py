"""From a stored snapshot to the provider's socket, on an empty system with an installation's own worker processes:
scan, order books from the exchange, pricing, distribution, delivery.

Each sample lets the same gaps be found anew. Time runs from the moment at which the exchange's answer was received,
which is a little before it is stored, until the sandbox has taken the message. The control is the promise.
BENCH_SAMPLES says how many."""

import os
import time
from collections.abc import Iterator
from datetime import datetime
from statistics import median
from typing import Any

from django.conf import settings

from apps.accounts.enums import UserStatus
from apps.accounts.models import User
from apps.core import events
from apps.distribution.models import Distribution
from apps.markets import services
from apps.markets.enums import SnapshotKind
from apps.markets.events import SnapshotStored
from apps.markets.models import Feed
from apps.notifications.channels.webhook import secret_new
from apps.notifications.models import Delivery, Notification
from apps.notifications.services import endpoint_create, templates_seed
from apps.opportunities.models import Opportunity
from tests.bench.stand import on_each_database, percentile, workers
from tests.installation import until
from tests.sandbox_process import Sandbox, sandbox_run

SAMPLES = int(os.environ.get("BENCH_SAMPLES", "200"))
WARM = 3
EXCHANGES = ("binance", "okx", "kraken")
# The last one to be polled: what it says is the news.
TRIGGER = ("okx", SnapshotKind.SPOT)
# Their messages are spread over so many people, as one is told only so often.
PEOPLE = 20
# Order books are asked for again once they are this old.
PAUSE_S = 1.1
# The other feeds stay new enough for so many samples.
REFRESHED_EVERY = 4
PROMISED_MS = 300.0
PATIENCE_S = 20.0


def figures() -> Iterator[dict[str, Any]]:
    """A line for each database."""
    for figure in on_each_database("detect_to_wire", EXCHANGES=",".join(EXCHANGES)):
        if "value" in figure:
            figure["ok"] = figure["value"] < PROMISED_MS
        yield figure


def measure() -> Iterator[dict[str, Any]]:
    """On the database of the settings."""
    templates_seed()
    with sandbox_run() as sandbox:
        settings.SANDBOX_URL, settings.ORIGIN, settings.OUTBOUND_ALLOW = sandbox.url, "sandbox", [sandbox.netloc]
        services.exchanges_setup()
        for exchange in EXCHANGES:
            services.exchange_sync_markets(exchange=exchange)
        people = _people(sandbox)
        received_at: list[int] = []
        events.subscribe(SnapshotStored, lambda event: received_at.append(event.received_at))
        names = {"market": 1, "detect": 1, "notify-fast": 1}
        with workers(names, SANDBOX_URL=sandbox.url, OUTBOUND_ALLOW=sandbox.netloc):
            taken = [_sample(sandbox, people, number, received_at) for number in range(WARM + SAMPLES)][WARM:]
    yield {
        "value": round(percentile(taken, 0.99)),
        "unit": "ms",
        "control": PROMISED_MS,
        "ratio": round(percentile(taken, 0.99) / PROMISED_MS, 2),
        "p50": round(median(taken)),
        "p95": round(percentile(taken, 0.95)),
        "max": round(max(taken)),
        "samples": len(taken),
    }


def _people(sandbox: Sandbox) -> list[User]:
    people = [User.objects.create(email=f"trader{number}@example.test", tier="premium") for number in range(PEOPLE)]
    for number, person in enumerate(people):
        url = f"{sandbox.url}/_sandbox/hooks/trader/{number}"
        endpoint_create(
            user_id=person.pk, channel="webhook", address=url, credentials={"secret": secret_new()}, verified=True
        )
    return people


def _sample(sandbox: Sandbox, people: list[User], number: int, received_at: list[int]) -> float:
    """Milliseconds to the first message."""
    feeds = Feed.objects.exclude(state="disabled").values_list("exchange_id", "kind")
    for exchange, kind in feeds if number % REFRESHED_EVERY == 0 else ():
        if (exchange, kind) != TRIGGER:
            services.ingest(exchange=exchange, kind=SnapshotKind(kind))
    time.sleep(PAUSE_S)
    for model in (Delivery, Notification, Distribution, Opportunity):
        model._default_manager.all().delete()
    User.objects.update(status=UserStatus.SUSPENDED)
    User.objects.filter(pk=people[number % PEOPLE].pk).update(status=UserStatus.ACTIVE)
    sandbox.reset()
    services.ingest(exchange=TRIGGER[0], kind=TRIGGER[1])
    began_ms = received_at[-1]
    arrived = until(lambda: sandbox.received("webhook"), seconds=PATIENCE_S, every=0.05)
    return datetime.fromisoformat(arrived[0]["at"]).timestamp() * 1000 - began_ms
