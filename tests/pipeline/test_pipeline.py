"""The table event → task: every task exists, gets arguments it takes, and lands on a queue that is served."""

import inspect
import uuid

import pytest
from django.utils.module_loading import import_string

import celeryconfig
from apps.accounts.types import ExchangeKeyDue
from apps.core import events, queue
from apps.markets.events import BooksStored, SnapshotStored
from apps.notifications.types import DeliveriesDue
from apps.opportunities.types import CandidatesFound, MarkoutsDue, OpportunitiesActive
from arbedge import pipeline
from arbedge.celery import app

EXAMPLES = {
    SnapshotStored: SnapshotStored(exchange="okx", kind="spot", rows=1, refused=0, received_at=0),
    CandidatesFound: CandidatesFound(market_ids=(1, 2), found=1),
    BooksStored: BooksStored(market_ids=(1, 2), received_at=0),
    MarkoutsDue: MarkoutsDue(market_ids=(1,)),
    OpportunitiesActive: OpportunitiesActive(opportunity_ids=("x",)),
    ExchangeKeyDue: ExchangeKeyDue(key_id=uuid.uuid4()),
    DeliveriesDue: DeliveriesDue(priorities=("critical", "high")),
}


@pytest.mark.parametrize("step", pipeline.STEPS, ids=lambda step: f"{step.event.__name__}-{step.task}")
def test_every_step_rings_a_real_task_with_arguments_it_takes(step: pipeline.Step) -> None:
    task = import_string(step.task)
    served = {queue.name for queue in celeryconfig.task_queues}
    for ring in step.rings(EXAMPLES.get(step.event)):
        inspect.signature(task.run).bind(**ring.kwargs)
        routed = app.amqp.router.route({"queue": ring.queue} if ring.queue else {}, task.name)["queue"]
        assert getattr(routed, "name", routed) in served


def test_a_published_event_rings_its_task(monkeypatch: pytest.MonkeyPatch, db: None) -> None:
    rung: list[tuple[str, dict[str, object]]] = []
    monkeypatch.setattr(queue, "ring", lambda task, **options: rung.append((task, options)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("django.db.transaction.on_commit", lambda function, robust=False: function())
        events.publish(DeliveriesDue(priorities=("critical", "low")))
    assert [(task, options["queue"], options["key"]) for task, options in rung] == [
        ("apps.notifications.tasks.deliver", "notify.critical", "critical"),
        ("apps.notifications.tasks.deliver", "notify.low", "low"),
    ]


@pytest.mark.parametrize("schedule", celeryconfig.SCHEDULES, ids=lambda schedule: schedule["name"])
def test_every_schedule_names_a_task_and_expires_within_its_period(schedule: dict[str, object]) -> None:
    app.loader.import_default_modules()
    assert schedule["task"] in app.tasks
    assert isinstance(schedule["expire_seconds"], int)
    assert 0 < schedule["expire_seconds"] < schedule["every"]
    assert schedule["description"]
