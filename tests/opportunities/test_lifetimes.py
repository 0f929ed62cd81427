"""How long edges of a kind and instrument lasted, and what became of them."""

import itertools
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from apps.accounts.models import User
from apps.opportunities import tasks
from apps.opportunities.enums import Reason
from apps.opportunities.models import Lifetime, Markout, Opportunity, OpportunityFeedback
from apps.opportunities.selectors import lifetimes
from apps.opportunities.services import lifetimes_measure

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
_numbers = itertools.count(1)


def episode(lasted_s: float | None, **fields: Any) -> Opportunity:
    """An episode of so many seconds that ended by itself an hour ago, or is active (None) since an hour."""
    began = NOW - timedelta(hours=1)
    ended = {} if lasted_s is None else {
        "status": "expired", "closed_at": began + timedelta(seconds=lasted_s), "reason": Reason.NOT_SEEN.value,
    }  # fmt: skip
    return Opportunity.objects.create(
        **{
            "id": uuid.uuid4(), "fingerprint": f"f{next(_numbers)}", "kind": "cross_exchange", "instrument": "BTC",
            "symbol": "BTC/USDT", "quote": "USDT", "status": "active", "gross_edge": Decimal("0.005"),
            "net_edge": Decimal("0.002"), "peak_net_edge": Decimal("0.003"), "legs": [], "leg_count": 2,
            "origin": "live", "opened_at": began, "activated_at": began, "last_seen_at": began,
            "expires_at": began + timedelta(hours=2),
        }
        | ended
        | fields
    )  # fmt: skip


def measured(**key: str) -> Lifetime:
    lifetimes_measure(now=NOW)
    return lifetimes(**key).get()


def test_half_of_them_are_over_after_the_half_life() -> None:
    for lasted in (10, 20, 30, 40):
        episode(lasted, net_edge=Decimal(lasted) / 10_000, peak_net_edge=Decimal("0.004"))
    one = measured(kind="cross_exchange", instrument="BTC")
    assert (one.episodes, one.running, one.half_life_s, one.longest_s) == (4, 0, 20.0, 40.0)
    assert (one.net_edge, one.peak_net_edge) == (Decimal("0.0025"), Decimal("0.004"))
    assert (one.measured, one.kept_share, one.viewed) == (0, None, 0)


def test_what_still_runs_or_was_ended_by_us_is_no_end() -> None:
    episode(None)
    episode(5, reason=Reason.TIME_UP.value)
    episode(5, reason=Reason.DATA_GONE.value)
    episode(7)
    one = measured()
    assert (one.episodes, one.running, one.longest_s) == (4, 1, 3600.0)
    # Of the two left after 5 s one ended after 7.
    assert one.half_life_s == 7.0
    episode(None)
    assert measured().half_life_s is None


def test_kinds_instruments_and_origins_are_told_apart() -> None:
    episode(10)
    episode(20, instrument="ETH")
    episode(30, kind="funding_rate")
    episode(40, origin="sandbox")
    episode(50, status="dropped", activated_at=None)
    assert lifetimes_measure(now=NOW) == 4
    assert lifetimes(instrument="ETH").get().half_life_s == 20.0
    assert lifetimes(kind="funding_rate").get().half_life_s == 30.0
    assert lifetimes(kind="cross_exchange", instrument="BTC").count() == 2


def test_alerts_and_feedback_are_counted() -> None:
    user = User.objects.create(email="a@example.test")
    for number, net in enumerate(("0.001", "-0.001", "0.002", None)):
        row = episode(100)
        Markout.objects.create(
            opportunity=row, horizon_s=30, due_at=NOW, quantity="1", net_edge=net, measured_at=net and NOW,
            reason="" if net else Reason.MISSING_BOOK.value,
        )  # fmt: skip
        Markout.objects.create(
            opportunity=row, horizon_s=1, due_at=NOW, quantity="1", net_edge="0.001", measured_at=NOW
        )
        for state in ("viewed", "executed")[: number + 1]:
            OpportunityFeedback.objects.create(opportunity=row, user=user, state=state, given_at=NOW)
    one = measured()
    assert (one.measured, one.kept_share) == (3, pytest.approx(2 / 3))
    assert (one.viewed, one.executed, one.ignored) == (4, 3, 0)


def test_it_is_measured_anew_and_old_episodes_are_forgotten() -> None:
    episode(10)
    assert measured().episodes == 1
    episode(20)
    again = measured()
    assert (again.episodes, again.half_life_s) == (2, 10.0)
    assert lifetimes_measure(now=NOW + timedelta(days=31)) == 0
    assert not Lifetime.objects.exists()


def test_queries_do_not_grow_with_the_episodes(django_assert_max_num_queries: Any) -> None:
    for number in range(40):
        episode(number, instrument=f"I{number}")
    with django_assert_max_num_queries(12):
        assert lifetimes_measure(now=NOW) == 40


def test_the_task_measures(redis_state: None, settings: Any) -> None:
    settings.REPLAY_AT = NOW
    episode(10)
    tasks.measure_lifetimes()
    assert Lifetime.objects.get().episodes == 1
