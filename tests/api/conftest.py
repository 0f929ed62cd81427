"""People, opportunities and clients of the API's tests."""

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.accounts.enums import Role, Tier
from apps.accounts.models import User
from apps.accounts.services import token_create, user_create
from apps.core import clock, config
from apps.opportunities.evidence import recompute
from apps.opportunities.models import Opportunity

MakeUser = Callable[..., User]
MakeOpportunity = Callable[..., Opportunity]

BOOK = {"bids": [["99.9", "5"]], "asks": [["100", "5"]]}


def evidence_of(exchanges: tuple[str, str], sell_bid: str, at: datetime) -> dict[str, Any]:
    """Evidence of buying at 100 on the first exchange and selling at `sell_bid` on the second, fees 0.1 % each."""
    common = {
        "multiplier": "1",
        "fee": "0.001",
        "mid": "100",
        "exchange_ts": clock.to_ms(at),
        "received_at": clock.to_ms(at),
        "funding": None,
    }
    buy = {"exchange": exchanges[0], "symbol": "BTC/USDT", "market_id": 1, "side": "buy", **BOOK, **common}
    sell = {"exchange": exchanges[1], "symbol": "BTC/USDT", "market_id": 2, "side": "sell", **common}
    sell |= {"bids": [[sell_bid, "5"]], "asks": [["110", "5"]]}
    return {
        "kind": "cross_exchange",
        "formula": "cross_exchange/1",
        "at_ms": clock.to_ms(at),
        "horizon_h": "24",
        "quantity": "2",
        "dollar_rate": "1",
        "legs": [buy, sell],
    }


@pytest.fixture(autouse=True)
def _fresh_config() -> None:
    config.forget()


@pytest.fixture
def make_user(db: None) -> MakeUser:
    """Makes users with an address from the name they are called by."""

    def make(name: str, tier: Tier = Tier.PREMIUM, role: Role = Role.USER, **fields: Any) -> User:
        return user_create(email=f"{name}@example.test", name=name, tier=tier, role=role, **fields)

    return make


@pytest.fixture
def make_opportunity(db: None) -> MakeOpportunity:
    """Stores an active cross-exchange opportunity; keywords replace its fields."""

    def make(
        exchanges: tuple[str, str] = ("okx", "bybit"), sell_bid: str = "101", age_s: float = 600, **fields: Any
    ) -> Opportunity:
        now = clock.now()
        opened = now - timedelta(seconds=age_s)
        evidence = evidence_of(exchanges, sell_bid, opened)
        net = recompute(evidence)
        legs = [
            {
                "exchange": exchange,
                "symbol": "BTC/USDT",
                "market_id": number,
                "side": side,
                "price": price,
                "amount": "2",
                "rate": None,
                "fee": "0.001",
            }
            for number, (exchange, side, price) in enumerate(
                zip(exchanges, ("buy", "sell"), ("100", sell_bid), strict=True), 1
            )
        ]
        row = {
            "id": uuid.uuid4(),
            "fingerprint": uuid.uuid4().hex,
            "kind": "cross_exchange",
            "instrument": "BTC",
            "symbol": "BTC/USDT",
            "quote": "USDT",
            "status": "active",
            "gross_edge": Decimal(sell_bid) / 100 - 1,
            "net_edge": net,
            "peak_net_edge": net,
            "size": Decimal(200),
            "score": 50.0,
            "legs": legs,
            "leg_count": 2,
            "evidence": evidence,
            "origin": "sandbox",
            "opened_at": opened,
            "activated_at": opened,
            "last_seen_at": now,
            "expires_at": now + timedelta(hours=1),
        }
        return Opportunity.objects.create(**(row | fields))

    return make


def client_of(user: User | None) -> APIClient:
    """A client that signs every request with a token of `user`."""
    client = APIClient()
    if user is not None:
        client.credentials(HTTP_AUTHORIZATION=f"Token {token_create(user=user, name='test')}")
    return client
