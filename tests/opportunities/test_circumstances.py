"""What surrounds an opportunity reaches its risk, its reasons and its details."""

import math
from datetime import timedelta
from decimal import Decimal

import pytest
from pytest_django.fixtures import Settings

from apps.core import clock, config
from apps.markets import selectors as market_selectors
from apps.markets import services as market_services
from apps.markets.breakers import breaker
from apps.markets.models import Feed, Market, SettledFunding
from apps.opportunities import services
from apps.opportunities.models import Lifetime, Opportunity
from tests.opportunities.conftest import HIGH, LOW
from tests.opportunities.factories import levels
from tests.opportunities.world import World


def factors(row: Opportunity) -> dict[str, str]:
    """The risk of each finding by its factor."""
    return {one["factor"]: one["risk"] for one in row.details["risk"]}


def priced_again(world: World, row: Opportunity) -> Opportunity:
    """The row after another pricing a second later."""
    world.pass_time(1)
    world.price()
    row.refresh_from_db()
    return row


def settle(world: World, at: int, rates: list[float]) -> None:
    """Settled fundings every eight hours, the last one an hour ago."""
    last = world.now - timedelta(hours=1)
    SettledFunding.objects.bulk_create(
        SettledFunding(market_id=world.ids[at], settled_at=last - timedelta(hours=8 * back), rate=rate)
        for back, rate in enumerate(reversed(rates))
    )


def test_without_any_trouble_a_funding_difference_is_low_and_lives_four_hours(funding_gap: World) -> None:
    row = funding_gap.activate()
    assert (row.risk, row.details["risk"]) == ("low", [])
    assert row.expires_at == row.activated_at + timedelta(hours=4)  # type: ignore[operator]
    assert row.details["past"]["funding"] is None


def test_perpetual_legs_tell_contracts_and_liquidation(funding_gap: World) -> None:
    Market.objects.filter(pk=funding_gap.ids[0]).update(contract_size=Decimal("0.01"), max_leverage=50)
    row = funding_gap.activate()
    amount = Decimal(row.legs[0]["amount"])
    assert [Decimal(leg["contracts"]) for leg in row.legs] == [amount * 100, amount]
    long, short = row.details["liquidation"]
    # 100.01·(1 - 1/3)/0.99 with 50 x, 99.99·(1 + 1/3)/1.025 where the leverage is not told.
    assert (long["leverage"], long["assumed"], long["maintenance"]) == ("3", False, "0.01")
    assert Decimal(long["price"]) == pytest.approx(Decimal("67.346801"), abs=Decimal("0.000001"))
    assert (short["assumed"], short["maintenance"]) == (True, "0.025")
    assert Decimal(short["price"]) == pytest.approx(Decimal("130.06829"), abs=Decimal("0.00001"))
    # On one leg's notional 131.4 %; both legs take a third of it each.
    assert Decimal(row.details["net_apr_on_capital"]) == pytest.approx(
        row.net_apr * Decimal("1.5"), abs=Decimal("1e-7")
    )


def test_the_leverage_is_runtime_configuration(funding_gap: World) -> None:
    config.config_set(key="opportunities.leverage", value="10", actor_id=None)
    try:
        row = funding_gap.activate()
    finally:
        config.config_reset(key="opportunities.leverage", actor_id=None)
    assert [one["leverage"] for one in row.details["liquidation"]] == ["10", "10"]


def test_spot_legs_have_neither(gap: World) -> None:
    row = gap.activate()
    assert [leg["contracts"] for leg in row.legs] == [None, None]
    assert "liquidation" not in row.details


def test_moving_prices_are_a_risk_with_its_reason(funding_gap: World) -> None:
    row = funding_gap.activate()
    for number in range(25):
        # 1 % every 15 s is 15.5 % an hour: a third away is nothing within a day.
        factor = math.exp(0.01 * (number % 2))
        for at, listing in enumerate((LOW, HIGH)):
            funding_gap.change(at, bid=listing.bid * factor, ask=listing.ask * factor)
        funding_gap.quote()
        latest = market_selectors.snapshots_latest(now_ms=clock.to_ms(funding_gap.now))
        market_services.volatility_sample(latest=latest)
        funding_gap.pass_time(15)
        funding_gap.price()
    row = priced_again(funding_gap, row)
    assert factors(row) == {"volatility": "high", "liquidation": "high"}
    assert row.expires_at == row.activated_at + timedelta(minutes=30)  # type: ignore[operator]


def test_settled_fundings_tell_how_the_difference_varies(funding_gap: World) -> None:
    settle(funding_gap, 0, [0.0001] * 20)
    # ±0.16 % per 8 h around 0.21 %: 0.48 % in a day, more than the 0.36 % that are left.
    settle(funding_gap, 1, [0.0021 + (0.0016 if number % 2 else -0.0016) for number in range(20)])
    row = funding_gap.activate()
    past = row.details["past"]["funding"]
    assert past["mean_hourly"] == pytest.approx(0.00025)
    assert past["std_hourly"] == pytest.approx(0.0002)
    assert factors(row) == {"funding": "medium"}
    assert row.expires_at == row.activated_at + timedelta(hours=2)  # type: ignore[operator]


def test_the_past_is_read_once_in_ten_minutes(funding_gap: World) -> None:
    row = funding_gap.activate()
    measured_at = row.details["past"]["measured_at"]
    settle(funding_gap, 0, [0.0001] * 20)
    settle(funding_gap, 1, [0.0021] * 20)
    row = priced_again(funding_gap, row)
    assert row.details["past"] == {"measured_at": measured_at, "funding": None, "edge": None}
    for _ in range(10):
        funding_gap.pass_time(60)
        funding_gap.quote()
        funding_gap.price()
    row.refresh_from_db()
    assert row.details["past"]["funding"]["std_hourly"] == pytest.approx(0.0)
    assert row.details["past"]["measured_at"] != measured_at


def test_a_troubled_exchange_is_a_risk_and_costs_confidence(funding_gap: World) -> None:
    row = funding_gap.activate()
    before = row.confidence
    Feed.objects.create(exchange_id="bbb", kind="swap", state="stale", reason="no answer for 70 s")
    row = priced_again(funding_gap, row)
    assert factors(row) == {"exchange": "medium"}
    assert row.details["risk"][0]["words"] == "bbb: its swap feed is stale (no answer for 70 s)"
    assert row.details["confidence"]["health"] == 0.3
    assert row.confidence < before
    guard = breaker("bbb")
    while guard.state().value != "open":
        guard.allow()
        guard.failure()
    row = priced_again(funding_gap, row)
    assert factors(row) == {"exchange": "high"}
    assert row.details["confidence"]["health"] == 0.0


def test_many_refused_rows_are_a_trouble_and_a_feed_not_read_yet_is_none(funding_gap: World) -> None:
    Feed.objects.create(exchange_id="aaa", kind="spot", state="new")
    facts = {"state": "ok", "last_ok_at": funding_gap.now, "last_rows": 94, "last_refused": 6}
    Feed.objects.create(exchange_id="aaa", kind="swap", **facts)
    row = funding_gap.activate()
    assert [one["words"] for one in row.details["risk"]] == ["aaa: 6% of its swap rows are refused"]


def test_how_such_edges_went_before_counts(funding_gap: World, settings: Settings) -> None:
    facts = {"kind": "funding_rate", "instrument": "BTC", "origin": settings.ORIGIN, "episodes": 9, "running": 0,
             "longest_s": 100.0, "first_at": funding_gap.now, "last_at": funding_gap.now,
             "measured_at": funding_gap.now}  # fmt: skip
    Lifetime.objects.create(**facts, half_life_s=20.0)
    row = funding_gap.activate()
    assert factors(row) == {"past": "medium"}
    assert row.details["past"]["edge"] == {"half_life_s": 20.0, "measured": 0, "kept_share": None}


def test_so_many_may_take_it_as_have_room_if_an_operator_says_so(gap: World) -> None:
    assert gap.activate().max_participants is None
    config.config_set(key="opportunities.participant_notional", value="1500", actor_id=None)
    try:
        gap.pass_time(1)
        gap.price()
        assert Opportunity.objects.get().max_participants == 3  # 5,000 dollars earn
        gap.pass_time(1)
        gap.fill_books(0)
        gap.fill_books(1, bids=levels(("101", "2"), ("100.1", "50")), asks=levels(("101.1", "50")))
        services.price(market_ids=None, now=gap.now)
        assert Opportunity.objects.get().max_participants == 1
    finally:
        config.config_reset(key="opportunities.participant_notional", actor_id=None)


def test_the_profit_curve_is_drawn_anew_after_a_while(gap: World) -> None:
    row = gap.activate()
    first = row.details["depth"]
    # The books hold 50 units of 100 and end before the edge does.
    assert (first["at_ms"], first["ends_in_book"]) == (clock.to_ms(gap.now), True)
    assert [point["size"] for point in first["curve"]] == [str(625 * step) for step in range(1, 9)]
    assert {point["net_edge"] for point in first["curve"]} == {"0.00798201"}
    gap.change(1, bid=100.8)
    assert priced_again(gap, row).details["depth"] == first
    for _ in range(9):
        row = priced_again(gap, row)
    assert row.details["depth"]["at_ms"] == clock.to_ms(gap.now)
    assert {point["net_edge"] for point in row.details["depth"]["curve"]} == {"0.00598601"}
