"""Two runs at once, and a list that is opened meanwhile: nobody is told twice and no limit is exceeded between them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from apps.core import config
from apps.distribution.enums import DistributionState, Reason
from apps.distribution.models import Distribution
from apps.distribution.services import run
from apps.distribution.services.running import _active, _meetings
from apps.distribution.services.storing import store
from apps.notifications.models import Delivery, Notification
from apps.opportunities.models import Seen
from apps.opportunities.services import seen_admit
from apps.opportunities.types import Sight
from tests.distribution.conftest import NOW, MakeOpportunity, MakeUser

RUNS = 4


def decided() -> list[Any]:
    """What a run has decided and not yet written."""
    return list(_meetings(_active(NOW), NOW))


def told() -> Any:
    return Distribution.objects.filter(state=DistributionState.NOTIFIED)


@pytest.mark.django_db
def test_a_run_that_comes_second_tells_nobody_again(trader: MakeUser, opportunity: MakeOpportunity) -> None:
    trader("premium"), trader("basic")
    opportunity()
    late = decided()
    run(now=NOW)
    rows = list(Distribution.objects.order_by("pk").values())
    assert store(late, {}, now=NOW) == []
    assert list(Distribution.objects.order_by("pk").values()) == rows
    assert Notification.objects.count() == Delivery.objects.count() == 2


@pytest.mark.django_db
def test_a_run_that_comes_second_gives_away_no_more_places(trader: MakeUser, opportunity: MakeOpportunity) -> None:
    """Each run would give its one place to somebody else."""
    first, second = trader("premium"), trader("premium")
    one = opportunity(max_participants=1)
    late = decided()
    [winner] = [meeting.recipient.id for meeting in late if meeting.decision.state == DistributionState.NOTIFIED]
    type(first).objects.filter(pk=winner).update(status="suspended")
    run(now=NOW)
    assert [meeting.decision.reason for meeting in store(late, {}, now=NOW)] == [Reason.NO_PLACE_LEFT]
    assert told().count() == Notification.objects.count() == 1
    assert told().get().recipient_id != winner
    assert {row.user_id for row in Distribution.objects.filter(opportunity_id=one.pk)} == {first.pk, second.pk}


@pytest.mark.django_db
def test_a_list_that_is_opened_meanwhile_uses_up_the_day(trader: MakeUser, opportunity: MakeOpportunity) -> None:
    basic = trader("basic")
    one = opportunity()
    late = decided()
    shown = [Sight(basic.pk, opportunity(status="detected").pk, "arbitrage", 10) for _ in range(10)]
    assert len(seen_admit(sights=shown, now=NOW)) == 10
    assert [(row.decision.state, row.decision.reason) for row in store(late, {}, now=NOW)] == [
        (DistributionState.REFUSED, Reason.DAILY_QUOTA)
    ]
    assert not Notification.objects.exists()
    assert Distribution.objects.get(opportunity_id=one.pk).reason == Reason.DAILY_QUOTA


@pytest.fixture
def threads(transactional_db: None) -> Iterator[Any]:
    """Runs work in several threads that start together, each with a connection of its own."""

    def at_once(work: Any) -> list[Any]:
        barrier = Barrier(RUNS)

        def one(number: int) -> Any:
            try:
                barrier.wait(timeout=30)
                return work(number)
            finally:
                connection.close()

        with ThreadPoolExecutor(RUNS) as pool:
            return list(pool.map(one, range(RUNS)))

    yield at_once
    config.forget()


def test_runs_at_once_tell_each_person_once_and_keep_the_limits(
    threads: Any, trader: MakeUser, opportunity: MakeOpportunity
) -> None:
    people = [trader(tier) for tier in ("enterprise", "premium", "basic", "basic", "premium")]
    free_for_all, narrow = opportunity(), opportunity(max_participants=2)
    reports = threads(lambda _: run(now=NOW))
    assert sum(report.notified for report in reports) == told().count() == 7
    assert told().filter(opportunity_id=free_for_all.pk).count() == len(people)
    assert told().filter(opportunity_id=narrow.pk).count() == 2
    assert Notification.objects.count() == Delivery.objects.count() == 7


def test_sights_at_once_never_exceed_the_day(threads: Any, trader: MakeUser, opportunity: MakeOpportunity) -> None:
    person = trader("free")
    ids = [opportunity().pk for _ in range(RUNS * 2)]

    def look(number: int) -> int:
        mine = ids[number * 2 : number * 2 + 2]
        may = seen_admit(sights=[Sight(person.pk, id, "arbitrage", 3) for id in mine], now=NOW)
        return len(may & {(person.pk, id) for id in mine})

    assert sum(threads(look)) == Seen.objects.count() == 3
