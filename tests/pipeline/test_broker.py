"""Messages on the broker that the settings name: each lands on its own queue and nowhere else."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
from celery import current_app
from django.db import connection
from kombu import Connection
from kombu.transport.base import StdChannel

import celeryconfig
from apps.core import queue
from arbedge.celery import app

QUEUES = [queue.name for queue in celeryconfig.task_queues]


@pytest.fixture
def channel(redis_state: None) -> Iterator[StdChannel]:
    with app.connection_for_write() as connection:
        assert isinstance(connection, Connection)
        for declared in celeryconfig.task_queues:
            declared(connection.default_channel).declare()
            declared(connection.default_channel).purge()
        yield connection.default_channel


def waiting(channel: StdChannel, name: str, task: str) -> int:
    """How many messages for the task wait on the queue; it is emptied. (Delayed rings of other tests may come in.)"""
    found = 0
    bound = app.amqp.queues[name](channel)
    while (message := bound.get(no_ack=True)) is not None:
        found += message.headers["task"] == task
    return found


@pytest.mark.parametrize("name", [name for name in QUEUES if name.startswith("notify.")])
def test_a_message_lands_on_its_queue_only(channel: StdChannel, name: str) -> None:
    kwargs = {"priority": name.removeprefix("notify.")}
    assert queue.ring("apps.notifications.tasks.deliver", key=name, queue=name, kwargs=kwargs)
    counts = {other: waiting(channel, other, "notifications.deliver") for other in QUEUES}
    assert counts == {other: int(other == name) for other in QUEUES}


def test_tasks_go_to_the_queue_they_declare(channel: StdChannel) -> None:
    assert queue.ring("apps.markets.tasks.poll")
    assert queue.ring("apps.opportunities.tasks.detect")
    assert waiting(channel, "market", "markets.poll") == 1
    assert waiting(channel, "detect", "opportunities.detect") == 1
    assert waiting(channel, "default", "markets.poll") == 0


@pytest.mark.django_db(transaction=True)
def test_a_worker_takes_and_runs_it(channel: StdChannel) -> None:
    argv = (
        sys.executable,
        "-m",
        "celery",
        "-A",
        "arbedge.celery",
        "worker",
        "-Q",
        "default",
        "-P",
        "solo",
        "-l",
        "INFO",
    )
    worker = subprocess.Popen(
        argv,
        env=os.environ | {"DATABASE_URL": database_of_the_test()},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    patience = threading.Timer(30, worker.terminate)
    try:
        assert worker.stderr is not None
        assert queue.ring("apps.opportunities.tasks.prune")
        # The test's own time-out ends a wait in vain: the worker is stopped and its output ends.
        patience.start()
        said = []
        for line in worker.stderr:
            said.append(line)
            if "opportunities.prune" in line and "succeeded" in line:
                break
        else:
            pytest.fail("".join(said[-40:]))
    finally:
        patience.cancel()
        worker.terminate()
        worker.communicate(timeout=20)
    assert waiting(channel, "default", "opportunities.prune") == 0


def database_of_the_test() -> str:
    """The address of the database that this test uses, for another process."""
    name = str(connection.settings_dict["NAME"])
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    return urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl()


def test_any_thread_publishes_with_our_application() -> None:
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(lambda: current_app.main).result() == app.main == "arbedge"
