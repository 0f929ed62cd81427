"""People, endpoints and messages for tests, with defaults for all that a test does not care about."""

import itertools
from datetime import datetime, timedelta
from typing import Any

from apps.accounts.models import User
from apps.core import clock
from apps.notifications.channels.webhook import secret_new
from apps.notifications.models import Endpoint, Notification
from apps.notifications.services import endpoint_create, notification_create

SECRET = secret_new()
FACTS: dict[str, Any] = {
    "kind": "cross_exchange",
    "kind_label": "cross exchange",
    "symbol": "BTC/USDT",
    "quote": "USDT",
    "legs": [{"words": "Buy BTC on binance & sell <fast>"}, {"words": "Sell BTC on okx at 100.5"}],
    "gross_edge_percent": "0.500",
    "net_edge_percent": "0.300",
    "size": "1,000.00",
    "profit": "3.00 USDT",
    "age_s": 4,
    "risk": "high",
    "expires_at": "2030-01-02T03:04:05+00:00",
    "caution": "Not risk-free and not advice.",
    "url": "https://arbedge.test/opportunities/1?a=1&b=2",
}
_numbers = itertools.count(1)


def user_new(**fields: Any) -> User:
    """A user who may sign in, without a password."""
    return User.objects.create(email=f"user{next(_numbers)}@example.test", **fields)


def endpoint_new(user: User, channel: str, address: str, *, verified: bool = True, **fields: Any) -> Endpoint:
    """A verified endpoint; a webhook gets the test secret."""
    credentials = fields.pop("credentials", {"secret": SECRET} if channel == "webhook" else {})
    return endpoint_create(
        user_id=user.pk, channel=channel, address=address, credentials=credentials, verified=verified, **fields
    )


def notification_new(user: User, *, now: datetime | None = None, **fields: Any) -> Notification:
    """An opportunity alert owed to the user."""
    now = now or clock.now()
    owed: dict[str, Any] = {
        "user_id": user.pk,
        "template": "opportunity",
        "context": FACTS,
        "priority": "high",
        "dedupe_key": f"test:{next(_numbers)}",
        "expires_at": now + timedelta(minutes=10),
        "now": now,
    }
    made = notification_create(**owed | fields)
    assert made is not None
    return made
