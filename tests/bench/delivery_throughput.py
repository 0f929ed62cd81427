"""Deliveries a second that two sending workers keep up: real rows, real Redis, signed webhooks to the sandbox.

1,000 people have a webhook each, on 20 hosts, and no limit is lifted. The control is a bare pooled aiohttp client that
posts the same bodies with the same headers to the same sandbox, right after. BENCH_DELIVERIES says how many."""

import asyncio
import os
import time
from collections.abc import Iterator, Mapping
from typing import Any

import aiohttp
from django.conf import settings
from django.db.models import Max

from apps.core import clock
from apps.notifications import tasks
from apps.notifications.enums import DeliveryState
from apps.notifications.models import Delivery
from apps.notifications.services import templates_seed
from tests.bench.crowd import SIZE, Crowd, crowd_make, owe
from tests.bench.stand import on_each_database, workers
from tests.installation import until
from tests.sandbox_process import sandbox_run

COUNT = int(os.environ.get("BENCH_DELIVERIES", "10000"))
HOSTS = 20
SENDERS = 2
PROFILE = "high_performance"
# Per minute, and as a share of the bare client.
PROMISED = {"sqlite": (30_000, 0.06), "postgresql": (60_000, 0.12)}
RING_S = 0.5
PATIENCE_S = 300.0


def figures() -> Iterator[dict[str, Any]]:
    """A line for each database."""
    for figure in on_each_database("delivery_throughput", PROFILE=PROFILE):
        if "value" in figure:
            per_minute, share = PROMISED[figure["database"]]
            figure["promised"] = {"per_minute": per_minute, "ratio": share}
            figure["ok"] = figure["per_minute"] >= per_minute and figure["ratio"] >= share
        yield figure


def measure() -> Iterator[dict[str, Any]]:
    """On the database of the settings."""
    templates_seed()
    with sandbox_run("--addresses", str(HOSTS)) as sandbox:
        crowd = crowd_make(sandbox, hosts=HOSTS)
        owe(crowd, COUNT, priority="high")
        with workers({"notify-fast": SENDERS}, OUTBOUND_ALLOW=",".join(crowd.hosts)):
            begun = clock.wall_now()
            delivered = Delivery.objects.filter(state=DeliveryState.DELIVERED)
            until(lambda: _rung(delivered.count()) == COUNT, seconds=PATIENCE_S, every=RING_S)
            ended = delivered.aggregate(last=Max("finished_at"))["last"]
        arrived = sandbox.received("webhook")
        _check(arrived)
        control = asyncio.run(_control(arrived, crowd))
    value = COUNT / (ended - begun).total_seconds()
    yield {
        "value": round(value),
        "unit": "1/s",
        "control": round(control),
        "ratio": round(value / control, 3),
        "per_minute": round(value * 60),
        "deliveries": COUNT,
        "endpoints": SIZE,
        "senders": SENDERS,
    }


def _rung(delivered: int) -> int:
    """Ring for every sender, as the sweep does; who is at it already takes no notice."""
    for _ in range(2 * SENDERS):
        tasks.deliver.apply_async(kwargs={"priority": "high"}, queue="notify.high")
    return delivered


def _check(arrived: list[dict[str, Any]]) -> None:
    ids = {one["headers"]["webhook-id"] for one in arrived}
    if not len(arrived) == len(ids) == COUNT or not all(one["signature_ok"] for one in arrived):
        raise AssertionError(f"{len(arrived)} arrived, {len(ids)} of them different, {COUNT} were owed")


async def _control(arrived: list[dict[str, Any]], crowd: Crowd) -> float:
    """Posts a second."""
    gate = asyncio.Semaphore(settings.DELIVERY_PROFILES[PROFILE]["concurrency"])

    async def post(client: aiohttp.ClientSession, one: Mapping[str, Any]) -> None:
        headers = {name: value for name, value in one["headers"].items() if name not in ("host", "content-length")}
        async with gate, client.post(crowd.url(one["to"]), data=one["raw"].encode(), headers=headers) as answer:
            await answer.read()
            if answer.status != 200:
                raise AssertionError(f"the control was answered {answer.status}")

    begun = time.perf_counter()
    async with aiohttp.ClientSession() as client:
        await asyncio.gather(*(post(client, one) for one in arrived))
    return len(arrived) / (time.perf_counter() - begun)
