"""A Celery application of the tests' own, with one task that counts its runs in Redis."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from celery import Celery, signals
from celery.contrib.testing.worker import start_worker
from django.conf import settings

from apps.core import redis
from apps.core.queue import answering
from arbedge.celery import app as project

app = Celery("core-tests", task_cls="apps.core.queue:Task", set_as_current=False)
app.conf.update(
    # Redis even where the suite runs on RabbitMQ: these tests count messages by looking into the list. (Celery
    # prefers the environment's CELERY_BROKER_URL to `broker_url`.)
    broker_read_url=settings.REDIS_URL,
    broker_write_url=settings.REDIS_URL,
    task_ignore_result=True,
    task_default_queue="core-tests",
    task_publish_retry_policy={"max_retries": 0},
    # A worker that is told to stop waits for the end of its poll.
    broker_transport_options={"socket_connect_timeout": 1, "socket_timeout": 2, "polling_interval": 0.05},
    worker_hijack_root_logger=False,
)


@signals.setup_logging.connect
def _keep_logging(**_: Any) -> None:
    """A worker that starts in this process leaves pytest's logging alone."""


@app.task(name="tests.work")
def work(what: str = "run") -> None:
    """Count a run."""
    redis.state().rpush("tests:work", what)


@app.task(name="tests.brief", expires=7)
def brief() -> None:
    """Never runs late."""
    redis.state().rpush("tests:work", "brief")


@app.task(name="tests.single")
def single() -> None:
    """Count the run if nobody else runs."""
    with answering("tests.core.work.single", ttl=30) as mine:
        redis.state().rpush("tests:work", "mine" if mine else "busy")


def done() -> list[str]:
    """What has run, in order."""
    return [entry.decode() for entry in redis.state().lrange("tests:work", 0, -1)]  # type: ignore[union-attr]


def waiting() -> int:
    """Messages in the queue."""
    return int(redis.state().llen("core-tests"))


@contextmanager
def worker() -> Iterator[Any]:
    """A worker on a thread of this process."""
    try:
        with start_worker(app, pool="solo", perform_ping_check=False, shutdown_timeout=20) as started:
            yield started
    finally:
        # A worker makes its application everybody's.
        project.set_current()
        project.set_default()


def drain(expected: int) -> list[str]:
    """Work the queue off until `expected` runs are counted and nothing waits."""
    with worker():
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and (len(done()) < expected or waiting()):
            time.sleep(0.02)
    return done()
