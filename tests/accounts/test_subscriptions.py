"""Subscriptions: the tier that follows from them, overlaps, ends announced and ended once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
import time_machine
from django.db import IntegrityError, connection, transaction

from apps.accounts.enums import Source, Tier
from apps.accounts.models import Letter, Subscription, SubscriptionChange, User
from apps.accounts.services import (
    base_tier_set,
    subscription_cancel,
    subscription_close,
    subscription_extend,
    subscription_start,
    subscriptions_sweep,
)
from apps.accounts.tasks import sweep_subscriptions
from apps.accounts.types import TierChanged
from apps.core import clock, config, events
from apps.core.models import AuditRecord
from tests.accounts.conftest import MakeUser
from tests.accounts.test_coming_in import client_of

NOW = clock.wall_now()


@pytest.fixture(autouse=True)
def _fresh() -> None:
    config.forget()


def start(user: User, tier: str, source: str = "operator", **fields: Any) -> Subscription:
    return subscription_start(user_id=user.pk, tier=tier, source=source, now=NOW, **fields)


def tier_of(user: User) -> str:
    user.refresh_from_db()
    return user.tier


def sweep(days: float) -> tuple[int, int]:
    return subscriptions_sweep(now=NOW + timedelta(days=days))


def test_the_highest_of_what_is_open_counts_and_what_is_under_it_comes_back(make_user: MakeUser) -> None:
    ada = make_user("ada")
    beta = start(ada, "premium", "beta", days=180, grace_days=0)
    assert tier_of(ada) == "premium"
    paid = start(ada, "pro", "payment", days=30)
    assert (paid.tier, tier_of(ada)) == (Tier.ENTERPRISE, "enterprise")
    assert subscription_close(subscription=paid, because="ended_by_provider", now=NOW)
    assert not subscription_close(subscription=paid, because="again", now=NOW)
    assert tier_of(ada) == "premium"
    subscription_close(subscription=beta, because="x", now=NOW)
    assert tier_of(ada) == "free"
    tiers = [row.changes["after"] for row in AuditRecord.objects.filter(action="user.tier").order_by("id")]
    assert tiers == ["premium", "enterprise", "premium", "free"]


def test_of_one_source_the_newer_replaces_the_older(make_user: MakeUser) -> None:
    ada = make_user("ada")
    first, second = start(ada, "enterprise", days=9), start(ada, "premium", days=9)
    first.refresh_from_db()
    assert (first.closed_because, second.closed_at, tier_of(ada)) == ("replaced", None, "premium")
    with pytest.raises(IntegrityError), transaction.atomic():
        Subscription.objects.create(user=ada, tier="basic", source="operator", starts_at=NOW, created_at=NOW)


def test_no_subscription_takes_the_base_away(make_user: MakeUser) -> None:
    ada = make_user("ada", Tier.ENTERPRISE)
    start(ada, "premium", days=1, grace_days=0)
    assert tier_of(ada) == "enterprise"
    sweep(2)
    assert tier_of(ada) == "enterprise"
    base_tier_set(user_id=ada.pk, tier="basic", actor_id=None, now=NOW)
    assert tier_of(ada) == "basic"


def test_the_end_is_told_a_week_before_and_at_the_end_once_each(make_user: MakeUser) -> None:
    ada = make_user("ada")
    start(ada, "premium", "beta", days=180, grace_days=0)
    assert sweep(172.9) == (0, 0)
    assert [sweep(173), sweep(173.1)] == [(1, 0), (0, 0)]
    assert tier_of(ada) == "premium"
    assert [sweep(180), sweep(180.1)] == [(0, 1), (0, 0)]
    assert tier_of(ada) == "free"
    titles = list(Letter.objects.order_by("created_at").values_list("title", flat=True))
    assert titles == ["Your Premium rights end soon", "Your Premium rights have ended"]
    actions = list(SubscriptionChange.objects.order_by("id").values_list("action", flat=True))
    assert actions == ["started", "announced", "closed"]


def test_the_task_does_it_by_real_time(make_user: MakeUser) -> None:
    ada = make_user("ada")
    with time_machine.travel(NOW - timedelta(days=200), tick=False):
        subscription_start(user_id=ada.pk, tier="premium", source="beta", days=180, now=clock.wall_now())
    sweep_subscriptions()
    assert tier_of(ada) == "free"


def test_what_renews_has_its_grace_and_is_told_when_it_was_not_paid(make_user: MakeUser) -> None:
    ada = make_user("ada")
    paid = start(ada, "premium", "payment", days=30, renews=True)
    assert sweep(29.9) == (0, 0)
    assert (sweep(30.1), tier_of(ada)) == ((1, 0), "premium")
    assert Letter.objects.get().title == "Your Premium subscription was not renewed"
    subscription_extend(subscription=paid, ends_at=NOW + timedelta(days=60), now=NOW + timedelta(days=31))
    assert (sweep(59), tier_of(ada)) == ((0, 0), "premium")
    assert sweep(61) == (1, 0)
    assert (sweep(63), tier_of(ada)) == ((0, 1), "free")


def test_what_was_cancelled_is_open_until_its_end_and_not_longer(make_user: MakeUser) -> None:
    ada = make_user("ada")
    paid = start(ada, "premium", "payment", days=30, renews=True)
    subscription_cancel(subscription=paid, now=NOW)
    assert (sweep(29), tier_of(ada)) == ((1, 0), "premium")
    assert (sweep(30), tier_of(ada)) == ((0, 1), "free")


def test_a_subscription_paid_on_meanwhile_is_not_closed(make_user: MakeUser) -> None:
    """What the sweep has read may be old when it comes to the row."""
    from apps.accounts.services.subscriptions import _expire

    ada = make_user("ada")
    paid = start(ada, "premium", "payment", days=30)
    subscription_extend(subscription=paid, ends_at=NOW + timedelta(days=60), now=NOW)
    assert not _expire(paid.pk, NOW + timedelta(days=40))
    assert tier_of(ada) == "premium"


def test_a_change_of_tier_is_news(make_user: MakeUser, django_capture_on_commit_callbacks: Any) -> None:
    heard: list[TierChanged] = []
    events.subscribe(TierChanged, heard.append)
    try:
        ada = make_user("ada")
        with django_capture_on_commit_callbacks(execute=True):
            start(ada, "premium", days=1)
            start(ada, "basic", "exchange_key")
    finally:
        events.unsubscribe(TierChanged, heard.append)
    assert heard == [TierChanged(ada.pk, "free", "premium")]


@pytest.mark.django_db(transaction=True)
def test_grants_at_once_leave_one_of_each_source_and_the_right_tier(make_user: MakeUser) -> None:
    ada, together = make_user("ada"), Barrier(4)

    def give(given: tuple[str, str]) -> None:
        together.wait()
        try:
            start(ada, *given, days=9)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(
            pool.map(give, [("premium", "beta"), ("enterprise", "payment"), ("premium", "beta"), ("basic", "operator")])
        )
    assert Subscription.objects.filter(closed_at=None).count() == 3
    assert tier_of(ada) == "enterprise"


def test_one_sees_what_one_has_and_nobody_elses(make_user: MakeUser) -> None:
    ada, bob = make_user("ada"), make_user("bob")
    start(ada, "premium", "beta", days=10)
    url = "/api/v1/users/subscription"
    mine = client_of(ada).get(url).json()
    assert (mine["tier"], mine["base_tier"], mine["policy"]["list_limit"]) == ("premium", "free", 20)
    assert [row["given_by"] for row in mine["subscriptions"]] == [Source.BETA.value]
    assert {"opportunities.premium", "trading.semi_automatic"} <= set(mine["permissions"])
    assert "trading.automatic" not in mine["permissions"]
    [line] = client_of(ada).get(f"{url}/history").json()["results"]
    assert (line["action"], line["tier"], line["given_by"]) == ("started", "premium", "beta")
    theirs = client_of(bob).get(url).json()
    assert (theirs["tier"], theirs["subscriptions"]) == ("free", [])
    assert client_of(bob).get(f"{url}/history").json()["results"] == []
    assert [client_of(None).get(path).status_code for path in (url, f"{url}/history")] == [401, 401]


def test_the_history_asks_the_database_as_often_for_many(
    make_user: MakeUser, django_assert_max_num_queries: Any
) -> None:
    ada = make_user("ada")
    client = client_of(ada)
    client.get("/api/v1/users/subscription/history")
    for _ in range(15):
        start(ada, "premium", days=9)
    with django_assert_max_num_queries(4):
        assert len(client.get("/api/v1/users/subscription/history").json()["results"]) == 29
