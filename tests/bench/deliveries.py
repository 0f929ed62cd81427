"""Deliveries a second from due rows to result rows, against the bare client posting the same bodies."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import aiohttp
from django.conf import settings
from django.core.management import call_command

from apps.core import clock, loop
from apps.core.limits import Limit
from apps.notifications.channels.webhook import WebhookChannel
from apps.notifications.enums import DeliveryState
from apps.notifications.models import Delivery
from apps.notifications.services import deliver, templates_seed
from apps.notifications.services.profiles import profile
from tests.notifications.people import endpoint_new, notification_new, user_new
from tests.notifications.sink import Sink, sink_run

COUNT = 500
ENDPOINTS = 50
# The channel's own limits would be what is measured.
WIDE = (Limit(100_000, 1),)


def figures() -> Iterator[dict[str, Any]]:
    """Webhooks to a sink in the same process, which the control shares."""
    call_command("migrate", verbosity=0)
    templates_seed()
    WebhookChannel.provider_limits = WebhookChannel.endpoint_limits = WIDE
    with sink_run() as sink:
        settings.OUTBOUND_ALLOW = [sink.netloc]
        _owe(sink)
        begun = time.perf_counter()
        while Delivery.objects.filter(state=DeliveryState.PENDING).exists():
            deliver(priority="high")
        value = COUNT / (time.perf_counter() - begun)
        delivered = Delivery.objects.filter(state=DeliveryState.DELIVERED).count()
        if not delivered == COUNT == len(sink.arrived):
            raise AssertionError(f"{delivered} delivered, {len(sink.arrived)} arrived, {COUNT} owed")
        control = _control([(one.path, one.body) for one in sink.arrived], sink)
    yield {
        "bench": "deliveries",
        "value": round(value),
        "unit": "1/s",
        "control": round(control),
        "ratio": round(value / control, 3),
    }


def _owe(sink: Sink) -> None:
    people = [user_new() for _ in range(ENDPOINTS)]
    for number, person in enumerate(people):
        endpoint_new(person, "webhook", f"{sink.url}/{number}")
    for number in range(COUNT):
        notification_new(people[number % ENDPOINTS], now=clock.now())


def _control(bodies: list[tuple[str, bytes]], sink: Sink) -> float:
    async def post_all() -> None:
        gate = asyncio.Semaphore(profile().concurrency)

        async def post(client: aiohttp.ClientSession, path: str, body: bytes) -> None:
            async with gate, client.post(sink.url + path, data=body) as answer:
                await answer.read()

        async with aiohttp.ClientSession() as client:
            await asyncio.gather(*(post(client, path, body) for path, body in bodies))

    begun = time.perf_counter()
    loop.run(post_all(), timeout=60)
    return len(bodies) / (time.perf_counter() - begun)
