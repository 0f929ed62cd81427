"""What moving the stock back costs, or why nobody can tell."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from apps.markets.enums import Gate
from apps.markets.models import CurrencyNetwork, Exchange
from apps.markets.types import TransferRoute
from apps.opportunities.enums import Reason
from apps.opportunities.models import Opportunity
from apps.opportunities.transfer import Move, moved
from tests.opportunities.conftest import CHEAP, DEAR, Build
from tests.opportunities.world import World


def route(state: Gate = Gate.OPEN, **changes: Any) -> TransferRoute:
    facts: dict[str, Any] = {
        "reason": "" if state is Gate.OPEN else "nobody tells",
        "network": "ERC20",
        "withdraw_fee": Decimal("0.001"),
        "withdraw_min": None,
        "checked_at": None,
    }
    return TransferRoute(state=state, **(facts | changes))


def moves(asset: TransferRoute, money: TransferRoute) -> tuple[Move, ...]:
    return (
        Move("BTC", "a", "b", Decimal(1), Decimal(1000), asset),
        Move("USDT", "b", "a", Decimal(1000), Decimal(1), money),
    )


def test_both_ways_are_paid_for() -> None:
    found = moved(moves(route(), route(withdraw_fee=Decimal(3))), Decimal(1000))
    # 0.001 BTC of 1,000 each, and 3 USDT.
    assert (found.state, found.cost, found.share) == (Gate.OPEN, 4, Decimal("0.004"))


def test_a_pack_costs_its_fee_in_packs() -> None:
    found = moved(
        moves(route(unit=1000, withdraw_fee=Decimal("0.000001")), route(withdraw_fee=Decimal(0))), Decimal(1000)
    )
    assert found.cost == Decimal(1)


@pytest.mark.parametrize(
    ("asset", "money", "state", "words"),
    [
        (route(Gate.CLOSED), route(), Gate.CLOSED, "BTC from a to b: nobody tells"),
        (route(), route(Gate.CLOSED), Gate.CLOSED, "USDT from b to a: nobody tells"),
        (route(Gate.UNKNOWN), route(Gate.CLOSED), Gate.CLOSED, "USDT"),
        (route(Gate.UNKNOWN), route(), Gate.UNKNOWN, "BTC from a to b"),
        (route(), route(withdraw_fee=None), Gate.UNKNOWN, "fee is not told"),
        (route(withdraw_min=Decimal("1.01")), route(), Gate.UNKNOWN, "less than can be withdrawn"),
    ],
)
def test_otherwise_nobody_can_tell(asset: TransferRoute, money: TransferRoute, state: Gate, words: str) -> None:
    found = moved(moves(asset, money), Decimal(1000))
    assert (found.state, found.cost, found.share) == (state, None, None)
    assert words in found.reason


def tell(world: World, **gates: dict[str, Any]) -> None:
    """What both exchanges tell of their networks now; a fee of 0.01 BTC and of 1 USDT."""
    Exchange.objects.update(transfers_checked_at=world.now)
    for exchange in ("gate", "kucoin"):
        for currency, fee in (("BTC", "0.01"), ("USDT", "1")):
            facts = {"deposit": "open", "withdraw": "open", "withdraw_fee": Decimal(fee)} | gates.get(currency, {})
            CurrencyNetwork.objects.update_or_create(
                exchange_id=exchange, currency=currency, network="ERC20", defaults=facts
            )


@pytest.fixture
def told(build: Build) -> World:
    """The price gap between two exchanges that tell their networks to everybody."""
    world = build(replace(CHEAP, exchange="gate"), replace(DEAR, exchange="kucoin"))
    tell(world)
    return world


def test_an_open_way_makes_the_edge_after_it_known(told: World) -> None:
    row = told.activate()
    # 10 units at 100: 0.01 BTC of 100 each and 1 USDT are 2 of 1,000.
    assert row.details["transfer"] == {"state": "open", "reason": "", "cost": "2"}
    assert Decimal(row.details["net_after_transfer"]) == row.net_edge - Decimal("0.002")
    assert (row.risk, row.details["risk"]) == ("low", [])
    assert row.expires_at == told.now + timedelta(hours=1)  # a gap's own cap, below the 4 h of its risk
    assert row.score == pytest.approx((7.99 - 2) * row.confidence)


def test_an_unknown_way_is_high_risk(told: World) -> None:
    told.pass_time(1801)
    row = told.activate()
    assert row.details["net_after_transfer"] is None
    assert row.details["transfer"]["state"] == "unknown"
    assert (row.risk, [one["factor"] for one in row.details["risk"]]) == ("high", ["transfer"])
    assert "has not told its networks since" in row.details["risk"][0]["words"]
    assert row.expires_at == told.now + timedelta(minutes=30)


@pytest.mark.parametrize("currency", ["BTC", "USDT"])
def test_a_closed_way_drops_it_and_closes_what_was_active(told: World, currency: str) -> None:
    tell(told, **{currency: {"deposit": "closed"}})
    told.detect()
    told.price()
    assert [(row.status, row.reason) for row in Opportunity.objects.all()] == [("dropped", Reason.TRANSFER_CLOSED)]
    tell(told)
    told.pass_time(31)
    row = told.activate()
    tell(told, **{currency: {"withdraw": "closed"}})
    told.pass_time(1)
    told.price()
    row.refresh_from_db()
    assert (row.status, row.reason) == ("closed", Reason.TRANSFER_CLOSED)


def test_perpetuals_need_no_transfer(funding_gap: World) -> None:
    row = funding_gap.activate()
    assert "transfer" not in row.details
    assert "net_after_transfer" not in row.details
