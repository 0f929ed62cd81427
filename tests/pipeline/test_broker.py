"""Messages on the broker that the settings name: each lands on its own queue and nowhere else."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from celery import current_app, signals
from celery.contrib.testing.worker import start_worker
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


def waiting(channel: StdChannel, name: str) -> list[str]:
    """Names of the tasks whose messages wait on the queue; they are taken off it."""
    found = []
    bound = app.amqp.queues[name](channel)
    while (message := bound.get(no_ack=True)) is not None:
        found.append(message.headers["task"])
    return found


@pytest.mark.parametrize("name", [name for name in QUEUES if name.startswith("notify.")])
def test_a_message_lands_on_its_queue_only(channel: StdChannel, name: str) -> None:
    kwargs = {"priority": name.removeprefix("notify.")}
    assert queue.ring("apps.notifications.tasks.deliver", key=name, queue=name, kwargs=kwargs)
    assert {other: waiting(channel, other) for other in QUEUES} == {
        other: ["notifications.deliver"] if other == name else [] for other in QUEUES
    }


def test_tasks_go_to_the_queue_they_declare(channel: StdChannel) -> None:
    assert queue.ring("apps.markets.tasks.poll")
    assert queue.ring("apps.opportunities.tasks.detect")
    assert waiting(channel, "market") == ["markets.poll"]
    assert waiting(channel, "detect") == ["opportunities.detect"]
    assert waiting(channel, "default") == []


@pytest.mark.django_db(transaction=True)
def test_a_worker_takes_and_runs_it(channel: StdChannel) -> None:
    ran: list[str] = []
    done = threading.Event()

    def note(sender: object = None, **_: object) -> None:
        ran.append(getattr(sender, "name", ""))
        done.set()

    signals.task_postrun.connect(note, weak=False)
    try:
        with start_worker(app, queues=["default"], pool="solo", perform_ping_check=False, loglevel="WARNING"):
            assert queue.ring("apps.opportunities.tasks.prune")
            assert done.wait(timeout=20)
    finally:
        signals.task_postrun.disconnect(note)
    assert ran == ["opportunities.prune"]
    assert waiting(channel, "default") == []


def test_any_thread_publishes_with_our_application() -> None:
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(current_app._get_current_object).result() is app
