import json
import uuid
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from apps.accounts.enums import Tier
from apps.accounts.models import User
from apps.accounts.services import user_create
from apps.opportunities import selectors, services
from apps.opportunities.exceptions import OpportunityNotFound
from apps.opportunities.explain import waterfall_picture
from apps.opportunities.models import Opportunity
from tests.opportunities.conftest import CHEAP, DEAR, HIGH, Build
from tests.opportunities.test_detect import many
from tests.opportunities.world import World

People = dict[Tier, User]


@pytest.fixture
def people(build: Build) -> People:
    """One user per tier."""
    return {
        tier: user_create(email=f"{tier}@example.com", password="correct horse battery", tier=tier) for tier in Tier
    }


def visible(world: World, user: User) -> list[Any]:
    """Ids that this user sees in the list now."""
    return [row.pk for row in selectors.opportunities_visible(user=user, now=world.now)]


def test_who_sees_an_opportunity_when(gap: World, people: People) -> None:
    row = gap.activate()
    for tier in (Tier.BASIC, Tier.PREMIUM, Tier.ENTERPRISE):
        assert visible(gap, people[tier]) == [row.pk]
    assert visible(gap, people[Tier.FREE]) == []
    with pytest.raises(OpportunityNotFound):
        selectors.opportunity_visible(user=people[Tier.FREE], id=row.pk, now=gap.now)
    gap.pass_time(299)
    gap.price()
    assert visible(gap, people[Tier.FREE]) == []
    gap.pass_time(1)
    assert visible(gap, people[Tier.FREE]) == [row.pk]
    assert selectors.opportunity_visible(user=people[Tier.FREE], id=row.pk, now=gap.now) == row


def test_only_active_ones_for_everybody_are_listed(gap: World, people: People) -> None:
    user = people[Tier.PREMIUM]
    gap.detect()
    assert visible(gap, user) == []
    with pytest.raises(OpportunityNotFound):
        selectors.opportunity_visible(user=user, id=Opportunity.objects.get().pk, now=gap.now)
    row = gap.activate()
    for changes in ({"context": "personal", "owner": people[Tier.FREE]}, {"context": "group", "owner": None}):
        Opportunity.objects.update(**changes)
        assert visible(gap, user) == []
        with pytest.raises(OpportunityNotFound):
            selectors.opportunity_visible(user=user, id=row.pk, now=gap.now)
    Opportunity.objects.update(context="global", expires_at=gap.now)
    assert visible(gap, user) == []


def test_nothing_old_is_listed_though_no_worker_ends_it(gap: World, people: People) -> None:
    row = gap.activate()
    gap.pass_time(119)
    assert visible(gap, people[Tier.PREMIUM]) == [row.pk]
    assert selectors.opportunities_active().filter(pk=row.pk).exists()
    gap.pass_time(1)
    assert visible(gap, people[Tier.PREMIUM]) == []
    assert not selectors.opportunities_active().filter(pk=row.pk).exists()
    gap.pass_time(-3600)  # the clock is set back
    assert visible(gap, people[Tier.PREMIUM]) == []


def test_an_ended_one_can_still_be_read_but_is_not_listed(gap: World, people: People) -> None:
    row = gap.activate()
    gap.pass_time(60)
    services.expire(now=gap.now)
    assert visible(gap, people[Tier.PREMIUM]) == []
    assert selectors.opportunity_visible(user=people[Tier.PREMIUM], id=row.pk, now=gap.now).status == "expired"
    assert not selectors.opportunities_active().exists()
    assert not selectors.opportunities_active().filter(pk=row.pk).exists()


def test_the_best_come_first(build: Build, people: People) -> None:
    world = build(*many(3))
    world.detect()
    world.price()
    scores = [row.score for row in selectors.opportunities_visible(user=people[Tier.PREMIUM], now=world.now)]
    assert scores == sorted(scores, reverse=True)
    ids = [str(row.pk) for row in Opportunity.objects.all()[:2]]
    assert {str(row.pk) for row in selectors.opportunities_active().filter(pk__in=ids)} == set(ids)


def test_an_unknown_id_is_not_found(gap: World, people: People) -> None:
    for ask in (
        lambda: selectors.opportunity_alert(uuid.uuid4()),
        lambda: selectors.opportunity_visible(user=people[Tier.PREMIUM], id=uuid.uuid4(), now=gap.now),
    ):
        with pytest.raises(OpportunityNotFound):
            ask()


def test_the_alert_of_a_price_gap_in_words(gap: World, settings: Settings) -> None:
    settings.PUBLIC_URL = "https://arb.example"
    settings.ORIGIN = "sandbox"
    row = gap.activate()
    gap.pass_time(12)
    facts = selectors.opportunity_alert(str(row.pk))
    assert json.loads(json.dumps(facts)) == facts
    assert [leg["words"] for leg in facts["legs"]] == ["buy 10 BTC on aaa at 100.00", "sell 10 BTC on bbb at 101.00"]
    assert facts["legs_text"] == "buy 10 BTC on aaa at 100.00, sell 10 BTC on bbb at 101.00"
    assert (facts["kind"], facts["kind_label"], facts["symbol"]) == ("cross_exchange", "cross exchange", "BTC/USDT")
    assert (facts["gross_edge_percent"], facts["net_edge_percent"]) == ("1.000", "0.798")
    assert (facts["size"], facts["max_notional"], facts["profit"]) == ("1,000.00", "5,000.00", "7.99 USDT")
    assert (facts["break_even_hours"], facts["net_apr_percent"]) == (None, None)
    assert (facts["age_s"], facts["origin"]) == (12, "sandbox")
    assert "not real" in facts["origin_words"]
    assert facts["url"] == f"https://arb.example/api/v1/opportunities/{row.pk}"
    assert facts["expires_at"] == (row.activated_at + timedelta(minutes=30)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert "Not risk-free" in facts["caution"]


def test_the_alert_of_a_funding_difference_in_words(funding_gap: World) -> None:
    facts = selectors.opportunity_alert(funding_gap.activate().pk)
    assert facts["legs_text"] == ("buy 9.999 BTC perpetual on aaa at 100.01, sell 9.999 BTC perpetual on bbb at 99.99")
    assert [leg["funding_percent"] for leg in facts["legs"]] == ["0.0100", "0.2100"]
    assert (facts["break_even_hours"], facts["net_apr_percent"]) == ("9.6", "131.4")


def test_what_a_meeting_of_prices_would_bring_is_told_of_spot_against_perpetual_alone(build: Build) -> None:
    # Bought at 100, sold at 100.49: three fundings of 0.21 %, the gap, all fees, half of one spread.
    perpetual = replace(HIGH, bid=100.49, ask=100.51)
    facts = selectors.opportunity_alert(build(replace(CHEAP, bid=99.99, ask=100.0), perpetual).activate().pk)
    assert (facts["kind"], facts["net_if_converged_percent"]) == ("spot_perp", "0.805")
    row = Opportunity.objects.get()
    assert f"net {Decimal(row.details['net_if_converged']):.4%} if both prices have met" in (
        waterfall_picture(row) or ""
    )


def test_a_gap_does_not_count_on_prices_meeting(gap: World) -> None:
    assert selectors.opportunity_alert(gap.activate().pk)["net_if_converged_percent"] is None


def test_large_and_tiny_prices_are_readable(build: Build) -> None:
    big = [replace(one, bid=one.bid * 640.001, ask=one.ask * 640.001) for one in (CHEAP, DEAR)]
    facts = selectors.opportunity_alert(build(*big).activate().pk)
    assert facts["legs"][0]["price"] == "64,000.10"
    assert facts["legs"][0]["words"] == "buy 0.0156 BTC on aaa at 64,000.10"


def test_an_alert_before_pricing_speaks_of_no_amounts(gap: World) -> None:
    gap.detect()
    facts = selectors.opportunity_alert(Opportunity.objects.get().pk)
    assert facts["legs"][0]["words"] == "buy BTC on aaa at 100.00"
