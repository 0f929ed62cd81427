"""A price that moves at an exchange of the sandbox, and the message of an alert trigger on the wire."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.utils.module_loading import import_string
from pytest_django import DjangoCaptureOnCommitCallbacks

from apps.accounts.models import User
from apps.core import clock, events
from apps.distribution.models import AlertFired
from apps.distribution.services import alert_create
from apps.markets import services as markets
from apps.markets.enums import SnapshotKind
from apps.markets.events import SnapshotStored
from apps.markets.selectors import caches_forget, market_table, snapshots_latest
from apps.notifications.services import deliver, endpoint_create, templates_seed
from arbedge import pipeline
from tests.markets.adapters import adapters_close
from tests.sandbox_process import Sandbox

SYMBOL = "BTC/USDT"


@pytest.fixture
def stored(sandbox: Sandbox, settings: Any, db: None, redis_state: None) -> Iterator[list[SnapshotStored]]:
    """Binance with its markets loaded; the news of its snapshots."""
    settings.EXCHANGES = ["binance"]
    caches_forget()
    markets.exchanges_setup()
    markets.exchange_sync_markets(exchange="binance")
    heard: list[SnapshotStored] = []
    events.subscribe(SnapshotStored, heard.append)
    yield heard
    events.unsubscribe(SnapshotStored, heard.append)
    caches_forget()
    adapters_close()


def middle() -> float:
    [quotes] = snapshots_latest(now_ms=clock.now_ms(), kinds=[SnapshotKind.SPOT]).spot
    table = market_table()
    row = table.symbol.index(SYMBOL)
    at = quotes.market_id.tolist().index(int(table.market_id[row]))
    return float((quotes.bid[at] + quotes.ask[at]) / 2)


def rung(event: SnapshotStored) -> None:
    """Run what the pipeline rings alert triggers with."""
    for step in pipeline.STEPS:
        if isinstance(event, step.event) and step.task.endswith("watch_alerts"):
            for ring in step.rings(event):
                import_string(step.task)(**ring.kwargs)


def test_a_move_at_the_exchange_arrives_at_the_phone(
    stored: list[SnapshotStored],
    sandbox: Sandbox,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    templates_seed()
    owner = User.objects.create(email="trader@example.test", tier="premium")
    endpoint_create(user_id=owner.pk, channel="telegram", address="1003", verified=True)

    def poll() -> float:
        with django_capture_on_commit_callbacks(execute=True):
            markets.ingest(exchange="binance", kind=SnapshotKind.SPOT)
        rung(stored[-1])
        return middle()

    before = poll()
    for op in ("above", "below"):
        params = {"symbol": SYMBOL, "exchange": "binance", "op": op, "value": before}
        alert_create(user=owner, kind="price", wishes={"params": params, "name": f"moved {op}"}, now=clock.now())
    # The sandbox's prices stand still for half a second.
    deadline = time.monotonic() + 20
    while (now := poll()) == before and time.monotonic() < deadline:
        assert not AlertFired.objects.exists()
        time.sleep(0.05)
    assert now != before
    fired = AlertFired.objects.get()
    way = "above" if now > before else "below"
    assert fired.name == f"moved {way}"
    [quote] = fired.evidence["quotes"]
    assert quote["price"] == now
    assert (quote["bid"] + quote["ask"]) / 2 == now
    assert 0 <= quote["age_s"] < 15
    assert deliver(priority="high").delivered == 1
    [message] = sandbox.received("telegram")
    assert message["to"] == "1003"
    text = message["body"]
    assert f"{SYMBOL} on binance is {way}" in text
    assert f"moved {way}" in text
    assert "sandbox" in text and "old" in text and "SANDBOX – not real data" in text
    # It lasts, so nothing more is said of it.
    poll()
    assert len(sandbox.received("telegram")) == 1
