"""One opportunity to 10,000 people at once: until all rows are there, and until the first message is at the provider.

The control writes as many bare rows of the same three tables with `bulk_create` in one transaction."""

import threading
import time
import uuid
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction

from apps.accounts.models import User
from apps.core import clock, events
from apps.distribution.models import Distribution
from apps.distribution.services import run
from apps.notifications.models import Delivery, Endpoint, Notification
from apps.notifications.services import deliver, templates_seed
from apps.notifications.types import DeliveriesDue
from apps.opportunities.models import Opportunity
from tests.notifications.sink import sink_run

PEOPLE = 10_000
# Half of them have no daily limit; of the others each sight is counted as well.
TIERS = ("premium", "basic")
PROMISED_S = 2.0
BATCH = 500


def figures() -> Iterator[dict[str, Any]]:
    """Seconds from the call of the run; another thread delivers as soon as it is rung, as a worker does."""
    call_command("migrate", verbosity=0)
    templates_seed()
    with sink_run() as sink:
        settings.OUTBOUND_ALLOW = [sink.netloc]
        settings.TELEGRAM_API_URL, settings.TELEGRAM_BOT_TOKEN = sink.url, "1:bench"
        _people()
        _opportunity()
        rung = threading.Event()
        events.subscribe(DeliveriesDue, lambda _: rung.set())
        worker = threading.Thread(target=_deliver_once, args=(rung,))
        worker.start()
        begun = time.monotonic()
        told = run(now=clock.now()).notified
        rows_s = time.monotonic() - begun
        worker.join(timeout=60)
        if not told == Distribution.objects.count() == Delivery.objects.count() == PEOPLE:
            raise AssertionError(f"{told} told of {PEOPLE}")
        if not sink.arrived:
            raise AssertionError("no message has arrived")
        first_s = sink.arrived[0].at - begun
    control_s = _control()
    value = max(rows_s, first_s)
    yield {
        "bench": "fan_out",
        "value": round(value, 2),
        "unit": "s",
        "control": round(control_s, 2),
        "ratio": round(value / control_s, 2),
        "people": PEOPLE,
        "rows_s": round(rows_s, 2),
        "first_on_the_wire_s": round(first_s, 2),
        "promised": PROMISED_S,
        "ok": value < PROMISED_S,
    }


def _deliver_once(rung: threading.Event) -> None:
    try:
        if rung.wait(timeout=60):
            deliver(priority="high")
    finally:
        connection.close()


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
