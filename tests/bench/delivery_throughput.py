"""Deliveries a second that two sending workers keep up: real rows, real Redis, signed webhooks to the sandbox.

1,000 people have a webhook each, on 20 hosts, and no limit is lifted. The control is a bare pooled aiohttp client that
posts the same bodies with the same headers to the same sandbox, right after. BENCH_DELIVERIES says how many."""

import asyncio
import os
import time
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import aiohttp
from django.conf import settings
from django.db.models import Max

from apps.accounts.models import User
from apps.core import clock
from apps.notifications import tasks
from apps.notifications.channels.webhook import secret_new
from apps.notifications.enums import DeliveryState
from apps.notifications.models import Delivery
from apps.notifications.services import endpoint_create, notifications_create, templates_seed
from apps.notifications.types import NotificationDraft
from tests.bench.stand import on_each_database, workers
from tests.installation import until
from tests.notifications.people import FACTS
from tests.sandbox_process import Sandbox, sandbox_run

COUNT = int(os.environ.get("BENCH_DELIVERIES", "10000"))
ENDPOINTS = 1_000
HOSTS = 20
SENDERS = 2
PROFILE = "high_performance"
# Per minute, and as a share of the bare client.
PROMISED = {"sqlite": (30_000, 0.06), "postgresql": (60_000, 0.12)}
RING_S = 0.5
PATIENCE_S = 120.0


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
        hosts = [sandbox.netloc.replace("127.0.0.1", f"127.0.0.{number}") for number in range(1, HOSTS + 1)]
        settings.OUTBOUND_ALLOW = hosts
        _owe(_people(hosts, sandbox))
        with workers({"notify-fast": SENDERS}, OUTBOUND_ALLOW=",".join(hosts)):
            begun = clock.wall_now()
            delivered = Delivery.objects.filter(state=DeliveryState.DELIVERED)
            until(lambda: _rung(delivered.count()) == COUNT, seconds=PATIENCE_S, every=RING_S)
            ended = delivered.aggregate(last=Max("finished_at"))["last"]
        arrived = sandbox.received("webhook")
        _check(arrived)
        control = asyncio.run(_control(arrived, hosts))
    value = COUNT / (ended - begun).total_seconds()
    yield {
        "value": round(value),
        "unit": "1/s",
        "control": round(control),
        "ratio": round(value / control, 3),
        "per_minute": round(value * 60),
        "deliveries": COUNT,
        "endpoints": ENDPOINTS,
        "senders": SENDERS,
    }


def _rung(delivered: int) -> int:
    """Ring for every sender, as the sweep does; who is at it already takes no notice."""
    for _ in range(2 * SENDERS):
        tasks.deliver.apply_async(kwargs={"priority": "high"}, queue="notify.high")
    return delivered


def _people(hosts: list[str], sandbox: Sandbox) -> list[User]:
    people = User.objects.bulk_create(User(email=f"reader{number}@example.test") for number in range(ENDPOINTS))
    secrets = {}
    for number, person in enumerate(people):
        name = f"reader/{number}"
        secrets[name] = secret_new()
        endpoint_create(
            user_id=person.pk,
            channel="webhook",
            address=f"http://{hosts[number % len(hosts)]}/_sandbox/hooks/{name}",
            credentials={"secret": secrets[name]},
            verified=True,
        )
    sandbox.secrets(secrets)
    return people


def _owe(people: list[User]) -> None:
    """One opportunity after another, each to everybody, as distribution does."""
    until_then = clock.now() + timedelta(hours=1)
    for begin in range(0, COUNT, ENDPOINTS):
        told = people[: COUNT - begin]
        facts = FACTS | {"symbol": f"COIN{begin}/USDT"}
        notifications_create(
            drafts=[
                NotificationDraft(person.pk, "opportunity", facts, "high", f"bench:{begin}:{person.pk}", until_then)
                for person in told
            ],
            now=clock.now(),
        )


def _check(arrived: list[dict[str, Any]]) -> None:
    ids = {one["headers"]["webhook-id"] for one in arrived}
    if not len(arrived) == len(ids) == COUNT or not all(one["signature_ok"] for one in arrived):
        raise AssertionError(f"{len(arrived)} arrived, {len(ids)} of them different, {COUNT} were owed")


async def _control(arrived: list[dict[str, Any]], hosts: list[str]) -> float:
    """Posts a second."""
    gate = asyncio.Semaphore(settings.DELIVERY_PROFILES[PROFILE]["concurrency"])

    async def post(client: aiohttp.ClientSession, one: Mapping[str, Any]) -> None:
        number = int(one["to"].rpartition("/")[2])
        url = f"http://{hosts[number % len(hosts)]}/_sandbox/hooks/{one['to']}"
        async with gate, client.post(url, data=one["raw"].encode(), headers=kept(one["headers"])) as answer:
            await answer.read()
            if answer.status != 200:
                raise AssertionError(f"the control was answered {answer.status}")

    def kept(headers: Mapping[str, str]) -> dict[str, str]:
        return {name: value for name, value in headers.items() if name not in ("host", "content-length")}

    begun = time.perf_counter()
    async with aiohttp.ClientSession() as client:
        await asyncio.gather(*(post(client, one) for one in arrived))
    return len(arrived) / (time.perf_counter() - begun)
