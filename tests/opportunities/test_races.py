"""Two workers at once: what the database decides, and what the loser makes of it."""

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from apps.opportunities import services
from apps.opportunities.models import Markout, Opportunity
from apps.opportunities.services.detect import rows_open
from apps.opportunities.types import OpportunitiesActive, OpportunitiesEnded
from tests.opportunities.conftest import Build
from tests.opportunities.test_detect import many
from tests.opportunities.world import World
from tests.other_processes import environment

WORKERS = 6


def copy_of(row: Opportunity, **changes: Any) -> Opportunity:
    """The same row, not stored yet."""
    facts = {field.attname: getattr(row, field.attname) for field in Opportunity._meta.concrete_fields}
    return Opportunity(**(facts | changes))


def at_once(work: Callable[[], Any]) -> list[Any]:
    """Run `work` in several threads that start together, each with a connection of its own."""
    barrier = Barrier(WORKERS)

    def run(_: Any) -> Any:
        try:
            barrier.wait(timeout=10)
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(run, range(WORKERS)))


def test_the_database_allows_one_open_row_per_fingerprint(gap: World) -> None:
    gap.detect()
    row = Opportunity.objects.get()
    with pytest.raises(IntegrityError), transaction.atomic():
        copy_of(row, id="11111111-1111-5111-8111-111111111111").save(force_insert=True)
    Opportunity.objects.update(status="closed", closed_at=gap.now)
    copy_of(row, id="11111111-1111-5111-8111-111111111111").save(force_insert=True)
    assert Opportunity.objects.count() == 2


@pytest.mark.parametrize(
    "broken",
    [{"net_edge": "0.02", "gross_edge": "0.01"}, {"leg_count": 3}, {"status": "active"}, {"status": "closed"}],
)
def test_the_database_refuses_rows_that_contradict_themselves(gap: World, broken: dict[str, Any]) -> None:
    gap.detect()
    row = Opportunity.objects.get()
    Opportunity.objects.all().delete()
    with pytest.raises(IntegrityError), transaction.atomic():
        copy_of(row, **broken).save(force_insert=True)
    assert not Opportunity.objects.exists()


def test_what_another_worker_opened_meanwhile_is_left_out_and_the_rest_is_opened(build: Build) -> None:
    world = build(*many(3))
    world.detect()
    rows = list(Opportunity.objects.order_by("instrument"))
    Opportunity.objects.exclude(pk=rows[1].pk).delete()
    assert rows_open([copy_of(row, id=None if row is None else row.pk) for row in rows]) == 2
    assert list(Opportunity.objects.order_by("instrument").values_list("pk", flat=True)) == [row.pk for row in rows]


def test_an_id_that_was_used_a_moment_ago_is_not_used_again(gap: World) -> None:
    gap.detect()
    row = Opportunity.objects.get()
    Opportunity.objects.update(status="expired", closed_at=gap.now)
    assert rows_open([copy_of(row)]) == 0
    assert Opportunity.objects.get().status == "expired"


def test_a_row_that_contradicts_itself_is_an_error_and_no_loss_of_others(gap: World) -> None:
    gap.detect()
    row = Opportunity.objects.get()
    Opportunity.objects.all().delete()
    with pytest.raises(IntegrityError):
        rows_open([copy_of(row, leg_count=3)])


def test_workers_that_detect_at_once_open_each_gap_once(build: Build) -> None:
    world = build(*many(8))
    world.quote()
    reports = at_once(lambda: services.detect(now=world.now))
    assert sum(report.opened for report in reports) == 8
    assert Opportunity.objects.count() == 8
    assert len(set(Opportunity.objects.values_list("fingerprint", flat=True))) == 8


def test_processes_that_detect_at_once_open_each_gap_once(build: Build) -> None:
    world = build(*many(8))
    world.quote()
    env = environment()
    command = (sys.executable, "-m", "tests.opportunities.detector", world.now.isoformat())
    processes = [
        subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        opened = [int(process.communicate(timeout=60)[0]) for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert sum(opened) == 8
    assert Opportunity.objects.count() == 8


def test_workers_that_price_at_once_activate_each_row_once(build: Build) -> None:
    world = build(*many(5))
    world.detect()
    world.fill_books()
    reports = at_once(lambda: services.price(market_ids=None, now=world.now))
    assert sum(report.activated for report in reports) >= 5
    told = [one for news in world.news(OpportunitiesActive) for one in news.opportunity_ids]
    assert sorted(told) == sorted(set(told))
    assert len(told) == 5
    assert Markout.objects.count() == 20


def test_workers_that_expire_at_once_end_each_row_once(gap: World) -> None:
    gap.activate()
    gap.pass_time(60)
    ended = at_once(lambda: services.expire(now=gap.now))
    assert sum(ended) == 1
    assert len(gap.news(OpportunitiesEnded)) == 1
