"""One opportunity to 10,000 people at once: until all rows are there, and until the first message is at the provider.

A sending worker of the installation's own is at it meanwhile. The control writes as many bare rows of the same three
tables with `bulk_create` in one transaction."""

import time
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import transaction

from apps.accounts.models import User
from apps.core import clock
from apps.distribution.models import Distribution
from apps.distribution.services import run
from apps.notifications.models import Delivery, Endpoint, Notification
from apps.notifications.services import notifications_create, templates_seed
from apps.notifications.types import NotificationDraft
from apps.opportunities.models import Opportunity
from tests.bench.stand import on_each_database, workers
from tests.installation import until
from tests.sandbox_process import Sandbox, sandbox_run

PEOPLE = 10_000
# Half of them have no daily limit; of the others each sight is counted as well.
TIERS = ("premium", "basic")
PROMISED_S = 2.0
BATCH = 500


def figures() -> Iterator[dict[str, Any]]:
    """A line for each database."""
    for figure in on_each_database("fan_out"):
        if "value" in figure:
            figure |= {"promised": PROMISED_S, "ok": figure["value"] < PROMISED_S}
        yield figure


def measure() -> Iterator[dict[str, Any]]:
    """Seconds from the call of the run, on the database of the settings."""
    templates_seed()
    with sandbox_run() as sandbox:
        settings.SANDBOX_URL, settings.ORIGIN = sandbox.url, "sandbox"
        _people()
        _opportunity()
        with workers({"notify-fast": 1}, SANDBOX_URL=sandbox.url, TELEGRAM_BOT_TOKEN="100:sandbox-bot-token"):
            _warm(sandbox)
            began_at, begun, cpu = time.time(), time.monotonic(), time.process_time()
            told = run(now=clock.now()).notified
            rows_s, cpu_s = time.monotonic() - begun, time.process_time() - cpu
            arrived = until(lambda: sandbox.received("telegram"), seconds=60)
        first_s = datetime.fromisoformat(arrived[0]["at"]).timestamp() - began_at
        if not told == Distribution.objects.filter(notification__isnull=False).count() == PEOPLE:
            raise AssertionError(f"{told} told of {PEOPLE}")
    control_s = _control()
    value = max(rows_s, first_s)
    yield {
        "value": round(value, 2),
        "unit": "s",
        "control": round(control_s, 2),
        "ratio": round(value / control_s, 2),
        "people": PEOPLE,
        "rows_s": round(rows_s, 2),
        "first_on_the_wire_s": round(first_s, 2),
        # Of the run's own process: on a busy machine this says more than the clock.
        "cpu_s": round(cpu_s, 2),
    }


def _warm(sandbox: Sandbox) -> None:
    """One message ahead: a worker that has been running for a while has its connections."""
    user = User.objects.filter(endpoints__isnull=False).first()
    assert user is not None
    until_then = clock.now() + timedelta(minutes=1)
    draft = NotificationDraft(user.pk, "notice", {"title": "Warm", "text": "Up"}, "high", "warm", until_then)
    (made,) = notifications_create(drafts=[draft], now=clock.now())
    until(lambda: sandbox.received("telegram"), seconds=60)
    until(lambda: Notification.objects.filter(pk=made.pk, state="delivered").exists(), seconds=60)
    made.delete()
    sandbox.reset()


def _people() -> None:
    users = [User(email=f"fan{number}@example.test", tier=TIERS[number % 2]) for number in range(PEOPLE)]
    User.objects.bulk_create(users, batch_size=BATCH)
    now = clock.now()
    Endpoint.objects.bulk_create(
        [
            Endpoint(user=user, channel="telegram", address=str(number), created_at=now, verified_at=now)
            for number, user in enumerate(users, start=1)
        ],
        batch_size=BATCH,
    )


def _opportunity() -> None:
    now = clock.now()
    leg = {"symbol": "BTC/USDT", "amount": "1", "rate": None, "fee": "0.001"}
    Opportunity.objects.create(
        id=uuid.uuid4(),
        fingerprint="fan-out",
        kind="cross_exchange",
        instrument="BTC",
        symbol="BTC/USDT",
        quote="USDT",
        status="active",
        gross_edge=Decimal("0.005"),
        net_edge=Decimal("0.003"),
        peak_net_edge=Decimal("0.003"),
        size=Decimal(1000),
        optimal_notional=Decimal(1000),
        max_notional=Decimal(2000),
        profit=Decimal(3),
        score=1.0,
        legs=[
            {**leg, "exchange": "binance", "market_id": 1, "side": "buy", "price": "100"},
            {**leg, "exchange": "okx", "market_id": 2, "side": "sell", "price": "101"},
        ],
        leg_count=2,
        origin=settings.ORIGIN,
        opened_at=now,
        activated_at=now,
        last_seen_at=now,
        expires_at=now + timedelta(hours=1),
    )


def _control() -> float:
    """The same rows once more, under other keys."""
    copies: list[list[Any]] = []
    notifications = list(Notification.objects.all())
    ids = {row.pk: uuid.uuid4() for row in notifications}
    for row in notifications:
        row.pk, row.dedupe_key = ids[row.pk], f"control:{row.dedupe_key}"
    deliveries = list(Delivery.objects.all())
    for delivery in deliveries:
        delivery.pk, delivery.notification_id = uuid.uuid4(), ids[delivery.notification_id]
        delivery.state, delivery.lease_token, delivery.lease_until = "pending", None, None
    decisions = list(Distribution.objects.all())
    for decision in decisions:
        decision.pk, decision.opportunity_id = None, uuid.uuid4()
        decision.notification_id = decision.notification_id and ids[decision.notification_id]
    copies = [notifications, deliveries, decisions]
    begun = time.monotonic()
    with transaction.atomic():
        for rows in copies:
            type(rows[0])._default_manager.bulk_create(rows, batch_size=BATCH)
    return time.monotonic() - begun
