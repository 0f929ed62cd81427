"""How the stores, the broker and the schedule are; what belongs to one room is probed by that room.

Every probe ends by its own time-out; none changes anything."""

import time
from datetime import datetime
from typing import Any

from celery import current_app
from django.conf import settings
from django.db import connection
from django.db.models import Max
from kombu import Connection

from apps.core import clock, health, redis
from apps.core.health import Health
from apps.core.models import ScheduleSlot

BROKER_TIMEOUT_S = 2
# The shortest schedules run every five seconds: a minute without any means that beat or all its workers are gone.
BEAT_LATE_S = 60.0


def register() -> None:
    """Put every probe of this room under its name."""
    health.register("database", database)
    health.register("redis_state", redis_state)
    health.register("redis_cache", redis_cache)
    health.register("broker", broker)
    health.register("beat", beat)


def database() -> Health:
    """One round trip, the cheapest statement there is."""
    started = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchone()
    return Health("healthy", details={"vendor": connection.vendor, "latency_ms": _ms_since(started)})


def redis_state() -> Health:
    """The store of locks, limits and breakers answers."""
    started = time.perf_counter()
    redis.state().ping()
    return Health("healthy", details={"latency_ms": _ms_since(started)})


def redis_cache() -> Health:
    """The store of snapshots and books answers."""
    started = time.perf_counter()
    redis.cache().ping()
    return Health("healthy", details={"latency_ms": _ms_since(started)})


def broker() -> Health:
    """The broker answers; how many messages wait in each queue (None: the queue does not exist yet)."""
    options = {**current_app.conf.broker_transport_options, "socket_timeout": BROKER_TIMEOUT_S}
    with Connection(
        settings.CELERY_BROKER_URL, connect_timeout=BROKER_TIMEOUT_S, transport_options=options
    ) as messages:
        # Else its second attempt comes two seconds after the first, and whoever asks waits for that.
        messages.ensure_connection(max_retries=1, interval_start=0, timeout=BROKER_TIMEOUT_S)
        waiting = {queue.name: _waiting(messages, queue.name) for queue in current_app.conf.task_queues}
    return Health("healthy", details={"waiting": waiting})


def beat() -> Health:
    """When a worker last claimed a run that beat had scheduled: shows that beat, broker and workers work together."""
    newest: datetime | None = ScheduleSlot.objects.aggregate(newest=Max("claimed_at"))["newest"]
    if newest is None:
        return Health("degraded", reason="no scheduled task has run yet")
    age_s = round((clock.wall_now() - newest).total_seconds(), 1)
    details = {"last_run_age_s": age_s}
    if age_s > BEAT_LATE_S:
        return Health("unhealthy", reason=f"no scheduled task has run for {age_s:.0f} s", details=details)
    return Health("healthy", details=details)


def _ms_since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 2)


def _waiting(messages: Connection, queue: str) -> int | None:
    # A passive declaration of a missing queue closes the channel, so each question has its own.
    channel: Any
    with messages.channel() as channel:
        try:
            return int(channel.queue_declare(queue, passive=True).message_count)
        except messages.channel_errors:
            return None
