from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from apps.core import config
from apps.markets.models import Exchange, FeeRule, Market
from apps.markets.services import fee_rule_save
from apps.opportunities import services
from apps.opportunities.enums import OpportunityStatus, Reason
from apps.opportunities.evidence import recompute
from apps.opportunities.models import Markout, Opportunity
from apps.opportunities.types import OpportunitiesActive, OpportunitiesEnded
from tests.opportunities.conftest import HIGH, LOW, Build
from tests.opportunities.factories import NAN, levels
from tests.opportunities.test_detect import many
from tests.opportunities.world import World


def test_a_detected_row_becomes_active_with_size_evidence_and_an_expiry(gap: World) -> None:
    gap.detect()
    gap.pass_time(1)
    report = gap.price()
    assert (report.activated, report.updated, report.ended) == (1, 0, 0)
    row = Opportunity.objects.get()
    assert row.status == OpportunityStatus.ACTIVE
    assert row.activated_at == row.priced_at == gap.now
    # 1,000 USD at 100 = 10 units; profit = 10·(101·0.999 - 100·1.001) = 7.99
    assert (row.size, row.profit) == (Decimal(1000), Decimal("7.99"))
    assert row.net_edge == row.peak_net_edge == Decimal("0.00798201")
    assert row.optimal_notional == row.max_notional == 5000  # 50 units in the book
    # Nobody tells whether it can be moved: high.
    assert row.expires_at == gap.now + timedelta(minutes=30)
    assert [(leg["price"], leg["amount"]) for leg in row.legs] == [("100", "10"), ("101", "10")]
    assert recompute(row.evidence) == row.net_edge
    assert Decimal(row.details["quantity"]) == 10
    assert row.score == pytest.approx(7.99 * row.confidence)
    assert gap.news(OpportunitiesActive) == [OpportunitiesActive(opportunity_ids=(str(row.pk),))]
    assert gap.news(OpportunitiesEnded) == []
    assert [(one.horizon_s, one.due_at - gap.now) for one in Markout.objects.all()] == [
        (seconds, timedelta(seconds=seconds)) for seconds in (1, 5, 30, 60)
    ]


def test_a_funding_difference_becomes_active(funding_gap: World) -> None:
    row = funding_gap.activate()
    assert row.kind == "funding_rate"
    assert row.net_edge == Decimal("0.0036")
    assert row.net_apr == Decimal("1.314")
    assert recompute(row.evidence) == row.net_edge
    assert [leg["rate"] for leg in row.legs] == ["0.0001", "0.0021"]
    assert row.details["break_even_hours"] == "9.6"  # cost 0.0024 / 0.00025 per hour
    assert row.evidence["legs"][0]["funding"]["interval_h"] == "8"


def test_a_row_waits_until_every_leg_has_a_book(gap: World) -> None:
    gap.detect()
    gap.fill_books(0)
    assert services.price(market_ids=gap.ids, now=gap.now) == services.price(market_ids=None, now=gap.now)
    assert Opportunity.objects.get().status == OpportunityStatus.DETECTED
    gap.fill_books(1)
    assert services.price(market_ids=[gap.ids[1]], now=gap.now).activated == 1


def test_only_rows_that_the_books_touch_are_priced(gap: World) -> None:
    gap.detect()
    gap.fill_books()
    assert services.price(market_ids=[gap.ids[0] + 1000], now=gap.now).activated == 0
    assert Opportunity.objects.get().status == OpportunityStatus.DETECTED


def test_old_books_price_nothing(gap: World) -> None:
    gap.detect()
    gap.fill_books(age_ms=2001)
    assert services.price(market_ids=None, now=gap.now).activated == 0
    assert Opportunity.objects.get().status == OpportunityStatus.DETECTED


def test_a_candidate_that_its_books_do_not_bear_out_is_dropped_with_the_reason(gap: World) -> None:
    gap.detect()
    gap.fill_books(0)
    gap.fill_books(1, bids=levels(("100.2", "50")), asks=levels(("101.1", "50")))
    assert services.price(market_ids=None, now=gap.now).ended == 1
    row = Opportunity.objects.get()
    assert (row.status, row.reason, row.closed_at) == ("dropped", Reason.EDGE_GONE, gap.now)
    assert gap.news(OpportunitiesActive) == gap.news(OpportunitiesEnded) == []
    assert not Markout.objects.exists()


def test_a_candidate_too_small_for_the_exchange_is_dropped(gap: World) -> None:
    gap.detect()
    gap.fill_books(0)
    gap.fill_books(1, bids=levels(("101", "0.04"), ("100.1", "50")), asks=levels(("101.1", "50")))
    services.price(market_ids=None, now=gap.now)  # 4.04 USD is below the minimum notional of 5
    assert Opportunity.objects.get().reason == Reason.BELOW_MINIMUM


def test_a_thin_book_limits_the_size(gap: World) -> None:
    gap.detect()
    gap.fill_books(0)
    gap.fill_books(1, bids=levels(("101", "2.00005"), ("100.1", "50")), asks=levels(("101.1", "50")))
    services.price(market_ids=None, now=gap.now)
    row = Opportunity.objects.get()
    assert (row.size, row.risk) == (Decimal(200), "high")  # rounded down to lots of 0.0001
    assert row.optimal_notional == Decimal("200.005")
    assert row.expires_at == gap.now + timedelta(minutes=30)


def test_an_active_row_is_updated_and_keeps_its_first_moment_and_its_peak(gap: World) -> None:
    first = gap.activate()
    gap.pass_time(5)
    gap.change(1, bid=100.8)
    assert gap.price().updated == 1
    row = Opportunity.objects.get()
    assert row.net_edge == Decimal("0.00598601")  # 100.8·0.999/100.1 - 1
    assert row.peak_net_edge == first.net_edge
    assert (row.activated_at, row.priced_at) == (first.activated_at, gap.now)
    assert row.expires_at == first.activated_at + timedelta(minutes=30)
    assert recompute(row.evidence) == row.net_edge
    assert len(gap.news(OpportunitiesActive)) == 1
    assert Markout.objects.count() == 4
    gap.pass_time(5)
    gap.change(1, bid=101.05)
    gap.price()
    assert Opportunity.objects.get().peak_net_edge > first.net_edge


def test_an_active_row_closes_when_its_edge_is_gone(gap: World) -> None:
    row = gap.activate()
    gap.pass_time(2)
    gap.change(1, bid=100.2)
    assert gap.price().ended == 1
    ended = Opportunity.objects.get()
    assert (ended.status, ended.reason, ended.closed_at) == ("closed", "edge gone", gap.now)
    assert ended.net_edge == row.net_edge
    assert gap.news(OpportunitiesEnded) == [OpportunitiesEnded((str(row.pk),), "edge gone")]
    assert gap.price().ended == 0
    assert len(gap.news(OpportunitiesEnded)) == 1


def test_an_active_row_outlives_a_dip_below_the_minimum_but_not_for_long(gap: World) -> None:
    gap.activate()
    for bid, status in ((100.24, "active"), (101.0, "active"), (100.24, "active"), (100.22, "closed")):
        gap.pass_time(2)
        gap.change(1, bid=bid)  # 100.24 is 0.04 % net, 100.22 is 0.02 %
        gap.detect()
        gap.price()
        assert Opportunity.objects.get().status == status
    assert len(gap.news(OpportunitiesActive)) == 1


def test_an_edge_that_stays_below_the_minimum_is_over_unseen(gap: World) -> None:
    gap.activate()
    gap.change(1, bid=100.24)
    for _ in range(4):
        gap.pass_time(15)
        gap.detect()
        gap.price()
    assert services.expire(now=gap.now) == 1
    assert Opportunity.objects.get().reason == Reason.NOT_SEEN


def test_a_new_row_needs_the_whole_minimum(gap: World) -> None:
    gap.detect()
    gap.change(1, bid=100.24)
    gap.price()
    row = Opportunity.objects.get()
    assert (row.status, row.reason) == ("dropped", Reason.EDGE_GONE)


@pytest.mark.parametrize(
    ("sides", "reason"),
    [
        ({"bids": levels(("102", "9")), "asks": levels(("101", "9"))}, Reason.CROSSED_BOOK),
        ({"bids": levels(("150", "9")), "asks": levels(("151", "9"))}, Reason.PRICE_RATIO),
    ],
)
def test_unfit_books_decide_nothing(gap: World, sides: dict[str, Any], reason: Reason) -> None:
    gap.detect()
    gap.fill_books(0)
    gap.fill_books(1, **sides)
    assert services.price(market_ids=None, now=gap.now).undecided == 1
    row = Opportunity.objects.get()
    assert (row.status, row.reason) == ("detected", reason)
    gap.price()
    active = Opportunity.objects.get()
    assert (active.status, active.reason) == ("active", "")
    gap.pass_time(1)
    gap.fill_books(0)
    gap.fill_books(1, **sides)
    assert services.price(market_ids=None, now=gap.now).undecided == 1
    same = Opportunity.objects.get()
    assert (same.status, same.reason, same.priced_at) == ("active", "", active.priced_at)


def test_books_of_moments_too_far_apart_decide_nothing(gap: World, settings: Settings) -> None:
    settings.MAX_SKEW_S = 1.0
    gap.detect()
    gap.fill_books(0, age_ms=1500)
    gap.fill_books(1, age_ms=100)
    assert services.price(market_ids=None, now=gap.now).undecided == 1
    assert Opportunity.objects.get().reason == Reason.SKEWED_BOOKS


def _fee_missing(world: World) -> None:
    Market.objects.filter(pk=world.ids[1]).update(taker_fee=None)
    Exchange.objects.update(market_version=world.version + 500_000)


def _fee_doubted(world: World) -> None:
    fee_rule_save(rule=FeeRule(exchange_id=world.listings[1].exchange, market_id=world.ids[1]))


def _delisted(world: World) -> None:
    Market.objects.filter(pk=world.ids[1]).update(active=False)
    Exchange.objects.update(market_version=world.version + 600_000)


def _switched_off(world: World) -> None:
    Exchange.objects.filter(pk=world.listings[1].exchange).update(enabled=False)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (_fee_missing, Reason.MISSING_FEE),
        (_fee_doubted, Reason.MISSING_FEE),
        (_delisted, Reason.UNKNOWN_MARKET),
        (_switched_off, Reason.UNKNOWN_MARKET),
    ],
)
@pytest.mark.parametrize(("active", "status"), [(True, "closed"), (False, "dropped")])
def test_a_leg_that_may_not_be_traded_ends_a_row_without_any_book(
    gap: World, spoil: Callable[[World], None], reason: Reason, active: bool, status: str
) -> None:
    gap.activate() if active else gap.detect()
    gap.pass_time(3)  # the books are too old to price on
    spoil(gap)
    assert services.price(market_ids=None, now=gap.now).ended == 1
    row = Opportunity.objects.get()
    assert (row.status, row.reason, row.closed_at) == (status, reason, gap.now)
    assert len(gap.news(OpportunitiesEnded)) == int(active)


def test_a_funding_that_has_just_been_paid_is_not_counted(funding_gap: World) -> None:
    funding_gap.pass_time(4 * 3600 - 1)
    before = funding_gap.activate()
    assert before.details["fundings_short"] == "3"  # in 0, 8 and 16 h; the one after is due one second too late
    funding_gap.pass_time(2)
    funding_gap.quote()
    funding_gap.price()
    assert Opportunity.objects.get().details["fundings_short"] == "3"  # in 8, 16 and 24 h less a second


@pytest.mark.parametrize("broken", [{"rate": NAN}, {"interval_h": NAN}, {"next_h": -20.0}])
def test_incomplete_funding_decides_nothing(funding_gap: World, broken: dict[str, Any]) -> None:
    funding_gap.detect()
    funding_gap.change(1, **broken)
    funding_gap.quote()
    assert funding_gap.price().undecided == 1
    assert Opportunity.objects.get().reason == Reason.MISSING_FUNDING


def test_funding_that_went_stale_decides_nothing(funding_gap: World, settings: Settings) -> None:
    funding_gap.detect()
    funding_gap.pass_time(settings.MAX_FUNDING_AGE_S)
    funding_gap.price()
    row = Opportunity.objects.get()
    assert (row.status, row.reason) == ("detected", Reason.MISSING_FUNDING)


def test_an_older_price_never_overwrites_a_newer_one(gap: World) -> None:
    gap.activate()
    gap.pass_time(5)
    gap.price()
    newer = Opportunity.objects.get()
    gap.fill_books()
    report = services.price(market_ids=None, now=gap.now - timedelta(seconds=3))
    assert report.updated == 0
    assert Opportunity.objects.get().priced_at == newer.priced_at


def test_a_row_that_ended_meanwhile_is_not_brought_back(gap: World) -> None:
    gap.detect()
    Opportunity.objects.update(status="dropped", closed_at=gap.now, reason="never priced")
    assert gap.price().activated == 0
    assert gap.news(OpportunitiesActive) == []


def test_queries_do_not_grow_with_rows(build: Build) -> None:
    counts = []
    for size in (3, 24):
        world = build(*many(size)) if not counts else world_again(build, size)
        world.detect()
        world.fill_books()
        # What is kept for seconds must not count for one size only.
        config.get("opportunities.rules_per_user")
        with CaptureQueriesContext(connection) as queries:
            assert services.price(market_ids=None, now=world.now).activated == size
        counts.append(len(queries))
        Opportunity.objects.all().delete()
    assert counts[1] <= counts[0]


def world_again(build: Build, size: int) -> World:
    """Another world on other exchanges, so that both may exist at once."""
    return build(*(replace(one, exchange=f"{one.exchange}2") for one in many(size)))


def test_a_multiplied_listing_is_priced_per_unit_and_shown_as_listed(build: Build) -> None:
    thousands = replace(HIGH, multiplier=1000, bid=99_990.0, ask=100_010.0)
    row = build(LOW, thousands).activate()
    assert row.legs[1]["symbol"] == "1000BTC/USDT:USDT"
    assert row.legs[1]["price"] == "99990"
    assert Decimal(row.legs[0]["amount"]) == Decimal(row.legs[1]["amount"]) * 1000
    assert row.net_edge == Decimal("0.0036")
    assert recompute(row.evidence) == row.net_edge
