import sys
from datetime import timedelta
from typing import Any

import pytest

from apps.opportunities import services
from apps.opportunities.enums import Reason, Risk
from apps.opportunities.models import Markout, Opportunity
from apps.opportunities.risk import BELIEVED_FOR
from apps.opportunities.types import OpportunitiesEnded
from tests.opportunities.conftest import Build
from tests.opportunities.test_detect import many
from tests.opportunities.world import World


def status() -> Any:
    """Status and reason of the one row."""
    return Opportunity.objects.values_list("status", "reason").get()


def test_a_row_that_is_never_priced_is_dropped_after_a_minute(gap: World) -> None:
    gap.detect()
    gap.pass_time(59)
    assert services.expire(now=gap.now) == 0
    gap.pass_time(1)
    assert services.expire(now=gap.now) == 1
    assert status() == ("dropped", Reason.NEVER_PRICED)
    assert gap.news(OpportunitiesEnded) == []
    assert services.expire(now=gap.now) == 0


def test_a_row_that_could_not_be_judged_is_dropped_with_that_reason(gap: World) -> None:
    gap.detect()
    Opportunity.objects.update(reason=Reason.CROSSED_BOOK.value)
    gap.pass_time(60)
    services.expire(now=gap.now)
    assert status() == ("dropped", Reason.CROSSED_BOOK)


@pytest.mark.parametrize(("risk", "seconds"), [(Risk.LOW, 4 * 3600), (Risk.MEDIUM, 2 * 3600), (Risk.HIGH, 1800)])
def test_an_active_row_is_believed_as_long_as_its_risk_allows(gap: World, risk: Risk, seconds: int) -> None:
    row = gap.activate()
    Opportunity.objects.update(risk=risk, expires_at=gap.now + BELIEVED_FOR[risk])
    gap.pass_time(seconds - 1)
    Opportunity.objects.update(last_seen_at=gap.now, priced_at=gap.now)
    assert services.expire(now=gap.now) == 0
    gap.pass_time(1)
    assert services.expire(now=gap.now) == 1
    assert status() == ("expired", Reason.TIME_UP)
    assert gap.news(OpportunitiesEnded) == [OpportunitiesEnded((str(row.pk),), "time is up")]


def test_a_price_gap_not_seen_for_a_minute_is_over(gap: World) -> None:
    gap.activate()
    gap.pass_time(59)
    assert services.expire(now=gap.now) == 0
    gap.pass_time(1)
    assert services.expire(now=gap.now) == 1
    assert status() == ("expired", Reason.NOT_SEEN)
    ended = Opportunity.objects.get()
    assert ended.closed_at == gap.now


def test_a_price_gap_that_is_still_seen_lives_on(gap: World) -> None:
    gap.activate()
    for _ in range(4):
        gap.pass_time(40)
        gap.detect()
        gap.price()
    assert services.expire(now=gap.now) == 0
    assert status() == ("active", "")


def test_funding_is_believed_for_two_minutes_unseen(funding_gap: World) -> None:
    funding_gap.activate()
    funding_gap.pass_time(119)
    Opportunity.objects.update(priced_at=funding_gap.now)
    assert services.expire(now=funding_gap.now) == 0
    funding_gap.pass_time(1)
    assert services.expire(now=funding_gap.now) == 1
    assert status() == ("expired", Reason.NOT_SEEN)


def test_what_is_seen_but_can_no_longer_be_priced_is_over_after_two_minutes(gap: World) -> None:
    gap.activate()
    for seconds in (50, 50, 19):
        gap.pass_time(seconds)
        gap.detect()
        assert services.expire(now=gap.now) == 0
    gap.pass_time(1)
    gap.detect()
    assert services.expire(now=gap.now) == 1
    assert status() == ("expired", Reason.DATA_GONE)


def test_rows_from_the_future_are_over_when_our_clock_was_set_back(build: Build) -> None:
    world = build(*many(2))
    world.detect()
    world.price()
    Opportunity.objects.filter(pk=Opportunity.objects.first().pk).update(status="detected", activated_at=None)
    assert services.expire(now=world.now - timedelta(seconds=30)) == 0
    assert services.expire(now=world.now - timedelta(hours=1)) == 2
    assert set(Opportunity.objects.values_list("status", "reason")) == {
        ("expired", Reason.DATA_GONE.value),
        ("dropped", Reason.NEVER_PRICED.value),
    }


def test_a_gap_that_returns_is_a_new_episode(gap: World) -> None:
    first = gap.activate()
    gap.pass_time(60)
    services.expire(now=gap.now)
    gap.pass_time(5)
    second = gap.activate()
    assert second.pk != first.pk
    assert second.fingerprint == first.fingerprint
    assert Opportunity.objects.count() == 2


@pytest.mark.parametrize(
    ("state", "days", "left"),
    [("dropped", 1, 1), ("dropped", 1.01, 0), ("closed", 90, 1), ("closed", 90.01, 0), ("expired", 90.01, 0)],
)
def test_ended_rows_are_forgotten_after_their_time(gap: World, state: str, days: float, left: int) -> None:
    gap.activate()
    Opportunity.objects.update(status=state, closed_at=gap.now)
    assert services.prune(now=gap.now + timedelta(days=days)) == 1 - left
    assert Opportunity.objects.count() == left
    assert Markout.objects.count() == 4 * left


def test_of_dropped_rows_only_the_newest_are_kept(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["apps.opportunities.services.prune"], "MAX_DROPPED", 3)
    world = build(*many(5))
    world.detect()
    ids = list(Opportunity.objects.values_list("pk", flat=True))
    for age, pk in enumerate(ids):
        Opportunity.objects.filter(pk=pk).update(status="dropped", closed_at=world.now - timedelta(seconds=age))
    assert services.prune(now=world.now) == 2
    assert set(Opportunity.objects.values_list("pk", flat=True)) == set(ids[:3])
    assert services.prune(now=world.now) == 0


def test_open_rows_are_never_forgotten(gap: World) -> None:
    gap.activate()
    assert services.prune(now=gap.now + timedelta(days=999)) == 0
    assert Opportunity.objects.count() == 1
