"""Every active opportunity meets every active user."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from apps.core import config
from apps.distribution import tasks
from apps.distribution.enums import DistributionState, Reason
from apps.distribution.models import Distribution
from apps.distribution.services import run
from apps.notifications.channels.registry import CHANNELS
from apps.notifications.models import Delivery, Endpoint, Notification
from apps.notifications.services import templates_seed
from apps.notifications.services.book import forget as templates_forget
from apps.notifications.services.messages import message_make
from apps.opportunities.exceptions import OpportunityNotFound
from apps.opportunities.selectors import opportunity_alert
from apps.opportunities.services import preferences_set
from tests.distribution.conftest import NOW, MakeOpportunity, MakeUser

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)


def decision(user: Any, opportunity: Any) -> tuple[str, str]:
    row = Distribution.objects.get(user=user, opportunity_id=opportunity.pk)
    return row.state, row.reason


def told(user: Any) -> int:
    return Notification.objects.filter(user=user).count()


def test_a_premium_user_is_told_at_once(trader: MakeUser, opportunity: MakeOpportunity) -> None:
    user, one = trader(), opportunity()
    assert run(now=NOW).notified == 1
    row = Distribution.objects.get()
    notification = Notification.objects.get()
    assert (row.state, row.reason, row.notification_id) == (DistributionState.NOTIFIED, "", notification.pk)
    assert (row.fingerprint, row.kind) == (one.fingerprint, one.kind)
    assert notification.dedupe_key == f"opportunity:{one.pk}:{user.pk}"
    assert (notification.template, notification.priority) == ("opportunity", "high")
    assert notification.expires_at == NOW + timedelta(seconds=900)
    assert notification.context["id"] == str(one.pk)
    assert Delivery.objects.count() == 1


def test_running_again_tells_nobody_twice(trader: MakeUser, opportunity: MakeOpportunity) -> None:
    user = trader()
    opportunity()
    run(now=NOW)
    assert run(now=NOW + SECOND).notified == 0
    assert told(user) == 1


def test_even_without_its_decision_a_message_is_owed_once(trader: MakeUser, opportunity: MakeOpportunity) -> None:
    user = trader()
    opportunity()
    run(now=NOW)
    Distribution.objects.all().delete()
    run(now=NOW + SECOND)
    assert told(user) == Delivery.objects.count() == 1
    assert Distribution.objects.get().notification_id == Notification.objects.get().pk


def test_a_free_user_is_told_after_five_minutes_and_not_before(trader: MakeUser, opportunity: MakeOpportunity) -> None:
    user, one = trader("free"), opportunity()
    run(now=NOW)
    assert decision(user, one) == (DistributionState.SCHEDULED, Reason.TIER_DELAY)
    run(now=NOW + timedelta(seconds=300) - timedelta(microseconds=1))
    assert told(user) == 0
    assert run(now=NOW + timedelta(seconds=300)).notified == 1
    assert told(user) == 1
    assert decision(user, one) == (DistributionState.NOTIFIED, "")


@pytest.mark.parametrize("ended", ["expired", "closed"])
def test_a_scheduled_one_that_is_over_when_due_is_dropped(
    trader: MakeUser, opportunity: MakeOpportunity, ended: str
) -> None:
    user, one = trader("free"), opportunity()
    run(now=NOW)
    type(one).objects.update(status=ended, closed_at=NOW)
    assert run(now=NOW + timedelta(seconds=200)).dropped == 0
    assert run(now=NOW + timedelta(seconds=300)).dropped == 1
    assert decision(user, one) == (DistributionState.DROPPED, Reason.NO_LONGER_ACTIVE)
    assert told(user) == 0


def test_an_expired_but_not_yet_swept_opportunity_tells_nobody(trader: MakeUser, opportunity: MakeOpportunity) -> None:
    user = trader()
    opportunity(expires_at=NOW)
    run(now=NOW)
    assert told(user) == 0


@pytest.mark.parametrize("status", ["detected", "expired", "dropped"])
def test_only_active_ones_are_distributed(trader: MakeUser, opportunity: MakeOpportunity, status: str) -> None:
    user = trader()
    opportunity(status=status, closed_at=None if status == "detected" else NOW)
    run(now=NOW)
    assert told(user) == 0
    assert not Distribution.objects.exists()


@pytest.mark.parametrize("status", ["suspended", "deactivated", "pending"])
def test_inactive_users_are_no_part_of_it(trader: MakeUser, opportunity: MakeOpportunity, status: str) -> None:
    trader(status=status)
    opportunity()
    run(now=NOW)
    assert not Distribution.objects.exists()


def test_two_a_run_for_free_and_basic_all_for_others(trader: MakeUser, opportunity: MakeOpportunity) -> None:
    basic, premium = trader("basic"), trader("premium")
    ones = [opportunity() for _ in range(5)]
    run(now=NOW)
    assert (told(basic), told(premium)) == (2, 5)
    assert decision(basic, ones[0])[0] == decision(basic, ones[1])[0] == DistributionState.NOTIFIED
    assert decision(basic, ones[2]) == (DistributionState.REFUSED, Reason.CYCLE_CAP)
    run(now=NOW + SECOND)
    assert told(basic) == 4


def test_the_daily_quota_counts_until_midnight_utc(trader: MakeUser, opportunity: MakeOpportunity) -> None:
    free = trader("free")
    ones = [opportunity(expires_at=NOW + timedelta(days=2)) for _ in range(6)]
    for minute in range(5, 10):
        run(now=NOW + timedelta(minutes=minute))
    assert told(free) == 3
    assert decision(free, ones[5]) == (DistributionState.REFUSED, Reason.DAILY_QUOTA)
    run(now=NOW.replace(hour=23, minute=59, second=59))
    assert told(free) == 3
    run(now=NOW.replace(hour=0) + timedelta(days=1))
    assert told(free) == 5


def test_the_same_edge_again_within_four_hours_is_kept_from_free_and_basic(
    trader: MakeUser, opportunity: MakeOpportunity
) -> None:
    basic, premium = trader("basic"), trader("premium")
    first = opportunity(fingerprint="same")
    run(now=NOW)
    type(first).objects.update(status="closed", closed_at=NOW)
    second = opportunity(fingerprint="same", expires_at=NOW + timedelta(hours=9))
    run(now=NOW + timedelta(hours=4) - SECOND)
    assert decision(basic, second) == (DistributionState.REFUSED, Reason.COOLDOWN)
    assert (told(basic), told(premium)) == (1, 2)
    run(now=NOW + timedelta(hours=4))
    assert told(basic) == 2


def test_a_small_edge_is_refused_with_the_reason(trader: MakeUser, opportunity: MakeOpportunity) -> None:
    user, one = trader(), opportunity(net_edge=Decimal("0.0004"))
    run(now=NOW)
    assert decision(user, one) == (DistributionState.REFUSED, Reason.BELOW_MINIMUM)
    type(one).objects.update(net_edge=Decimal("0.002"))
    run(now=NOW + SECOND)
    assert told(user) == 1


def test_nobody_is_told_what_they_dont_want(trader: MakeUser, opportunity: MakeOpportunity) -> None:
    careful, other = trader(), trader()
    calm, risky = opportunity(risk="low"), opportunity(risk="high")
    preferences_set(user=careful, wishes={"max_risk": "medium"}, now=NOW)
    run(now=NOW)
    assert decision(careful, calm) == decision(other, risky) == (DistributionState.NOTIFIED, "")
    assert decision(careful, risky) == (DistributionState.REFUSED, Reason.NOT_WANTED)
    assert (told(careful), told(other)) == (1, 2)
    # A changed mind counts for what is still active.
    preferences_set(user=careful, wishes={"max_risk": "high"}, now=NOW + SECOND)
    run(now=NOW + SECOND)
    assert decision(careful, risky) == (DistributionState.NOTIFIED, "")


def test_nobody_reachable_is_refused_once_and_told_when_they_can_be(
    trader: MakeUser, opportunity: MakeOpportunity
) -> None:
    user, one = trader(reachable=False), opportunity()
    run(now=NOW)
    assert decision(user, one) == (DistributionState.REFUSED, Reason.NO_ENDPOINT)
    assert run(now=NOW + SECOND).refused == 0
    assert Distribution.objects.get().decided_at == NOW
    assert not Notification.objects.exists()


def test_serving_order_is_tier_then_who_waited_longest(trader: MakeUser, opportunity: MakeOpportunity) -> None:
    served, waiting, enterprise = trader("premium"), trader("premium"), trader("enterprise")
    Distribution.objects.create(
        user=served, recipient_id=served.pk, opportunity_id=opportunity().pk, fingerprint="x", kind="cross_exchange",
        state=DistributionState.NOTIFIED, due_at=NOW, decided_at=NOW - SECOND,
    )  # fmt: skip
    type(opportunity()).objects.update(status="closed", closed_at=NOW)
    opportunity()
    run(now=NOW)
    order = Delivery.objects.order_by("next_attempt_at").values_list("notification__user_id", flat=True)
    assert list(order) == [enterprise.pk, waiting.pk, served.pk]


def test_no_more_people_are_told_than_can_take_it(trader: MakeUser, opportunity: MakeOpportunity) -> None:
    enterprise, premium, basic, free = (trader(tier) for tier in ("enterprise", "premium", "basic", "free"))
    one = opportunity(max_participants=2)
    assert run(now=NOW).notified == 2
    assert told(enterprise) == told(premium) == 1
    assert decision(basic, one) == (DistributionState.REFUSED, Reason.NO_PLACE_LEFT)
    assert run(now=NOW + SECOND).notified == 0
    assert run(now=NOW + timedelta(seconds=300)).notified == 0
    assert decision(free, one) == (DistributionState.REFUSED, Reason.NO_PLACE_LEFT)
    type(one).objects.update(max_participants=3)
    run(now=NOW + timedelta(seconds=301))
    assert (told(basic), told(free)) == (1, 0)


def test_administrators_are_bound_by_no_quota(trader: MakeUser, opportunity: MakeOpportunity) -> None:
    admin = trader("free", role="admin")
    for _ in range(5):
        opportunity()
    run(now=NOW)
    assert told(admin) == 5


def test_numbers_are_runtime_configuration(trader: MakeUser, opportunity: MakeOpportunity) -> None:
    user = trader("basic")
    for _ in range(3):
        opportunity()
    config.config_set(key="distribution.cycle_cap.basic", value=1, actor_id=None)
    try:
        run(now=NOW)
    finally:
        config.config_reset(key="distribution.cycle_cap.basic", actor_id=None)
    assert told(user) == 1


@pytest.mark.parametrize("channel", ["telegram", "webhook", "email"])
def test_the_shipped_words_fit_the_facts(
    trader: MakeUser, opportunity: MakeOpportunity, channel: str, settings: Any
) -> None:
    settings.REPLAY_AT = NOW
    templates_forget()
    templates_seed()
    user = trader()
    Endpoint.objects.filter(user=user).update(channel=channel)
    opportunity()
    run(now=NOW)
    kind = CHANNELS.get(channel)
    made = kind({row.name: "x" for row in kind.settings}, timeout_s=1)
    row = Delivery.objects.select_related("notification__user", "endpoint").get()
    message = message_make(delivery=row, channel=made, credentials={}, now=NOW + timedelta(seconds=30))
    assert "buy 1 BTC on binance at 100.00" in message.body
    assert "30 s ago" in message.body
    assert "not risk-free" in message.body
    assert "BTC/USDT: net 0.300 %" in message.subject


def test_queries_do_not_grow_with_people_or_opportunities(
    trader: MakeUser, opportunity: MakeOpportunity, django_assert_max_num_queries: Any
) -> None:
    for _ in range(20):
        trader("basic")
    for _ in range(8):
        opportunity()
    with django_assert_max_num_queries(45):
        report = run(now=NOW)
    assert (report.notified, report.refused) == (40, 120)


def test_nothing_active_decides_nothing(trader: MakeUser) -> None:
    trader()
    report = run(now=NOW)
    assert (report.notified, report.scheduled, report.refused, report.dropped) == (0, 0, 0, 0)


def test_the_task_runs_it(trader: MakeUser, opportunity: MakeOpportunity, redis_state: None, settings: Any) -> None:
    settings.REPLAY_AT = NOW
    user = trader()
    opportunity()
    tasks.run()
    assert told(user) == 1


def test_an_opportunity_is_looked_up_once_however_many_are_told(
    trader: MakeUser, opportunity: MakeOpportunity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.distribution.services.running.CHUNK", 2)
    asked: list[Any] = []
    real = opportunity_alert

    def counted(id: Any) -> Any:
        asked.append(id)
        return real(id)

    monkeypatch.setattr("apps.distribution.services.storing.opportunity_alert", counted)
    for _ in range(5):
        trader()
    one, other = opportunity(), opportunity()
    assert run(now=NOW).notified == 10
    assert sorted(asked) == sorted([one.pk, other.pk])


def test_an_opportunity_deleted_meanwhile_is_decided_without_a_message(
    trader: MakeUser, opportunity: MakeOpportunity, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(_: Any) -> Any:
        raise OpportunityNotFound("There is no such opportunity.")

    monkeypatch.setattr("apps.distribution.services.storing.opportunity_alert", gone)
    trader()
    opportunity()
    assert run(now=NOW).notified == 1
    assert Notification.objects.count() == 0
    assert Distribution.objects.get().notification_id is None
