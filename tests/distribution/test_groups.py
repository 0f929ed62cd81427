"""Groups: told only where somebody registered them, by rules of their own."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from apps.accounts.models import User
from apps.core.exceptions import PermanentError
from apps.distribution.enums import DistributionState, Reason
from apps.distribution.models import Distribution, Group
from apps.distribution.selectors import group_opportunities
from apps.distribution.services import group_change, group_create, group_remove, run
from apps.notifications.models import Delivery, Endpoint, Notification
from apps.notifications.services import endpoint_create, endpoint_verify
from tests.distribution.conftest import NOW, MakeOpportunity, MakeUser

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(seconds=300)


@pytest.fixture
def owner(trader: MakeUser, redis_state: None) -> User:
    return trader("premium", reachable=False)


def registered(owner: User, *, verified: bool = True, address: str = "-1001", **wishes: Any) -> Group:
    group = group_create(owner_id=owner.pk, name="desk", channel="telegram", address=address, wishes=wishes, now=NOW)
    Notification.objects.all().delete()
    if verified:
        endpoint_verify(endpoint_id=group.endpoint_id)
    return group


def decision(group: Group, opportunity: Any) -> tuple[str, str]:
    row = Distribution.objects.get(group=group, opportunity_id=opportunity.pk)
    return row.state, row.reason


def sent_to() -> list[str]:
    return sorted(Delivery.objects.values_list("endpoint__address", flat=True))


def test_a_group_is_told_after_five_minutes_and_its_owner_at_once(owner: User, opportunity: MakeOpportunity) -> None:
    endpoint_create(user_id=owner.pk, channel="telegram", address="42", verified=True)
    group, one = registered(owner), opportunity()
    run(now=NOW)
    assert sent_to() == ["42"]
    assert decision(group, one) == (DistributionState.SCHEDULED, Reason.TIER_DELAY)
    run(now=LATER)
    assert sent_to() == ["-1001", "42"]
    assert decision(group, one) == (DistributionState.NOTIFIED, "")


@pytest.mark.parametrize("address", ["-1001", "@traders"])
def test_a_group_nobody_registered_is_no_address_for_anybody(owner: User, address: str) -> None:
    with pytest.raises(PermanentError) as caught:
        endpoint_create(user_id=owner.pk, channel="telegram", address=address, verified=True)
    assert caught.value.code == "group_address"
    assert not Endpoint.objects.filter(user=owner).exists()


def test_what_the_owner_is_owed_never_goes_to_the_group(owner: User, opportunity: MakeOpportunity) -> None:
    registered(owner)
    opportunity()
    run(now=NOW)
    assert Distribution.objects.get(recipient_id=owner.pk).reason == Reason.NO_ENDPOINT
    assert not Delivery.objects.exists()


def test_an_unconfirmed_group_is_told_nothing(owner: User, opportunity: MakeOpportunity) -> None:
    group, one = registered(owner, verified=False), opportunity()
    run(now=LATER)
    assert decision(group, one) == (DistributionState.REFUSED, Reason.NO_ENDPOINT)
    assert not Delivery.objects.exists()


def test_registering_sends_a_code_there_and_nothing_else(owner: User) -> None:
    group_create(owner_id=owner.pk, name="desk", channel="telegram", address="-1001", wishes={}, now=NOW)
    delivery = Delivery.objects.get()
    assert (delivery.endpoint.address, delivery.notification.template) == ("-1001", "notice")
    assert not delivery.endpoint.usable


@pytest.mark.parametrize("change", ["off", "removed", "owner suspended", "endpoint off"])
def test_a_group_that_is_over_is_told_nothing(owner: User, opportunity: MakeOpportunity, change: str) -> None:
    group = registered(owner)
    opportunity()
    if change == "off":
        group_change(group=group, changes={"active": False})
    elif change == "removed":
        group_remove(group=group, now=NOW)
    elif change == "owner suspended":
        User.objects.filter(pk=owner.pk).update(status="suspended")
    else:
        Endpoint.objects.filter(pk=group.endpoint_id).update(disabled_at=NOW)
    run(now=LATER)
    assert not Delivery.objects.exists()


@pytest.mark.parametrize(
    ("wishes", "facts", "wanted"),
    [
        ({"kinds": ["funding_rate"]}, {}, False),
        ({"kinds": ["cross_exchange"]}, {}, True),
        ({"min_net_edge": Decimal("0.0031")}, {}, False),
        ({"min_net_edge": Decimal("0.003")}, {}, True),
        ({"min_strength": 0.9}, {}, True),
        ({"min_strength": 0.6}, {"strength": 0.5}, False),
        ({"min_strength": 0.5, "min_net_edge": Decimal("0.01")}, {"strength": 0.5}, True),
        ({"kinds": ["technical"]}, {"strength": 0.5}, True),
    ],
)
def test_a_group_gets_what_it_was_registered_for(
    owner: User, opportunity: MakeOpportunity, wishes: dict[str, Any], facts: dict[str, Any], wanted: bool
) -> None:
    if "strength" in facts:
        facts = signal(**facts)
    group, one = registered(owner, **wishes), opportunity(**facts)
    run(now=LATER)
    expected = (DistributionState.NOTIFIED, "") if wanted else (DistributionState.REFUSED, Reason.NOT_WANTED)
    assert decision(group, one) == expected


def signal(**changes: Any) -> dict[str, Any]:
    """A technical signal: one leg, a strength, no edge."""
    leg = {"exchange": "binance", "symbol": "BTC/USDT", "market_id": 1, "side": "buy", "price": "100", "amount": None,
           "rate": None, "fee": "0.001"}  # fmt: skip
    return {
        "kind": "technical", "legs": [leg], "leg_count": 1, "gross_edge": None, "net_edge": None,
        "peak_net_edge": None, "strength": 0.5,
        "details": {"rule": {"name": "oversold"}, "bars": {"1h": 0}, "stop": None, "target": None},
    } | changes  # fmt: skip


def test_twice_the_free_limits_counted_by_family(owner: User, opportunity: MakeOpportunity) -> None:
    group = registered(owner)
    now = LATER
    for _ in range(3):
        for _ in range(3):
            opportunity(expires_at=NOW + timedelta(days=1))
        run(now=now)
        now += timedelta(minutes=1)
    told = Distribution.objects.filter(group=group, state=DistributionState.NOTIFIED)
    assert told.count() == 6
    assert Distribution.objects.filter(group=group, reason=Reason.DAILY_QUOTA).count() == 3
    opportunity(**signal(expires_at=NOW + timedelta(days=1)))
    run(now=now)
    assert told.filter(kind="technical").count() == 1


def test_at_most_four_at_once(owner: User, opportunity: MakeOpportunity) -> None:
    group = registered(owner)
    for _ in range(5):
        opportunity()
    run(now=LATER)
    assert Distribution.objects.filter(group=group, state=DistributionState.NOTIFIED).count() == 4
    assert Distribution.objects.filter(group=group, reason=Reason.CYCLE_CAP).count() == 1


def test_what_only_a_few_can_take_is_not_for_groups(owner: User, opportunity: MakeOpportunity) -> None:
    group, one = registered(owner), opportunity(max_participants=50)
    run(now=LATER)
    assert decision(group, one) == (DistributionState.REFUSED, Reason.NOT_FOR_GROUPS)


def test_registering_anew_is_no_new_day(owner: User, opportunity: MakeOpportunity) -> None:
    group = registered(owner)
    one = opportunity(expires_at=NOW + timedelta(hours=3))
    run(now=LATER)
    address = group.endpoint_id
    group_remove(group=group, now=LATER)
    assert not Endpoint.objects.get(pk=address).usable
    again = group_create(owner_id=owner.pk, name="desk", channel="telegram", address="-1001", wishes={}, now=LATER)
    endpoint_verify(endpoint_id=again.endpoint_id)
    assert again.endpoint_id == address
    assert run(now=LATER + timedelta(seconds=1)).notified == 0
    assert Distribution.objects.filter(recipient_id=address, opportunity_id=one.pk).count() == 1
    now = LATER + timedelta(minutes=1)
    for _ in range(3):
        for _ in range(3):
            opportunity(expires_at=NOW + timedelta(hours=3))
        now += timedelta(minutes=1)
        run(now=now)
    assert Distribution.objects.filter(recipient_id=address, state=DistributionState.NOTIFIED).count() == 6


def test_no_more_groups_than_allowed_and_none_twice(owner: User) -> None:
    registered(owner)
    with pytest.raises(PermanentError) as caught:
        registered(owner)
    assert caught.value.code == "group_exists"
    registered(owner, address="-1002"), registered(owner, address="-1003")
    with pytest.raises(PermanentError) as caught:
        registered(owner, address="-1004")
    assert caught.value.code == "too_many_groups"
    assert Group.objects.count() == 3
    assert Endpoint.objects.filter(group=True).count() == 3


def test_one_address_is_either_private_or_a_groups(owner: User) -> None:
    endpoint_create(user_id=owner.pk, channel="telegram", address="42", verified=True)
    with pytest.raises(PermanentError) as caught:
        registered(owner, address="42")
    assert caught.value.code == "endpoint_taken"
    assert not Group.objects.exists()


def test_members_may_ask_for_what_the_group_was_told_and_is_still_active(
    owner: User, opportunity: MakeOpportunity, settings: Any
) -> None:
    settings.REPLAY_AT = LATER
    group, one, over = registered(owner), opportunity(), opportunity()
    run(now=LATER)
    opportunity()
    type(over).objects.filter(pk=over.pk).update(status="closed", closed_at=LATER)
    [facts] = group_opportunities(group)
    assert (facts["id"], facts["context"]) == (str(one.pk), "group")


def test_what_was_found_for_one_person_is_told_to_nobody_else(
    owner: User, trader: MakeUser, opportunity: MakeOpportunity
) -> None:
    mine, other = trader("premium"), trader("enterprise")
    registered(owner)
    one = opportunity(context="personal", owner=mine)
    assert run(now=LATER).notified == 1
    assert Distribution.objects.get().user_id == mine.pk
    assert not Notification.objects.filter(user=other).exists()
    assert one.owner_id == mine.pk
