"""Limits per second, minute, hour and day of a provider, an address and a person."""

import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from apps.core import clock, config
from apps.core.exceptions import PermanentError
from apps.core.limits import Limit
from apps.notifications.channels.registry import CHANNELS
from apps.notifications.enums import DeliveryState
from apps.notifications.models import Delivery
from apps.notifications.services import deliver
from apps.notifications.services.channels import channel_get
from apps.notifications.services.limits import endpoint_limits, provider_limits, user_limits
from apps.notifications.services.prepare import _behind_s
from apps.notifications.tiers import tiers_read
from tests.notifications.people import endpoint_new, notification_new, user_new
from tests.notifications.sink import Sink


@pytest.fixture(autouse=True)
def own_values() -> Iterator[None]:
    """No values of other tests, and none for them."""
    config.forget()
    yield
    config.forget()


pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("templates")]


def test_a_line_of_limits_is_read() -> None:
    assert tiers_read("provider 25/s 50000/d  endpoint 500/d") == {
        "provider": (Limit(25, 1), Limit(50_000, 86_400)),
        "endpoint": (Limit(500, 86_400),),
    }
    assert tiers_read("  ") == {}


@pytest.mark.parametrize("text", ["2/s", "provider 2", "provider 0/s", "provider 2/w", "provider 2/s 3/s", "user 2/s"])
def test_what_is_no_line_of_limits_is_refused_when_it_is_set(text: str) -> None:
    with pytest.raises(PermanentError, match="can't be"):
        config.config_set(key="notifications.limits.telegram", value=text, actor_id=None)
    config.forget()
    assert config.get("notifications.limits.telegram") == ""


def test_what_operators_say_counts_before_what_is_published_and_the_rest_stays(sink: Sink) -> None:
    channel = channel_get("telegram")
    assert provider_limits(channel) == (Limit(30, 1), Limit(15, 0.5))
    config.config_set(key="notifications.limits.telegram", value="provider 20/s 1000/h endpoint 9/d", actor_id=None)
    assert provider_limits(channel) == (Limit(20, 1), Limit(1000, 3600), Limit(10, 0.5))
    assert endpoint_limits(channel, "42") == (Limit(1, 1), Limit(9, 86_400))
    assert endpoint_limits(channel, "-42") == (Limit(1, 1), Limit(20, 60), Limit(9, 86_400))


def test_every_channel_can_be_given_limits() -> None:
    declared = {row.key: row.default for row in config.declarations()}
    assert {declared[f"notifications.limits.{name}"] for name in CHANNELS.names()} == {""}


def test_a_person_has_four_tiers() -> None:
    assert [limit.seconds for limit in user_limits()] == [1, 60, 3600, 86_400]
    assert all(limit.count > 0 for limit in user_limits())


@pytest.mark.parametrize(
    ("key", "value", "at_least_s"),
    [
        ("notifications.user_per_second", 2, 0.5),
        ("notifications.user_per_day", 2, 80_000),
        ("notifications.limits.webhook", "endpoint 2/h", 3_000),
        ("notifications.limits.webhook", "provider 2/d", 80_000),
    ],
)
def test_each_tier_holds_back_what_is_too_much(sink: Sink, key: str, value: object, at_least_s: float) -> None:
    config.config_set(key=key, value=value, actor_id=None)
    user = user_new()
    endpoint_new(user, "webhook", f"{sink.url}/hook")
    for _ in range(3):
        notification_new(user, expires_at=clock.now() + timedelta(days=3))
    begun = time.time()
    deliver(priority="high", seconds=0.01)
    assert len(sink.arrived) == 2
    held = Delivery.objects.get(state=DeliveryState.PENDING)
    assert held.last_error.startswith("rate_limit")
    assert held.next_attempt_at.timestamp() - begun > at_least_s


@pytest.mark.parametrize(("wait_s", "behind_s"), [(0.3, 0.2), (1.0, 0.2), (1200.0, 60.0), (9000.0, 0.2)])
def test_who_waits_for_an_address_stays_behind_by_the_tier_that_holds_them_back(wait_s: float, behind_s: float) -> None:
    assert _behind_s((Limit(5, 1), Limit(60, 3600)), wait_s) == pytest.approx(behind_s)
