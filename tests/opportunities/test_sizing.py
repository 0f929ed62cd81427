"""What an opportunity comes to at the caller's own size, over the API."""

from decimal import Decimal
from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.accounts.enums import Tier
from apps.opportunities.models import Opportunity
from tests.opportunities.conftest import HIGH, LOW, Build
from tests.opportunities.factories import levels
from tests.opportunities.test_taking import ROOT, client_of, person
from tests.opportunities.world import World


def ask(row: Opportunity, notional: Any = "500", *, tier: Tier = Tier.PREMIUM) -> Any:
    return client_of(person(tier=tier)).get(f"{ROOT}/{row.pk}/size", {"notional": notional})


def test_a_small_size_is_filled_whole(gap: World) -> None:
    row = gap.activate()
    body = ask(row).json()
    assert (body["asked"], body["size"], body["filled"]) == ("500", "500", "1")
    # 5 units: 5·(101·0.999 - 100·1.001).
    assert (body["net_edge"], body["profit"]) == ("0.00798201", "3.995")
    assert (body["prices"], body["amounts"]) == (["100", "101"], ["5", "5"])


def test_a_large_one_may_be_a_part_and_a_loss(gap: World) -> None:
    row = gap.activate()
    gap.fill_books(0)
    gap.fill_books(1, bids=levels(("101", "10"), ("95", "30")), asks=levels(("101.1", "50")))
    body = ask(row, "10000").json()
    # 40 units of 100 dollars; the last thirty are sold at 95.
    assert (body["size"], body["filled"]) == ("4000", "0.4")
    assert Decimal(body["net_edge"]) < 0
    assert Decimal(body["profit"]) == Decimal("-147.86")  # (10·101 + 30·95)·0.999 - 4,000·1.001
    assert body["optimal_notional"] == "1000"


def test_without_fresh_books_a_worker_is_asked_for_them(gap: World) -> None:
    row = gap.activate()
    gap.pass_time(10)
    answer = ask(row)
    assert answer.status_code == 202
    assert int(answer["Retry-After"]) >= 1


@pytest.mark.parametrize("notional", ["", "0.99", "nan", "-5", "1e400", "much"])
def test_a_size_is_a_number_of_dollars(gap: World, notional: str) -> None:
    answer = ask(gap.activate(), notional)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "notional"


def test_below_what_exchanges_take_nothing_can_be_said(gap: World) -> None:
    answer = ask(gap.activate(), "4")
    assert answer.status_code == 409
    assert "minimum" in answer.json()["detail"]


def test_what_is_over_has_no_size_and_what_is_not_theirs_is_not_there(gap: World) -> None:
    row = gap.activate()
    assert ask(row, tier=Tier.FREE).status_code == 404
    Opportunity.objects.update(status="closed", closed_at=gap.now)
    answer = client_of(person("bob")).get(f"{ROOT}/{row.pk}/size", {"notional": "500"})
    assert (answer.status_code, answer.json()["code"]) == (409, "opportunity_over")


def test_nobody_unknown_gets_an_answer(gap: World) -> None:
    assert APIClient().get(f"{ROOT}/{gap.activate().pk}/size", {"notional": "500"}).status_code == 401


def test_a_price_gap_has_nothing_to_be_liquidated(gap: World) -> None:
    body = ask(gap.activate()).json()
    assert (body["net_apr"], body["net_apr_on_capital"], body["liquidation"]) == (None, None, [])


def leveraged(client: APIClient, row: Opportunity, leverage: str) -> Any:
    return client.get(f"{ROOT}/{row.pk}/size", {"notional": "500", "leverage": leverage})


def test_perpetuals_are_told_at_the_callers_own_leverage(build: Build) -> None:
    row = build(LOW, HIGH).activate()
    client = client_of(person())
    five, ten, most = (leveraged(client, row, leverage).json() for leverage in ("5", "10", "125"))
    assert [leg["leverage"] for leg in five["liquidation"] + ten["liquidation"]] == ["5", "5", "10", "10"]
    # 1/L_A + 1/L_B of the notional is the capital.
    assert Decimal(five["net_apr_on_capital"]) == Decimal(five["net_apr"]) / Decimal("0.4")
    assert Decimal(ten["net_apr_on_capital"]) == Decimal(ten["net_apr"]) / Decimal("0.2")
    for near, far in zip(ten["liquidation"], five["liquidation"], strict=True):
        assert Decimal(near["distance"]) < Decimal(far["distance"])
    # No highest leverage is told, so 20 is assumed, and no more than that is offered.
    assert all(leg["assumed"] for leg in five["liquidation"])
    assert [leg["leverage"] for leg in most["liquidation"]] == ["20", "20"]


@pytest.mark.parametrize("leverage", ["0.5", "126", "nan", "much"])
def test_leverage_is_a_number_that_exchanges_offer(gap: World, leverage: str) -> None:
    answer = leveraged(client_of(person()), gap.activate(), leverage)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "leverage"
