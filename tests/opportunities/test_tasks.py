"""The doorbells: each does its one thing, one run at a time."""

from typing import Any

import pytest

from apps.core import clock, queue
from apps.opportunities import tasks
from apps.opportunities.models import Markout, Opportunity, TechnicalRule
from apps.opportunities.services.signal_bars import judged_get
from apps.opportunities.types import CandidatesFound, MarkoutsDue
from tests.opportunities.world import World


def test_the_whole_walk_by_its_tasks(gap: World) -> None:
    gap.quote()
    tasks.detect()
    assert gap.news(CandidatesFound) == [CandidatesFound(market_ids=tuple(gap.ids), found=1)]
    gap.fill_books()
    tasks.price(market_ids=list(gap.ids))
    assert Opportunity.objects.get().status == "active"
    gap.pass_time(1.1)
    tasks.request_markouts()
    assert len(gap.news(MarkoutsDue)) == 1
    gap.fill_books()
    tasks.price()
    assert Markout.objects.get(horizon_s=1).net_edge is not None
    gap.pass_time(60)
    tasks.expire()
    assert Opportunity.objects.get().status == "expired"


@pytest.mark.parametrize("name", ["detect", "price"])
def test_a_run_that_finds_another_one_at_work_leaves(gap: World, name: str) -> None:
    gap.quote()
    gap.fill_books()
    with queue.answering(f"apps.opportunities.tasks.{name}", ttl=20) as mine:
        assert mine
        getattr(tasks, name)()
        assert not Opportunity.objects.exists()
        assert gap.news(CandidatesFound) == []
    tasks.detect()
    assert Opportunity.objects.count() == 1


@pytest.mark.parametrize(
    ("task", "name"),
    [
        (tasks.detect, "opportunities.detect"),
        (tasks.price, "opportunities.price"),
        (tasks.expire, "opportunities.expire"),
        (tasks.request_markouts, "opportunities.request_markouts"),
    ],
)
def test_stale_messages_die_and_runs_are_bounded(task: Any, name: str) -> None:
    assert task.name == name
    assert 0 < task.expires <= 15
    assert task.soft_time_limit < task.time_limit <= 20
    assert not task.acks_late


def test_rules_are_judged_by_one_run_at_a_time(gap: World) -> None:
    gap.quote()
    now = gap.now
    rule = TechnicalRule.objects.create(name="old", side="buy", conditions={}, created_at=now, updated_at=now)
    with queue.answering("apps.opportunities.tasks.detect_technical", ttl=20) as mine:
        assert mine
        tasks.detect_technical()
        assert judged_get(["aaa"])["aaa"].rules_ms == 0
    # A rule that this version can't read stops no run.
    tasks.detect_technical()
    assert judged_get(["aaa"])["aaa"].rules_ms == clock.to_ms(rule.updated_at)
    assert tasks.detect_technical.name == "opportunities.detect_technical"
    assert 0 < tasks.detect_technical.expires < 15
    assert tasks.detect_technical.soft_time_limit < tasks.detect_technical.time_limit <= 60
