from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from apps.opportunities import services
from apps.opportunities.enums import OpportunityStatus
from apps.opportunities.models import Opportunity
from apps.opportunities.services.detect import PRICED_PER_SCAN
from apps.opportunities.types import CandidatesFound, OpportunitiesActive
from tests.opportunities.conftest import CHEAP, DEAR, HIGH, LOW, Build
from tests.opportunities.factories import NAN, NOW_MS, Listing
from tests.opportunities.world import World


def test_a_gap_becomes_a_detected_row_and_its_books_are_asked_for(gap: World, settings: Settings) -> None:
    settings.ORIGIN = "sandbox"
    report = gap.detect()
    assert (report.found, report.opened, report.seen) == (1, 1, 0)
    row = Opportunity.objects.get()
    assert (row.status, row.kind, row.instrument, row.symbol, row.quote) == (
        OpportunityStatus.DETECTED, "cross_exchange", "BTC", "BTC/USDT", "USDT",
    )  # fmt: skip
    assert row.gross_edge == Decimal("0.01")
    assert row.net_edge == row.peak_net_edge == Decimal("0.00798201")  # 101·0.999/(100·1.001) - 1
    assert [(leg["exchange"], leg["side"], leg["price"]) for leg in row.legs] == [
        ("aaa", "buy", "100"),
        ("bbb", "sell", "101"),
    ]
    assert row.market_ids == tuple(gap.ids)
    assert (row.leg_count, row.origin, row.context) == (2, "sandbox", "global")
    assert row.opened_at == row.last_seen_at == gap.now
    assert (row.activated_at, row.closed_at) == (None, None)
    (news,) = gap.news(CandidatesFound)
    assert news == CandidatesFound(market_ids=tuple(gap.ids), found=1)
    assert gap.news(OpportunitiesActive) == []


def test_all_kinds_of_two_legs_are_detected_side_by_side(build: Build) -> None:
    # The perpetual that pays so much is sold against the other one, and against the coin.
    world = build(CHEAP, DEAR, LOW, HIGH)
    assert world.detect().opened == 3
    legs = {row.kind: [leg["symbol"] for leg in row.legs] for row in Opportunity.objects.all()}
    assert legs == {
        "cross_exchange": ["BTC/USDT", "BTC/USDT"],
        "funding_rate": ["BTC/USDT:USDT", "BTC/USDT:USDT"],
        "spot_perp": ["BTC/USDT", "BTC/USDT:USDT"],
    }


def test_what_is_seen_again_is_refreshed_and_not_opened_twice(gap: World) -> None:
    gap.detect()
    row = Opportunity.objects.get()
    gap.pass_time(3)
    report = gap.detect()
    assert (report.opened, report.seen) == (0, 1)
    again = Opportunity.objects.get()
    assert (again.pk, again.opened_at) == (row.pk, row.opened_at)
    assert again.last_seen_at == gap.now


def test_an_older_scan_never_turns_last_seen_back(gap: World) -> None:
    gap.detect()
    seen_at = Opportunity.objects.get().last_seen_at
    gap.pass_time(-2)
    gap.detect()
    assert Opportunity.objects.get().last_seen_at == seen_at


def test_a_gap_that_is_gone_is_not_refreshed(gap: World) -> None:
    gap.detect()
    opened = gap.now
    gap.change(1, bid=100.1, ask=100.2)
    gap.pass_time(3)
    assert gap.detect().found == 0
    assert Opportunity.objects.get().last_seen_at == opened


def test_stale_quotes_are_not_scanned(gap: World, settings: Settings) -> None:
    gap.quote()
    gap.pass_time(settings.MAX_QUOTE_AGE_S)
    assert services.detect(now=gap.now).found == 0
    assert not Opportunity.objects.exists()
    assert gap.news(CandidatesFound) == []


@pytest.mark.parametrize("decoy", [{"ts": NOW_MS - 5201}, {"bid": 100.15}, {"bid": 130.0, "ask": 130.1}])
def test_decoys_open_nothing(build: Build, decoy: dict[str, Any]) -> None:
    world = build(CHEAP, replace(DEAR, **decoy))
    assert world.detect().found == 0
    assert not Opportunity.objects.exists()


def test_a_market_without_a_fee_opens_nothing(gap: World) -> None:
    from apps.markets.models import Market

    Market.objects.filter(pk=gap.ids[1]).update(taker_fee=None)
    assert gap.detect().found == 0


def test_what_was_just_closed_rests_before_it_comes_back(gap: World) -> None:
    gap.detect()
    first = Opportunity.objects.get()
    Opportunity.objects.update(status="closed", closed_at=gap.now, reason="edge gone")
    gap.pass_time(29)
    report = gap.detect()
    assert (report.found, report.opened) == (1, 0)
    assert gap.news(CandidatesFound)[1:] == []
    gap.pass_time(1)
    assert gap.detect().opened == 1
    second = Opportunity.objects.get(status="detected")
    assert second.pk != first.pk
    assert second.fingerprint == first.fingerprint


def test_what_expired_does_not_rest(gap: World) -> None:
    gap.detect()
    Opportunity.objects.update(status="expired", closed_at=gap.now, reason="time is up")
    gap.pass_time(1)
    assert gap.detect().opened == 1


def test_an_unsizeable_quote_currency_opens_nothing(build: Build) -> None:
    world = build(replace(CHEAP, quote="XYZ"), replace(DEAR, quote="XYZ"))
    report = world.detect()
    assert (report.found, report.opened) == (1, 0)
    assert not Opportunity.objects.exists()


def many(instruments: int) -> list[Listing]:
    """So many gaps, the first ones the widest."""
    return [
        replace(one, instrument=f"I{at:03d}", bid=one.bid * scale, ask=one.ask * scale)
        for at in range(instruments)
        for one, scale in ((CHEAP, 1.0), (DEAR, 1.01 - at * 1e-5))
    ]


def test_only_the_best_are_opened(build: Build) -> None:
    world = build(*many(PRICED_PER_SCAN + 3))
    report = world.detect()
    assert (report.found, report.opened) == (PRICED_PER_SCAN + 3, PRICED_PER_SCAN)
    missing = {f"I{PRICED_PER_SCAN + at:03d}" for at in range(3)}
    assert missing.isdisjoint(Opportunity.objects.values_list("instrument", flat=True))
    (news,) = world.news(CandidatesFound)
    # The best first: an exchange gives only so many books at once.
    assert news.market_ids[:4] == tuple(world.ids[:4])


def test_a_thin_dust_gap_does_not_crowd_out_a_deep_one(build: Build) -> None:
    dust = replace(CHEAP, instrument="DUST", ask_size=0.001), replace(DEAR, instrument="DUST", bid=110.0, ask=110.1)
    world = build(*dust, CHEAP, DEAR)
    world.detect()
    (news,) = world.news(CandidatesFound)
    assert news.market_ids == (world.ids[2], world.ids[3], world.ids[0], world.ids[1])


def test_books_of_active_rows_are_asked_for_in_turn_with_new_ones(build: Build) -> None:
    world = build(*many(3))
    world.detect()
    for at, row in enumerate(Opportunity.objects.order_by("instrument")):
        if at != 1:
            row.status, row.activated_at = "active", world.now
            row.priced_at = world.now if at == 0 else None
            row.save()
    world.pass_time(2)
    world.detect()
    wanted = world.news(CandidatesFound)[-1].market_ids
    # The detected one, then the active one that has waited longest, then the other.
    assert wanted == (*world.ids[2:4], *world.ids[4:6], *world.ids[0:2])


def test_books_of_a_row_that_was_just_priced_are_not_asked_for_again(gap: World) -> None:
    gap.activate()
    asked = len(gap.news(CandidatesFound))
    gap.pass_time(1.9)
    assert gap.detect().seen == 1
    assert len(gap.news(CandidatesFound)) == asked
    gap.pass_time(0.1)
    gap.detect()
    assert gap.news(CandidatesFound)[asked:] == [CandidatesFound(market_ids=tuple(gap.ids), found=1)]


def test_queries_do_not_grow_with_rows(build: Build) -> None:
    world = build(*many(30))
    world.quote()
    with CaptureQueriesContext(
        connection,
    ) as few:
        services.detect(now=world.now)
    assert Opportunity.objects.count() == 30
    world.pass_time(1)
    world.quote()
    with CaptureQueriesContext(connection) as again:
        services.detect(now=world.now)
    assert len(few) <= 12
    assert len(again) <= 8


def test_an_empty_market_is_scanned_without_complaint(build: Build) -> None:
    world = build()
    assert services.detect(now=world.now).found == 0


@pytest.mark.parametrize(
    ("volumes", "found"), [((1e6, 1e6), 1), ((1e6, 9999.0), 0), ((9999.0, 1e6), 0), ((NAN, 1e6), 1), ((NAN, NAN), 1)]
)
def test_markets_that_are_known_to_trade_too_little_are_left_alone(
    build: Build, settings: Settings, volumes: tuple[float, float], found: int
) -> None:
    settings.MIN_VOLUME_USD = 10_000.0
    world = build(replace(CHEAP, volume=volumes[0]), replace(DEAR, volume=volumes[1]))
    assert world.detect().found == found


@pytest.mark.parametrize(
    ("units", "found"),
    [((500.0, 500.0), 1), ((500.0, 99.0), 0), ((99.0, 500.0), 0), ((NAN, 500.0), 1), ((NAN, NAN), 1)],
)
def test_perpetuals_in_which_little_is_known_to_stand_open_are_left_alone(
    build: Build, settings: Settings, units: tuple[float, float], found: int
) -> None:
    # 99 units at 100 dollars are 9,900.
    settings.MIN_OPEN_INTEREST_USD = 10_000.0
    held = [replace(one, open_interest=each) for one, each in zip((LOW, HIGH), units, strict=True)]
    assert build(*held).detect().found == found


def test_what_there_is_of_each_market_is_told_in_dollars(build: Build) -> None:
    # A pack of 1,000: 40 packs at 100 dollars stand open, whatever a unit of the instrument costs.
    packs = replace(LOW, multiplier=1000.0, open_interest=40.0, volume=1e6)
    build(packs, replace(HIGH, bid=HIGH.bid / 1000, ask=HIGH.ask / 1000)).detect()
    row = Opportunity.objects.get()
    told = {leg["exchange"]: known for leg, known in zip(row.legs, row.details["thickness"], strict=True)}
    assert told[packs.exchange] == {"volume_usd": "1000000", "open_interest_usd": "4000"}
    assert told[HIGH.exchange] == {"volume_usd": None, "open_interest_usd": None}


def test_a_volume_in_another_currency_is_compared_in_dollars(build: Build, settings: Settings) -> None:
    settings.MIN_VOLUME_USD = 10_000.0
    coins = [replace(one, bid=one.bid / 1000, ask=one.ask / 1000, quote="ETH", instrument="X") for one in (CHEAP, DEAR)]
    told = Listing("aaa", 1999.0, 2001.0, "ETH")
    # 6 ETH a day are 12,000 dollars, 4 are 8,000.
    world = build(replace(coins[0], volume=6.0), replace(coins[1], volume=6.0), told)
    assert world.detect().found == 1
    world.pass_time(1)
    world.change(1, volume=4.0)
    assert world.detect().found == 0
