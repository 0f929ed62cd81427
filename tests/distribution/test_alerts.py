"""Alert triggers as they live: made, looked at, told once, kept back with the reason, forgotten."""

import threading
import uuid
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
import time_machine
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import User
from apps.core import clock, config
from apps.core.exceptions import PermanentError
from apps.distribution.enums import Refusal, Silence
from apps.distribution.models import AlertFired, AlertTrigger
from apps.distribution.services import (
    AlertsFull,
    alert_change,
    alert_create,
    alert_remove,
    alert_test,
    alerts_watch,
    prune,
    run,
)
from apps.distribution.services.alert_fire import Due, alerts_fire
from apps.distribution.triggers.base import ParamsInvalid, Telling
from apps.markets import store
from apps.markets.candles import store as bars
from apps.markets.candles.bars import Bars
from apps.markets.enums import BarOrigin, SnapshotKind
from apps.markets.models import Exchange, Quarantine
from apps.notifications.models import Delivery, Notification
from apps.opportunities.models import Opportunity, Seen
from tests.distribution.conftest import MakeOpportunity, MakeUser
from tests.opportunities.factories import Listing
from tests.opportunities.world import STARTED, World, world_of

SPOT = Listing("aaa", 99.0, 101.0)
PERP = Listing("aaa", 99.0, 101.0, swap=True, rate=0.001)
OTHER = Listing("bbb", 109.0, 111.0)
ABOVE = {"symbol": "BTC/USDT", "exchange": "aaa", "op": "above", "value": 105}


@pytest.fixture
def world(db: None, redis_state: None, settings: Any) -> Iterator[World]:
    """BTC spot and perpetual on aaa at 100, spot on bbb at 110."""
    config.forget()
    with time_machine.travel(STARTED, tick=False) as traveller:
        yield world_of([SPOT, PERP, OTHER], traveller, settings)


@pytest.fixture
def owner(trader: MakeUser) -> User:
    return trader()


def alert(user: User, params: dict[str, Any] | None = None, kind: str = "price", **wishes: Any) -> AlertTrigger:
    return alert_create(
        user=user, kind=kind, wishes={"params": ABOVE if params is None else params, **wishes}, now=clock.now()
    )


def go(world: World, bid: float, ask: float, *, seconds: float = 2.0, at: int = 0) -> int:
    """The price moves, time passes, a snapshot comes; how many spoke."""
    world.change(at, bid=bid, ask=ask)
    world.pass_time(seconds)
    world.quote()
    return alerts_watch(now=world.now, feed="spot", exchange="aaa").fired


def believed(world: World) -> None:
    """What is active has just been priced."""
    Opportunity.objects.update(last_seen_at=world.now, priced_at=world.now)


def test_a_price_that_comes_above_is_told_once_with_its_evidence(world: World, owner: User) -> None:
    mine = alert(owner, name="my level")
    assert [go(world, 99, 101), go(world, 105, 107), go(world, 106, 108)] == [0, 1, 0]
    fired = AlertFired.objects.get()
    assert (fired.user_id, fired.trigger_id, fired.name, fired.kind) == (owner.pk, mine.pk, "my level", "price")
    assert fired.title == "BTC/USDT on aaa is above 105: 106"
    assert fired.evidence["quotes"][0] | {"bid": 105.0, "ask": 107.0, "age_s": 0.1} == fired.evidence["quotes"][0]
    owed = Notification.objects.get()
    assert fired.notification_id == owed.pk
    assert (owed.user_id, owed.template, owed.priority) == (owner.pk, "alert", "high")
    assert owed.dedupe_key == f"alert:{mine.pk}:{fired.pk}"
    assert owed.expires_at == fired.fired_at + timedelta(seconds=900)
    assert owed.context["title"] == fired.title
    assert Delivery.objects.count() == 1
    mine.refresh_from_db()
    assert (mine.fired, mine.standing, mine.last_fired_at) == (1, 1, fired.fired_at)
    assert mine.rests_until == fired.fired_at + timedelta(seconds=300)


def test_what_went_back_and_comes_again_after_the_cool_down_is_told_again(world: World, owner: User) -> None:
    alert(owner)
    told = [go(world, 105, 107), go(world, 99, 101, seconds=200), go(world, 105, 107, seconds=101)]
    assert told == [1, 0, 1]


def test_what_comes_again_in_the_cool_down_is_told_after_it_and_counted_once(world: World, owner: User) -> None:
    mine = alert(owner)
    assert [go(world, 105, 107), go(world, 99, 101), *(go(world, 105, 107) for _ in range(3))] == [1, 0, 0, 0, 0]
    mine.refresh_from_db()
    assert (mine.refused, mine.refused_reason) == (1, Refusal.COOLDOWN)
    assert go(world, 105, 107, seconds=300) == 1
    mine.refresh_from_db()
    assert (mine.fired, mine.refused) == (2, 1)


def test_what_was_over_before_the_cool_down_ended_is_not_told(world: World, owner: User) -> None:
    alert(owner)
    assert [go(world, 105, 107), go(world, 99, 101), go(world, 105, 107), go(world, 99, 101)] == [1, 0, 0, 0]
    assert go(world, 99, 101, seconds=400) == 0


def test_a_state_that_lasts_repeats_only_where_asked(world: World, owner: User) -> None:
    once, again = alert(owner), alert(owner, repeat=True, cool_down_s=60)
    assert [go(world, 105, 107, seconds=30) for _ in range(5)] == [2, 0, 1, 0, 1]
    for row, fired in ((once, 1), (again, 3)):
        row.refresh_from_db()
        assert (row.fired, row.refused) == (fired, 0)


def test_a_trembling_price_is_one_message(world: World, owner: User) -> None:
    alert(owner, cool_down_s=60)
    assert sum(go(world, *prices, seconds=61) for prices in [(104.04, 106), (103.94, 106)] * 5) == 1


def test_no_more_in_an_hour_than_allowed_and_then_again(world: World, owner: User) -> None:
    mine = alert(owner, repeat=True, cool_down_s=60, per_hour=3)
    assert [go(world, 105, 107, seconds=61) for _ in range(6)] == [1, 1, 1, 0, 0, 0]
    mine.refresh_from_db()
    assert (mine.refused, mine.refused_reason) == (1, Refusal.HOURLY_LIMIT)
    # A sliding hour: the first message of the three leaves it first.
    assert go(world, 105, 107, seconds=3600 - 5 * 61 - 1) == 0
    assert go(world, 105, 107, seconds=2) == 1
    assert go(world, 105, 107, seconds=10) == 0


def test_defaults_are_the_operators(world: World, owner: User) -> None:
    mine = alert(owner, repeat=True)
    config.config_set(key="distribution.alert_cooldown_s", value=120, actor_id=None)
    config.config_set(key="distribution.alerts_per_hour", value=2, actor_id=None)
    assert [go(world, 105, 107, seconds=119) for _ in range(7)] == [1, 0, 1, 0, 0, 0, 0]
    config.config_set(key="distribution.alert_cooldown_min_s", value=3000, actor_id=None)
    mine.refresh_from_db()
    assert go(world, 105, 107, seconds=3600) == 1
    mine.refresh_from_db()
    assert mine.rests_until == world.now + timedelta(seconds=3000)


@pytest.mark.django_db(transaction=True)
def test_of_two_workers_at_once_one_speaks(redis_state: None, trader: MakeUser, settings: Any) -> None:
    """Both have seen the same news; the hour has room for one more, and the cool-down for one."""
    config.forget()
    owner = trader("enterprise")
    world = world_of([SPOT], None, settings)
    world.quote()
    now = clock.now()
    rows = [alert(owner, per_hour=1) for _ in range(5)]
    says = Telling("news", (), {}, 0)
    dues = [Due(row.pk, owner.pk, "", "price", 1, says, {}) for row in rows]
    both, spoke = threading.Barrier(2), []

    def work() -> None:
        both.wait(5)
        try:
            spoke.append(len(alerts_fire(dues=dues, now=now)))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert (len(spoke), sum(spoke)) == (2, 5)
    assert AlertFired.objects.count() == Notification.objects.count() == 5
    # Later, with the cool-down over, the hour still holds them back.
    assert alerts_fire(dues=dues, now=now + timedelta(seconds=400)) == []


def test_history_and_message_are_written_together_or_not_at_all(
    world: World, owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = alert(owner)

    def broken(*_: Any, **__: Any) -> None:
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr("apps.distribution.services.alert_fire.rows_insert", broken)
        with pytest.raises(OSError):
            go(world, 105, 107)
    assert not Notification.objects.exists() and not AlertFired.objects.exists()
    mine.refresh_from_db()
    assert (mine.standing, mine.rests_until_ms) == (0, 0)
    assert go(world, 105, 107) == 1


@pytest.mark.parametrize("trouble", ["stale", "refused", "switched off", "quarantined", "markets changed"])
def test_data_that_may_not_be_used_says_nothing(world: World, owner: User, trouble: str) -> None:
    """A frozen feed is refused by ingestion, which drops its snapshot."""
    mine = alert(owner)
    world.change(0, bid=105, ask=107)
    world.quote()
    if trouble == "stale":
        world.pass_time(60)
    elif trouble == "refused":
        store.snapshot_drop("aaa", SnapshotKind.SPOT, at_ms=clock.to_ms(world.now))
    elif trouble == "switched off":
        Exchange.objects.filter(id="aaa").update(enabled=False)
    elif trouble == "quarantined":
        Quarantine.objects.create(market_id=world.ids[0], ratio=3.0, compared_with="bbb")
        Exchange.objects.filter(id="aaa").update(market_version=world.version + 500)
    else:
        Exchange.objects.filter(id="aaa").update(market_version=world.version + 500)
    assert alerts_watch(now=world.now, feed="spot", exchange="aaa").fired == 0
    tested = alert_test(trigger=mine, now=world.now)
    assert (tested.holds, tested.fires, tested.reason, tested.title) == (None, False, Silence.UNKNOWN, "")
    mine.refresh_from_db()
    assert (mine.standing, mine.refused) == (0, 0)


def test_only_what_the_news_may_change_is_loaded(world: World, owner: User) -> None:
    alert(owner)
    alert(owner, ABOVE | {"exchange": ""})
    alert(owner, ABOVE | {"exchange": "bbb"})
    alert(owner, ABOVE | {"symbol": "BTC/USDT:USDT"})
    alert(owner, {"symbol": "BTC/USDT:USDT", "op": "above", "value": 0.5}, "funding")
    alert(owner, {"min_net_edge": 0.5}, "opportunity")
    world.quote()
    looked = {
        (feed, exchange): alerts_watch(now=world.now, feed=feed, exchange=exchange).looked_at
        for feed, exchange in [
            ("spot", "aaa"),
            ("spot", "bbb"),
            ("swap", "aaa"),
            ("funding", "bbb"),
            ("opportunities", ""),
        ]
    }
    assert list(looked.values()) == [2, 2, 1, 1, 1]
    assert alerts_watch(now=world.now).looked_at == 6


def test_funding_and_conditions_are_told(world: World, owner: User) -> None:
    alert(owner, {"symbol": "BTC/USDT:USDT", "op": "above", "value": 1.0, "per": "year"}, "funding")
    other = {"field": "price", "symbol": "BTC/USDT", "exchange": "aaa", "times": 1.05}
    when = {"field": "price", "symbol": "BTC/USDT", "exchange": "bbb", "op": ">", "other": other}
    alert(owner, {"when": {"all": [when]}}, "custom", name="gap")
    world.quote()
    assert alerts_watch(now=world.now, feed="funding", exchange="aaa").fired == 1
    assert alerts_watch(now=world.now, feed="spot", exchange="bbb").fired == 1
    assert sorted(AlertFired.objects.values_list("title", flat=True)) == [
        "Funding of BTC/USDT:USDT on aaa is above 100 % per year: 109.5 %",
        "gap: it holds",
    ]


def test_moves_within_a_window_are_measured_on_closes(world: World, owner: User) -> None:
    minute = 60_000
    now_ms = clock.to_ms(world.now)
    last = now_ms // minute * minute - minute
    closes = np.array([[50.0, *[100.0] * 9, 95.0, 96.0]])
    values = np.stack([closes, closes, closes * 0.5, closes, closes])
    bars.bars_put("aaa", "1m", BarOrigin.QUOTES, Bars(np.array([world.ids[0]]), minute, last, values))
    near = alert(owner, ABOVE | {"op": "rises", "value": 0.10, "minutes": 5})
    far = alert(owner, ABOVE | {"op": "rises", "value": 0.90, "minutes": 15})
    assert go(world, 99, 101) == 1  # the 50 of twelve minutes ago, and no low that was never a close
    assert AlertFired.objects.get().trigger_id == far.pk
    assert go(world, 104, 106) == 1
    near.refresh_from_db()
    assert near.fired == 1


def test_an_opportunity_is_told_once_and_the_next_after_the_cool_down(
    world: World, owner: User, opportunity: MakeOpportunity
) -> None:
    mine = alert(owner, {"min_net_edge": 0.002}, "opportunity")
    until = STARTED + timedelta(hours=2)
    for _ in range(2):
        opportunity(activated_at=STARTED, expires_at=until)
    opportunity(activated_at=STARTED, expires_at=until, net_edge=Decimal("0.001"))
    assert alerts_watch(now=world.now, feed="opportunities").fired == 1
    assert alerts_watch(now=world.now, feed="opportunities").fired == 0
    world.pass_time(301)
    believed(world)
    assert alerts_watch(now=world.now).fired == 1
    world.pass_time(301)
    believed(world)
    assert alerts_watch(now=world.now).fired == 0
    assert len(set(AlertFired.objects.values_list("subject", flat=True))) == 2
    mine.refresh_from_db()
    assert (mine.fired, mine.refused_reason) == (2, Refusal.COOLDOWN)


def test_what_distribution_has_just_told_is_no_second_message(
    world: World, owner: User, opportunity: MakeOpportunity
) -> None:
    one = opportunity(activated_at=STARTED, expires_at=STARTED + timedelta(hours=2))
    run(now=world.now)
    message = Notification.objects.get()
    mine = alert(owner, {"min_net_edge": 0.003}, "opportunity")
    assert alerts_watch(now=world.now, feed="opportunities").fired == 1
    assert AlertFired.objects.get().notification_id == message.pk
    assert Notification.objects.get() == message
    mine.refresh_from_db()
    assert mine.fired == 1
    assert one.pk == uuid.UUID(AlertFired.objects.get().subject)


@pytest.mark.parametrize("why", ["promises more by now", "was told long ago", "reached nobody"])
def test_what_distribution_told_otherwise_is_told(
    world: World, owner: User, opportunity: MakeOpportunity, why: str
) -> None:
    opportunity(activated_at=STARTED, expires_at=STARTED + timedelta(hours=2))
    run(now=world.now)
    alert(owner, {"min_net_edge": 0.002}, "opportunity")
    if why == "promises more by now":
        Opportunity.objects.update(net_edge=Decimal("0.0031"))
    elif why == "was told long ago":
        world.pass_time(301)
        believed(world)
    else:
        Notification.objects.update(state="dead")
    assert alerts_watch(now=world.now, feed="opportunities").fired == 1
    assert sorted(Notification.objects.values_list("template", flat=True)) == ["alert", "opportunity"]


def test_a_free_person_waits_for_the_tiers_delay_and_has_a_quota(
    world: World, trader: MakeUser, opportunity: MakeOpportunity
) -> None:
    free = trader("free")
    mine = alert(free, {}, "opportunity")
    one = opportunity(activated_at=STARTED, expires_at=STARTED + timedelta(hours=2))
    assert alerts_watch(now=world.now, feed="opportunities").fired == 0
    world.pass_time(300)
    believed(world)
    assert alerts_watch(now=world.now).fired == 1
    assert Seen.objects.get().opportunity_id == one.pk
    config.config_set(key="tier.free.daily_arbitrage", value=1, actor_id=None)
    opportunity(activated_at=STARTED, expires_at=STARTED + timedelta(hours=2))
    world.pass_time(301)
    believed(world)
    assert alerts_watch(now=world.now).fired == 0
    mine.refresh_from_db()
    assert (mine.fired, mine.refused_reason) == (1, Refusal.DAILY_QUOTA)
    assert Notification.objects.count() == 1


@pytest.mark.parametrize("change", ["suspended", "switched off", "removed"])
def test_who_may_not_be_told_is_not(world: World, owner: User, change: str) -> None:
    mine = alert(owner)
    if change == "suspended":
        User.objects.filter(pk=owner.pk).update(status="suspended")
    elif change == "switched off":
        alert_change(trigger=mine, changes={"enabled": False}, now=world.now)
    else:
        alert_remove(trigger=mine)
    assert go(world, 105, 107) == 0
    assert not Notification.objects.exists()


def test_a_changed_trigger_looks_anew_and_keeps_its_rest(world: World, owner: User) -> None:
    mine = alert(owner)
    assert go(world, 105, 107) == 1
    alert_change(trigger=mine, changes={"params": ABOVE | {"value": 103}}, now=world.now)
    mine.refresh_from_db()
    assert mine.standing == 0
    assert go(world, 105, 107) == 0
    assert go(world, 105, 107, seconds=300) == 1
    alert_change(trigger=mine, changes={"name": "same"}, now=world.now)
    assert go(world, 105, 107, seconds=301) == 0


@pytest.mark.parametrize(
    ("kind", "wishes", "code"),
    [
        ("price", {"params": ABOVE | {"exchange": "mtgox"}}, "params_invalid"),
        ("price", {"params": ABOVE | {"symbol": "BTC-USDT"}}, "params_invalid"),
        ("price", {"params": ABOVE | {"symbol": "BTC/USDT:USDT", "exchange": "bbb"}}, "params_invalid"),
        ("opportunity", {"params": {"exchanges": ["mtgox"]}}, "params_invalid"),
        ("price", {"params": ABOVE | {"op": "crosses"}, "repeat": True}, "does_not_last"),
        ("opportunity", {"params": {}, "repeat": True}, "does_not_last"),
        ("price", {"params": ABOVE, "cool_down_s": 59}, "cool_down_too_short"),
        ("price", {"params": ABOVE, "per_hour": 61}, "per_hour_too_many"),
    ],
)
def test_what_could_never_speak_or_too_often_is_refused(
    world: World, owner: User, kind: str, wishes: dict[str, Any], code: str
) -> None:
    with pytest.raises(PermanentError) as caught:
        alert_create(user=owner, kind=kind, wishes=wishes, now=world.now)
    assert caught.value.code == code
    assert not AlertTrigger.objects.exists()


@pytest.mark.parametrize("kind", ["balance", "profit_loss", "luck"])
def test_kinds_that_are_not_there_are_not_offered(world: World, owner: User, kind: str) -> None:
    with pytest.raises(Exception, match="Unknown alert kind"):
        alert(owner, kind=kind)


def test_no_more_triggers_than_the_tier_has(world: World, trader: MakeUser) -> None:
    free, other = trader("free"), trader("free")
    for _ in range(3):
        alert(free)
    with pytest.raises(AlertsFull, match="3 alerts"):
        alert(free)
    assert AlertTrigger.objects.filter(user=free).count() == 3
    assert alert(other).pk
    config.config_set(key="distribution.alerts.free", value=4, actor_id=None)
    assert alert(free).pk


def test_a_test_says_what_it_would_and_stores_nothing(world: World, owner: User) -> None:
    mine = alert(owner)
    world.quote()
    tested = alert_test(trigger=mine, now=world.now)
    assert (tested.holds, tested.fires, tested.reason, tested.title) == (False, False, Silence.DOES_NOT_HOLD, "")
    world.change(0, bid=105, ask=107)
    world.pass_time(1)
    world.quote()
    tested = alert_test(trigger=mine, now=world.now)
    assert (tested.holds, tested.fires, tested.reason) == (True, True, "")
    assert tested.title == "BTC/USDT on aaa is above 105: 106"
    assert tested.evidence["quotes"][0]["bid"] == 105
    assert not AlertFired.objects.exists() and not Notification.objects.exists()
    assert go(world, 105, 107) == 1
    mine.refresh_from_db()
    tested = alert_test(trigger=mine, now=world.now)
    assert (tested.holds, tested.fires, tested.reason) == (True, False, Silence.TOLD_ALREADY)
    assert tested.title
    alert_change(trigger=mine, changes={"enabled": False}, now=world.now)
    mine.refresh_from_db()
    assert alert_test(trigger=mine, now=world.now).reason == Silence.SWITCHED_OFF


def test_queries_do_not_grow_with_triggers_nor_with_who_speaks(
    world: World, trader: MakeUser, opportunity: MakeOpportunity
) -> None:
    def cost(number: int) -> int:
        for _ in range(number):
            someone = trader("free")
            alert(someone)
            alert(someone, {"min_net_edge": 0.001}, "opportunity")
        world.pass_time(400)
        world.change(0, bid=105, ask=107)
        world.quote()
        believed(world)
        config.forget()
        with CaptureQueriesContext(connection) as queries:
            assert alerts_watch(now=world.now).fired == number * 2
        AlertTrigger.objects.all().delete()
        AlertFired.objects.all().delete()
        return len(queries)

    opportunity(activated_at=STARTED, expires_at=STARTED + timedelta(hours=2))
    # The first look reads the market table, which is kept.
    cost(1)
    few = cost(1)
    assert cost(12) == few


def test_one_spoilt_row_stops_no_other(world: World, owner: User) -> None:
    spoilt, unknown, good = alert(owner), alert(owner), alert(owner)
    AlertTrigger.objects.filter(pk=spoilt.pk).update(params={"of": "another release"}, updated_at=world.now)
    AlertTrigger.objects.filter(pk=unknown.pk).update(kind="balance", updated_at=world.now + timedelta(seconds=1))
    assert go(world, 105, 107) == 1
    assert AlertFired.objects.get().trigger_id == good.pk
    spoilt.refresh_from_db()
    with pytest.raises(ParamsInvalid, match="another release"):
        alert_test(trigger=spoilt, now=world.now)


def test_old_history_goes_and_a_removed_trigger_leaves_its_own(world: World, owner: User, settings: Any) -> None:
    mine = alert(owner)
    assert go(world, 105, 107) == 1
    alert_remove(trigger=mine)
    assert AlertFired.objects.get().trigger_id is None
    settings.NOTIFICATION_DAYS = 30
    assert prune(now=world.now + timedelta(days=29)) == 0
    assert prune(now=world.now + timedelta(days=31)) == 1
    assert not AlertFired.objects.exists()
