"""Opportunities and people of this folder's tests."""

import itertools
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from apps.accounts.models import User
from apps.notifications.services import endpoint_create
from apps.opportunities.models import Opportunity

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
LEGS = [
    {"exchange": "binance", "symbol": "BTC/USDT", "market_id": 1, "side": "buy", "price": "100", "amount": "1",
     "rate": None, "fee": "0.001"},
    {"exchange": "okx", "symbol": "BTC/USDT", "market_id": 2, "side": "sell", "price": "101", "amount": "1",
     "rate": None, "fee": "0.001"},
]  # fmt: skip
_numbers = itertools.count(1)

MakeOpportunity = Callable[..., Opportunity]
MakeUser = Callable[..., User]


@pytest.fixture
def opportunity(db: None) -> MakeOpportunity:
    """Makes active opportunities; earlier ones have the better score."""

    def make(**fields: Any) -> Opportunity:
        number = next(_numbers)
        activated_at = fields.pop("activated_at", NOW)
        return Opportunity.objects.create(
            **{
                "id": uuid.uuid4(), "fingerprint": f"f{number}", "kind": "cross_exchange", "instrument": "BTC",
                "symbol": "BTC/USDT", "quote": "USDT", "status": "active", "gross_edge": Decimal("0.005"),
                "net_edge": Decimal("0.003"), "peak_net_edge": Decimal("0.003"), "size": Decimal(1000),
                "optimal_notional": Decimal(1000), "max_notional": Decimal(2000), "profit": Decimal(3),
                "score": 1 / number, "legs": LEGS, "leg_count": 2, "origin": "live", "opened_at": activated_at,
                "activated_at": activated_at, "last_seen_at": activated_at, "expires_at": NOW + timedelta(hours=2),
            }
            | fields
        )  # fmt: skip

    return make


@pytest.fixture
def trader(db: None) -> MakeUser:
    """Makes users of a tier, with a verified Telegram chat unless told otherwise."""

    def make(tier: str = "premium", *, reachable: bool = True, **fields: Any) -> User:
        number = next(_numbers)
        user = User.objects.create(email=f"trader{number}@example.test", tier=tier, **fields)
        if reachable:
            endpoint_create(user_id=user.pk, channel="telegram", address=str(number), verified=True)
        return user

    return make
