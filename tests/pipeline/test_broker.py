"""Messages on the broker that the settings name: each lands on its own queue and nowhere else."""

import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, Queue

import pytest
from celery import current_app
from kombu import Connection
from kombu.transport.base import StdChannel
from pytest_django import Settings

import celeryconfig
from apps.core import clock, queue
from apps.opportunities.models import Opportunity
from arbedge.celery import app
from tests.opportunities.test_detect import many
from tests.opportunities.world import world_of
from tests.other_processes import environment

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
    assert waiting(channel, "market.quotes", "markets.poll") == 1
    assert waiting(channel, "detect", "opportunities.detect") == 1
    assert waiting(channel, "default", "markets.poll") == 0


def worker_of(name: str) -> "subprocess.Popen[str]":
    """A worker process that serves this queue, on the test's own database."""
    worker = (sys.executable, "-m", "celery", "-A", "arbedge.celery", "worker", "-n", f"{uuid.uuid4().hex}@%h")
    argv = (*worker, "-Q", name, "-P", "solo", "-l", "INFO")
    # Whatever the machine is busy with, quotes of this test are young enough.
    env = environment(MAX_QUOTE_AGE_S="120")
    return subprocess.Popen(argv, env=env, stderr=subprocess.PIPE, text=True, start_new_session=True)


@pytest.mark.django_db(transaction=True)
def test_a_worker_takes_and_runs_it(channel: StdChannel) -> None:
    worker = worker_of("default")
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


@pytest.mark.django_db(transaction=True)
def test_ten_detect_messages_at_once_give_one_scan(channel: StdChannel, settings: Settings) -> None:
    """Two workers take ten messages while a scan is under way: when that is done there is one more, for all of them."""
    world = world_of(many(8), None, settings)
    workers = [worker_of("detect") for _ in range(2)]
    said: Queue[str] = Queue()
    readers = [threading.Thread(target=hear, args=(worker, said)) for worker in workers]
    for reader in readers:
        reader.start()
    try:
        with queue.answering("apps.opportunities.tasks.detect", ttl=120) as mine:
            assert mine
            for _ in range(10):
                assert queue.ring("apps.opportunities.tasks.detect", coalesce=False, expires=120)
            heard = until_said(said, "opportunities.detect", "succeeded", times=10)
            assert not any("Scanned" in line for line in heard)
            world.now = clock.now()
            world.quote()
        heard = until_said(said, "opportunities.detect", "succeeded")
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.wait(timeout=20)
        for reader in readers:
            reader.join(20)
    heard += [said.get() for _ in range(said.qsize())]
    assert sum("Scanned" in line for line in heard) == 1
    assert waiting(channel, "detect", "opportunities.detect") == 0
    assert Opportunity.objects.count() == 8


def hear(worker: "subprocess.Popen[str]", said: "Queue[str]") -> None:
    """Put every line that the worker logs into `said`."""
    assert worker.stderr is not None
    for line in worker.stderr:
        said.put(line)


def until_said(said: "Queue[str]", *words: str, times: int = 1) -> list[str]:
    """All lines up to the one that has these words for that many times."""
    lines: list[str] = []
    while sum(all(word in line for word in words) for line in lines) < times:
        try:
            lines.append(said.get(timeout=60))
        except Empty:
            pytest.fail("".join(lines[-40:]))
    return lines


def test_any_thread_publishes_with_our_application() -> None:
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(lambda: current_app.main).result() == app.main == "arbedge"
