"""Slow data through the front, against the sandbox: where currencies move, and what perpetuals have paid."""

from datetime import timedelta
from typing import Any

import pytest
from pytest_django import Settings

from apps.core import clock, queue
from apps.markets import access, services, tasks
from apps.markets.access import Answer, Pending
from apps.markets.enums import DataSource, Gate
from apps.markets.models import Exchange, Market
from tests.sandbox_process import Sandbox

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_state")]


@pytest.fixture
def rung(sandbox: Sandbox, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The arguments of what was rung instead of a worker; KuCoin and Bybit have their markets."""
    found: list[dict[str, Any]] = []

    def ring(task: str, **options: Any) -> bool:
        if task == "apps.markets.tasks.fetch":
            found.append(options["kwargs"])
        return True

    monkeypatch.setattr(queue, "ring", ring)
    settings.EXCHANGES = ["kucoin", "bybit"]
    services.exchanges_setup()
    for exchange in settings.EXCHANGES:
        services.exchange_sync_markets(exchange=exchange)
    return found


def brought(rung: list[dict[str, Any]]) -> None:
    (message,) = rung
    rung.clear()
    tasks.fetch(**message)


def test_networks_are_rung_for_brought_cached_and_rung_for_again_when_they_are_too_old(
    rung: list[dict[str, Any]],
) -> None:
    assert isinstance(access.networks("kucoin"), Pending)
    brought(rung)
    first, second = access.networks("kucoin"), access.networks("kucoin", currency="BTC")
    assert isinstance(first, Answer)
    assert isinstance(second, Answer)
    assert (first.source, second.source) == (DataSource.REDIS, DataSource.REDIS)
    assert {row.currency for row in second.value} == {"BTC"}
    assert set(second.value) < set(first.value)
    assert {row.withdraw for row in first.value} <= set(Gate)
    Exchange.objects.filter(id="kucoin").update(transfers_checked_at=clock.now() - timedelta(minutes=31))
    assert isinstance(access.networks("kucoin"), Pending)


def test_what_a_perpetual_has_paid_is_brought_for_a_time(rung: list[dict[str, Any]]) -> None:
    market = Market.objects.filter(exchange="bybit", type="swap", active=True).order_by("id")[0]
    now = clock.now()
    span: dict[str, Any] = {"since": now - timedelta(days=2), "until": now}
    assert isinstance(access.funding_history(market.id, **span), Pending)
    brought(rung)
    answer = access.funding_history(market.id, **span)
    assert isinstance(answer, Answer)
    moments = [row.settled_at for row in answer.value]
    assert len(moments) >= 5
    assert moments == sorted(moments)
    assert all(span["since"] <= moment < span["until"] for moment in moments)
    again = access.funding_history(market.id, **span)
    assert isinstance(again, Answer)
    assert (again.source, again.value) == (DataSource.REDIS, answer.value)
    # Past its time it is answered, and a worker looks again.
    Market.objects.filter(id=market.id).update(settled_checked_at=now - timedelta(hours=1))
    assert isinstance(access.funding_history(market.id, **span), Answer)
    brought(rung)
