"""Technical signals on their way to people: in their own words, and one's own to oneself alone."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine

from apps.distribution.models import Distribution
from apps.distribution.services import run
from apps.notifications.channels.registry import CHANNELS
from apps.notifications.models import Delivery, Endpoint, Notification
from apps.notifications.services import templates_seed
from apps.notifications.services.book import forget as templates_forget
from apps.notifications.services.messages import message_make
from apps.opportunities.services import preferences_set
from tests.distribution.conftest import LEGS, NOW, MakeOpportunity, MakeUser

pytestmark = pytest.mark.django_db
SIGNAL: dict[str, Any] = {
    "kind": "technical", "legs": [LEGS[0] | {"amount": None}], "leg_count": 1, "gross_edge": None, "net_edge": None,
    "peak_net_edge": None, "strength": 0.625, "size": 0, "profit": 0, "risk": "medium",
    "details": {"rule": {"id": "r", "name": "RSI oversold", "own": False}, "bars": {"1h": "2026-03-04T12:00:00+00:00"},
                "stop": "96.5", "target": "105.25", "risk": []},
}  # fmt: skip


def test_ones_own_signal_is_told_to_its_owner_alone(trader: MakeUser, opportunity: MakeOpportunity) -> None:
    owner, outsider = trader(), trader("enterprise")
    mine = opportunity(**SIGNAL, context="personal", owner=owner)
    assert run(now=NOW).notified == 1
    assert Distribution.objects.get().user_id == owner.pk
    assert Notification.objects.get().context["id"] == str(mine.pk)
    assert not Notification.objects.filter(user=outsider).exists()


@pytest.mark.parametrize(
    ("wishes", "told"),
    [
        ({}, 0),
        ({"max_risk": "high"}, 0),
        ({"focus": "arbitrage"}, 0),
        ({"focus": "hybrid"}, 1),
        ({"focus": "technical"}, 1),
        ({"kinds": ["technical"]}, 1),
        ({"kinds": ["cross_exchange"], "focus": "hybrid"}, 0),
    ],
)
def test_signals_of_the_house_come_to_who_asked_for_them(
    trader: MakeUser, opportunity: MakeOpportunity, wishes: dict[str, Any], told: int
) -> None:
    user = trader()
    opportunity(**SIGNAL)
    assert run(now=NOW).notified == 0
    preferences_set(user=user, wishes=wishes, now=NOW)
    # With the very next run.
    assert run(now=NOW).notified == told


@time_machine.travel(NOW, tick=False)
@pytest.mark.parametrize("channel", ["telegram", "email", "webhook"])
def test_the_words_of_a_signal_promise_nothing(trader: MakeUser, opportunity: MakeOpportunity, channel: str) -> None:
    templates_seed()
    templates_forget()
    user = trader()
    preferences_set(user=user, wishes={"focus": "technical"}, now=NOW)
    Endpoint.objects.filter(user=user).update(channel=channel)
    opportunity(**SIGNAL)
    run(now=NOW)
    kind = CHANNELS.get(channel)
    made = kind({row.name: "x" for row in kind.settings}, timeout_s=1)
    row = Delivery.objects.select_related("notification__user", "endpoint").get()
    assert row.notification.template == "signal"
    message = message_make(delivery=row, channel=made, credentials={}, now=NOW + timedelta(seconds=30))
    assert "Signal BTC/USDT: RSI oversold (1h)" in message.subject
    assert "signal, not a net edge" in message.body
    assert "buy BTC on binance at 100.00" in message.body
    assert "no promise: stop 96.50, target 105.25" in message.body
    assert "30 s ago" in message.body
    assert "USD, about" not in message.body
