"""Doorbells against a real broker and worker."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import redis as redis_py
from celery import Celery

from apps.core import queue, redis
from apps.core.queue import answering, ring
from tests.core import work

WORK = "tests.core.work.work"

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_state")]


def message() -> dict[str, Any]:
    raw = redis.state().lindex("core-tests", 0)
    assert raw is not None
    return json.loads(raw)["headers"]  # type: ignore[no-any-return]


def test_ten_rings_make_one_message_and_one_run() -> None:
    assert [ring(WORK) for _ in range(10)] == [True] * 10
    assert work.waiting() == 1
    assert work.drain(1) == ["run"]


def test_a_started_task_lets_the_next_ring_through() -> None:
    ring(WORK)
    work.drain(1)
    ring(WORK)
    assert work.drain(2) == ["run", "run"]


def test_other_keys_and_uncoalesced_rings_are_messages_of_their_own() -> None:
    ring(WORK, key="a", kwargs={"what": "a"})
    ring(WORK, key="b", kwargs={"what": "b"})
    ring(WORK, coalesce=False, kwargs={"what": "c"})
    ring(WORK, coalesce=False, kwargs={"what": "c"})
    assert sorted(work.drain(4)) == ["a", "b", "c", "c"]


def test_delayed_rings_coalesce_only_with_those_that_start_at_the_same_time() -> None:
    for _ in range(3):
        ring(WORK, key="60", countdown=60)
    ring(WORK, key="60", countdown=30)
    # Three rings within a moment may straddle one border of the grid, never two.
    assert 2 <= work.waiting() <= 3


def test_a_delayed_message_expires_only_after_it_may_start() -> None:
    ring("tests.core.work.brief", countdown=60)
    sent = message()
    assert sent["expires"] > sent["eta"]


def test_expiry_and_queue_are_passed_on() -> None:
    ring(WORK, queue="elsewhere", expires=5, coalesce=False)
    assert work.waiting() == 0
    raw = redis.state().lindex("elsewhere", 0)
    assert raw is not None
    assert json.loads(raw)["headers"]["expires"] is not None


def test_a_mark_never_outlives_its_message_for_long() -> None:
    ring(WORK)
    assert 0 < redis.state().pttl(f"arbedge:ring:{WORK}:") <= queue.RING_MARK_S * 1000
    ring("tests.core.work.brief")
    assert 0 < redis.state().pttl("arbedge:ring:tests.core.work.brief:") <= 7000


@pytest.fixture
def broker_away(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The task of the tests on an application whose broker is not there."""
    # Celery prefers this variable to any configuration.
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://127.0.0.1:1/0")
    lost = Celery("core-tests-lost", task_cls="apps.core.queue:Task", set_as_current=False)
    lost.conf.update(task_publish_retry_policy={"max_retries": 0}, task_ignore_result=True)
    monkeypatch.setattr(work, "work", lost.task(name="tests.work")(work.work.run))
    yield
    lost.close()


def test_a_broker_that_is_away_is_told_and_leaves_no_mark(broker_away: None, caplog: pytest.LogCaptureFixture) -> None:
    assert ring(WORK) is False
    assert ring(WORK, coalesce=False) is False
    assert "not rung" in caplog.text
    assert redis.state().keys("arbedge:ring:*") == []


def test_without_the_state_store_rings_are_sent_uncoalesced(redis_away: None) -> None:
    assert ring(WORK)
    assert ring(WORK)


def test_with_store_and_broker_away_nothing_is_raised(redis_away: None, broker_away: None) -> None:
    assert ring(WORK) is False


def test_only_one_runs_and_the_holder_rings_again_for_the_others() -> None:
    with answering(WORK, ttl=30, kwargs={"what": "again"}) as first:
        with answering(WORK, ttl=30) as second, answering(WORK, ttl=30) as third:
            assert (first, second, third) == (True, False, False)
        assert work.waiting() == 0
    assert work.drain(1) == ["again"]
    with answering(WORK, ttl=30) as later:
        assert later


def test_nobody_rings_again_when_nobody_came() -> None:
    with answering(WORK, ttl=30):
        pass
    assert work.waiting() == 0


def test_keys_run_side_by_side() -> None:
    with answering(WORK, "binance", ttl=30) as first, answering(WORK, "okx", ttl=30) as second:
        assert first
        assert second


def test_a_lock_that_timed_out_is_not_taken_from_its_new_holder() -> None:
    lock = f"arbedge:lock:{WORK}:"
    with answering(WORK, ttl=30):
        redis.state().set(lock, b"another")
        redis.state().set(f"arbedge:again:{WORK}:", b"1")
    assert redis.state().get(lock) == b"another"
    assert work.waiting() == 0


def test_the_lock_is_freed_and_the_others_are_served_when_the_run_fails() -> None:
    with pytest.raises(RuntimeError, match="broken"), answering(WORK, ttl=30):
        with answering(WORK, ttl=30):
            pass
        raise RuntimeError("broken")
    assert work.waiting() == 1
    with answering(WORK, ttl=30) as free:
        assert free


def test_without_redis_everybody_may_run(redis_away: None) -> None:
    with answering(WORK, ttl=30) as first, answering(WORK, ttl=30) as second:
        assert first
        assert second


def test_a_task_called_as_a_function_just_runs() -> None:
    work.work()
    assert work.done() == ["run"]


def test_a_task_that_finds_another_running_leaves_it_the_work() -> None:
    with answering("tests.core.work.single", ttl=30):
        ring("tests.core.work.single")
        assert work.drain(1) == ["busy"]
    assert work.drain(2) == ["busy", "mine"]


def test_a_lock_that_could_not_be_given_back_is_no_obstacle_to_who_held_it(
    redis_state: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> None:
        raise redis_py.TimeoutError("paused")

    with monkeypatch.context() as patched:
        patched.setattr(queue._LEAVE, "run", away)
        with queue.answering("tests.core.work.single", ttl=60) as mine:
            assert mine
    # Redis is back: the lock is still there, and ours.
    with queue.answering("tests.core.work.single", ttl=60) as mine:
        assert mine
        with queue.answering("tests.core.work.single", ttl=60) as second:
            assert not second
