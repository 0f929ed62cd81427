from decimal import Decimal

from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from apps.opportunities import services
from apps.opportunities.enums import Reason
from apps.opportunities.models import Markout, Opportunity
from apps.opportunities.types import MarkoutsDue
from tests.opportunities.conftest import Build
from tests.opportunities.factories import levels
from tests.opportunities.test_detect import many
from tests.opportunities.world import World


def measure(world: World) -> int:
    """Fresh books, then everything that is due."""
    world.fill_books()
    return services.markouts_measure(market_ids=world.ids, now=world.now)


def test_nothing_is_asked_for_before_it_is_due(gap: World) -> None:
    gap.activate()
    gap.pass_time(0.999)
    assert services.markouts_request(now=gap.now) == 0
    assert gap.news(MarkoutsDue) == []
    assert measure(gap) == 0


def test_what_is_due_is_asked_for_and_measured_at_the_alerted_size(gap: World) -> None:
    gap.activate()
    gap.pass_time(1.2)
    assert services.markouts_request(now=gap.now) == 1
    assert gap.news(MarkoutsDue) == [MarkoutsDue(market_ids=tuple(gap.ids))]
    gap.change(1, bid=100.5)
    assert measure(gap) == 1
    first = Markout.objects.get(horizon_s=1)
    assert first.net_edge == Decimal("0.00299200")  # 100.5·0.999/100.1 - 1
    assert (first.measured_at, first.book_age_ms, first.reason) == (gap.now, 100, "")
    assert Markout.objects.filter(measured_at=None).count() == 3
    assert services.markouts_request(now=gap.now) == 0
    assert measure(gap) == 0


def test_a_loss_is_measured_as_a_loss(gap: World) -> None:
    gap.activate()
    gap.pass_time(5.5)
    gap.change(1, bid=99.5, ask=99.6)
    measure(gap)
    assert Markout.objects.get(horizon_s=5).net_edge == Decimal("-0.00698802")  # 99.5·0.999/100.1 - 1


def test_rows_that_have_ended_are_measured_too(gap: World) -> None:
    gap.activate()
    gap.change(1, bid=100.2)
    gap.pass_time(0.5)
    gap.price()
    assert Opportunity.objects.get().status == "closed"
    gap.pass_time(30)
    services.markouts_request(now=gap.now)
    measure(gap)
    assert Markout.objects.get(horizon_s=30).net_edge == Decimal("-0.00000200")  # 100.2·0.999/100.1 - 1


def test_repricing_does_not_change_the_size_that_is_measured(gap: World) -> None:
    gap.activate()
    gap.pass_time(0.5)
    gap.fill_books(0, asks=levels(("100", "1"), ("100.9", "50")), bids=levels(("99.9", "1")))
    gap.fill_books(1)
    services.price(market_ids=None, now=gap.now)
    assert Opportunity.objects.get().size == 100
    gap.pass_time(0.8)
    measure(gap)
    assert Markout.objects.get(horizon_s=1).net_edge == Decimal("0.00798201")


def test_the_books_of_the_alert_itself_are_no_markout(gap: World) -> None:
    gap.activate()
    gap.pass_time(1.2)
    assert services.markouts_measure(market_ids=None, now=gap.now) == 0
    assert Markout.objects.get(horizon_s=1).reason == ""


def test_a_missing_book_is_recorded_once_it_is_too_late(gap: World) -> None:
    gap.activate()
    gap.pass_time(6)
    services.markouts_request(now=gap.now)
    assert Markout.objects.get(horizon_s=1).reason == ""
    gap.pass_time(0.1)
    services.markouts_request(now=gap.now)
    missed = Markout.objects.get(horizon_s=1)
    assert (missed.reason, missed.measured_at, missed.net_edge) == (Reason.MISSING_BOOK, None, None)
    assert measure(gap) == 1
    assert set(Markout.objects.exclude(measured_at=None).values_list("horizon_s", flat=True)) == {5}


def test_what_nobody_gave_up_on_in_time_is_still_not_measured_too_late(gap: World) -> None:
    gap.activate()
    gap.pass_time(20)  # nothing asked for markouts meanwhile
    assert measure(gap) == 0
    gap.pass_time(10.2)
    assert measure(gap) == 1
    assert Markout.objects.exclude(measured_at=None).get().horizon_s == 30


def test_a_later_horizon_may_be_measured_a_little_later(gap: World) -> None:
    gap.activate()
    gap.pass_time(60 + 29)
    services.markouts_request(now=gap.now)
    assert measure(gap) == 1
    assert dict(Markout.objects.exclude(reason="").values_list("horizon_s", "reason")) == {
        1: Reason.MISSING_BOOK,
        5: Reason.MISSING_BOOK,
        30: Reason.MISSING_BOOK,
    }


def test_books_that_cannot_tell_are_recorded_with_the_reason(gap: World) -> None:
    gap.activate()
    gap.pass_time(1.2)
    gap.fill_books(0)
    gap.fill_books(1, bids=levels(("101", "9.9999")), asks=levels(("101.1", "50")))
    assert services.markouts_measure(market_ids=None, now=gap.now) == 1
    thin = Markout.objects.get(horizon_s=1)
    assert (thin.reason, thin.net_edge, thin.measured_at) == (Reason.THIN_BOOK, None, None)


def test_a_rate_that_went_missing_is_recorded_as_the_reason(funding_gap: World, settings: Settings) -> None:
    funding_gap.activate()
    funding_gap.pass_time(1.2)
    settings.MAX_FUNDING_AGE_S = 1
    assert measure(funding_gap) == 1
    markout = Markout.objects.get(horizon_s=1)
    assert (markout.reason, markout.net_edge, markout.measured_at) == (Reason.MISSING_FUNDING, None, None)


def test_other_markets_books_measure_nothing(gap: World) -> None:
    gap.activate()
    gap.pass_time(1.2)
    gap.fill_books()
    assert services.markouts_measure(market_ids=[gap.ids[-1] + 1000], now=gap.now) == 0


def test_queries_do_not_grow_with_rows(build: Build) -> None:
    world = build(*many(20))
    world.detect()
    world.price()
    world.pass_time(1.2)
    world.fill_books()
    with CaptureQueriesContext(connection) as queries:
        assert services.markouts_measure(market_ids=None, now=world.now) == 20
    assert len(queries) <= 10
