"""Statistics of deliveries: counted from rows, whole hours at a time, never twice."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from apps.accounts.models import User
from apps.core import clock, config
from apps.notifications.bounces import Bounce
from apps.notifications.models import (
    Delivery,
    DeliveryAttempt,
    DeliveryStatistic,
    Endpoint,
    Notification,
    StatisticsHour,
)
from apps.notifications.services import deliver, delivery_replay, statistics_prune, statistics_roll
from apps.notifications.services.bounces import bounces_take
from apps.notifications.services.statistics import HOURS_PER_RUN, OTHERS, PROVIDERS_MAX, SETTLE
from apps.notifications.statistics.cells import Cell, Place
from apps.notifications.statistics.counting import cells_count
from apps.notifications.statistics.report import Filters, Report, Span, Step, report
from tests.notifications.people import endpoint_new, notification_new, user_new
from tests.notifications.sink import Answer, Sink

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
_numbers = itertools.count(1)


@pytest.fixture
def user() -> User:
    return user_new()


@pytest.fixture
def telegram(user: User) -> Endpoint:
    return endpoint_new(user, "telegram", "42")


def ended(
    endpoint: Endpoint,
    *,
    at: datetime = NOON,
    took_ms: int = 250,
    state: str = "delivered",
    tries: tuple[tuple[str, str], ...] = (("delivered", ""),),
    **fields: Any,
) -> Delivery:
    """A message that was due `took_ms` before `at` and ended then, after these tries (outcome, code) of 100 ms each."""
    due = at - timedelta(milliseconds=took_ms)
    message = Notification.objects.create(
        user=endpoint.user,
        template=fields.pop("template", "opportunity"),
        priority="high",
        dedupe_key=f"statistics:{next(_numbers)}",
        origin="sandbox",
        state={"failed": "dead"}.get(state, state),
        created_at=due,
        expires_at=at + HOUR,
        finished_at=at,
    )
    row: dict[str, Any] = {
        "notification": message,
        "endpoint": endpoint,
        "channel": endpoint.channel,
        "provider": "api.telegram.org",
        "priority": "high",
        "state": state,
        "attempts": len(tries),
        "next_attempt_at": due,
        "created_at": due,
        "finished_at": at,
    }
    delivery = Delivery.objects.create(**row | fields)
    for number, (outcome, code) in enumerate(tries, 1):
        DeliveryAttempt.objects.create(
            delivery=delivery, number=number, finished_at=at, outcome=outcome, code=code,
            # Nobody saw a lost one.
            started_at=at if outcome == "lost" else at - timedelta(milliseconds=100),
        )  # fmt: skip
    return delivery


def counted(*, at: datetime = NOON, **fields: Any) -> Cell:
    """The one cell of an hour."""
    [cell] = cells_count(start=at, end=at + HOUR, **fields).values()
    return cell


def stored(hours: int = 1) -> list[dict[str, Any]]:
    rows = DeliveryStatistic.objects.filter(hours=hours).order_by("hour", "channel", "provider", "template")
    return [dict(row) for row in rows.values()]


def told(since: datetime = NOON, until: datetime = NOON + HOUR, **fields: Any) -> Report:
    step = Step(fields.pop("step", "hour"))
    return report(span=Span.around(since, until, step), filters=Filters(**fields))


def test_outcomes_tries_and_trouble_are_counted(telegram: Endpoint) -> None:
    ended(telegram)
    ended(telegram, tries=(("throttled", "http_429"), ("temporary", "http_503"), ("delivered", "")))
    ended(telegram, state="failed", last_error="chat_gone: nobody: there", tries=(("permanent", "chat_gone"),))
    ended(telegram, state="dead", last_error="http_500: oops", tries=(("temporary", "http_500"), ("lost", "")))
    ended(telegram, state="expired", last_error="expired", tries=())
    ended(telegram, state="dead", last_error="Odd words that are no code", tries=())
    cell = counted()
    assert (cell.delivered, cell.failed, cell.dead, cell.expired) == (2, 1, 2, 1)
    assert (cell.deliveries, cell.retried, cell.attempts) == (6, 2, 7)
    assert cell.success_rate == pytest.approx(2 / 6)
    assert cell.reasons == {
        "address/chat_gone": 1, "provider/http_500": 1, "expired/expired": 1, "other/unknown": 1
    }  # fmt: skip
    assert cell.errors == {
        "rate_limit/http_429": 1, "provider/http_503": 1, "provider/http_500": 1, "address/chat_gone": 1,
        "lost/unknown": 1,
    }  # fmt: skip
    assert (cell.calls.count, cell.calls.min_us, cell.calls.max_us) == (6, 100_000, 100_000)


def test_latency_is_from_when_it_was_due_and_exact_where_it_says_so(telegram: Endpoint) -> None:
    for took_ms in (100, 200, 300, 4000):
        ended(telegram, took_ms=took_ms)
    ended(telegram, took_ms=1000, at=NOON + timedelta(microseconds=999_999))
    scheduled = ended(telegram, took_ms=3_000_000, at=NOON + timedelta(minutes=50, microseconds=7))
    scheduled.notification.send_at = NOON + timedelta(minutes=50)
    scheduled.notification.save()
    ended(telegram, took_ms=9000, state="dead", last_error="timeout: slow")
    set_back = ended(telegram, took_ms=0)
    Delivery.objects.filter(pk=set_back.pk).update(finished_at=NOON - timedelta(seconds=5))
    latency = counted().latency
    assert (latency.count, latency.min_us, latency.max_us) == (7, 0, 4_000_000)
    assert latency.sum_us == 5_600_007
    assert latency.percentiles_us(0.5, 0.9) == pytest.approx([200_000, 1_000_000], rel=0.01)


def test_each_goes_to_its_hour_channel_provider_and_template(user: User, telegram: Endpoint) -> None:
    hook = endpoint_new(user, "webhook", "https://hooks.example.test/a")
    ended(telegram, at=NOON)
    ended(telegram, at=NOON + HOUR - timedelta(microseconds=1))
    ended(telegram, at=NOON + HOUR)
    ended(hook, at=NOON, provider="hooks.example.test")
    ended(hook, at=NOON, provider="hooks.example.test", template="signal")
    found = cells_count(start=NOON, end=NOON + 2 * HOUR)
    assert {place: cell.delivered for place, cell in found.items()} == {
        Place(NOON, "telegram", "api.telegram.org", "opportunity"): 2,
        Place(NOON + HOUR, "telegram", "api.telegram.org", "opportunity"): 1,
        Place(NOON, "webhook", "hooks.example.test", "opportunity"): 1,
        Place(NOON, "webhook", "hooks.example.test", "signal"): 1,
    }


def test_counting_again_changes_nothing_and_late_results_are_found(telegram: Endpoint) -> None:
    ended(telegram)
    statistics_roll(now=NOON + timedelta(minutes=30))
    first = stored()
    statistics_roll(now=NOON + timedelta(minutes=35))
    again = stored()
    assert [row | {"id": 0} for row in first] == [row | {"id": 0} for row in again]
    ended(telegram, at=NOON + timedelta(minutes=59))
    statistics_roll(now=NOON + HOUR + timedelta(minutes=5))
    assert [row["delivered"] for row in stored()] == [2]
    # A result that was written down a few minutes late.
    ended(telegram, at=NOON + timedelta(minutes=59))
    statistics_roll(now=NOON + HOUR + SETTLE)
    assert [row["delivered"] for row in stored()] == [3]
    # Now the hour is final: nobody reads its rows any more.
    Delivery.objects.all().delete()
    statistics_roll(now=NOON + HOUR + SETTLE + timedelta(minutes=5))
    assert [row["delivered"] for row in stored()] == [3]
    # And the day has what its hours have.
    assert [row["delivered"] for row in stored(hours=24)] == [3]


def test_whoever_looked_earlier_does_not_overwrite_who_looked_later(telegram: Endpoint) -> None:
    ended(telegram)
    statistics_roll(now=NOON + timedelta(minutes=30))
    Delivery.objects.all().delete()
    StatisticsHour.objects.update(rolled_at=NOON + timedelta(minutes=31))
    statistics_roll(now=NOON + timedelta(minutes=30))
    assert [row["delivered"] for row in stored()] == [1]


def test_what_ended_while_nobody_counted_is_counted_later(telegram: Endpoint) -> None:
    start = NOON - 100 * HOUR
    for number in range(100):
        ended(telegram, at=start + number * HOUR)
    assert [statistics_roll(now=NOON) for _ in range(3)] == [HOURS_PER_RUN, HOURS_PER_RUN, 5]
    assert sum(row["delivered"] for row in stored()) == 100
    assert StatisticsHour.objects.count() == 101


def test_a_heavy_hour_is_not_counted_all_the_time(telegram: Endpoint) -> None:
    statistics_roll(now=NOON + timedelta(minutes=30))
    StatisticsHour.objects.update(took_s=30.0)
    assert statistics_roll(now=NOON + timedelta(minutes=39)) == 0
    assert statistics_roll(now=NOON + timedelta(minutes=40)) == 1


def test_a_replayed_delivery_is_counted_once_in_its_new_hour(telegram: Endpoint, settings: Settings) -> None:
    now = clock.now()
    before = now - timedelta(hours=3)
    delivery = ended(telegram, at=before, state="dead", last_error="http_500: oops", tries=(("temporary", "http_500"),))
    delivery.notification.expires_at = now + HOUR
    delivery.notification.save()
    statistics_roll(now=before)
    statistics_roll(now=before + 2 * HOUR)
    assert [row["dead"] for row in stored()] == [1]
    delivery_replay(delivery_id=delivery.pk)
    statistics_roll(now=now)
    assert stored() == []
    Delivery.objects.update(state="delivered", finished_at=now)
    Notification.objects.update(state="delivered", finished_at=now)
    statistics_roll(now=now + timedelta(minutes=1))
    assert [(row["dead"], row["delivered"]) for row in stored()] == [(0, 1)]


def test_a_bounce_takes_a_delivery_out_of_its_hour(user: User) -> None:
    mail = endpoint_new(user, "email", "ada@example.test")
    delivery = ended(mail, provider="mail.example.test:25")
    statistics_roll(now=NOON)
    statistics_roll(now=NOON + 2 * HOUR)
    assert [row["delivered"] for row in stored()] == [1]
    later = NOON + 5 * HOUR
    bounces_take(bounces=[Bounce(delivery_id=delivery.pk, status="4.2.2", words="full")], now=later)
    statistics_roll(now=later)
    [row] = stored()
    assert (row["hour"], row["delivered"], row["dead"], row["attempts"]) == (later, 0, 1, 1)
    assert row["errors"] == row["reasons"] == {"address/bounce_soft": 1}


def test_only_the_busiest_providers_are_kept_apart(telegram: Endpoint) -> None:
    for number in range(PROVIDERS_MAX + 5):
        ended(telegram, provider=f"h{number:03}.test")
    ended(telegram, provider="h103.test")
    statistics_roll(now=NOON + timedelta(minutes=1))
    rows = {row["provider"]: row["delivered"] for row in stored()}
    assert (len(rows), rows["h103.test"], rows[OTHERS]) == (PROVIDERS_MAX + 1, 2, 5)
    assert sum(rows.values()) == PROVIDERS_MAX + 6


def test_past_the_profiles_days_hours_are_deleted(telegram: Endpoint, settings: Settings) -> None:
    ended(telegram)
    statistics_roll(now=NOON)
    settings.DELIVERY_PROFILES = {
        name: values | {"statistics_days": 7} for name, values in settings.DELIVERY_PROFILES.items()
    }
    config.forget()
    assert statistics_prune(now=NOON + timedelta(days=7)) == 0
    assert statistics_prune(now=NOON + timedelta(days=7, seconds=1)) == 1
    assert not DeliveryStatistic.objects.exists() and not StatisticsHour.objects.exists()


def test_a_report_adds_up_and_compares_with_the_span_before(user: User, telegram: Endpoint) -> None:
    hook = endpoint_new(user, "webhook", "https://hooks.example.test/a")
    for took_ms in range(1, 101):
        ended(telegram, at=NOON + timedelta(minutes=took_ms % 60), took_ms=took_ms)
    for minute in range(10):
        at = NOON - timedelta(minutes=minute + 1)
        gone = (("permanent", "http_410"),)
        ended(hook, at=at, provider="hooks.example.test", state="dead", last_error="http_410: gone", tries=gone)
    ended(telegram, at=NOON - timedelta(minutes=1), took_ms=5000)
    statistics_roll(now=NOON - timedelta(seconds=1))
    statistics_roll(now=NOON + timedelta(minutes=59))
    found = told()
    assert (found.total.now.delivered, found.total.before.delivered, found.total.before.dead) == (100, 1, 10)
    assert [(one.name, one.now.delivered) for one in found.channels] == [("telegram", 100)]
    assert [(one.at, one.counted.delivered) for one in found.series] == [(NOON, 100)]
    p50, p95, p99 = found.total.now.latency.percentiles_us(0.5, 0.95, 0.99)
    assert [p50, p95, p99] == pytest.approx([50_000, 95_000, 99_000], rel=0.01)
    assert [(one.trouble, one.count, one.before) for one in found.errors] == [("address", 0, 10)]
    day = told(NOON.replace(hour=0), NOON + HOUR, step="day")
    assert [(one.name, one.now.deliveries) for one in day.channels] == [("telegram", 101), ("webhook", 10)]
    assert [(one.name, one.now.dead) for one in day.providers] == [("api.telegram.org", 0), ("hooks.example.test", 10)]
    only = told(NOON.replace(hour=0), NOON + HOUR, step="day", channel="webhook", template="opportunity")
    assert (only.total.now.dead, only.total.now.delivered, only.errors[0].codes) == (10, 0, {"http_410": 10})
    assert told(provider="elsewhere.test").total.now == Cell()


def test_no_count_and_no_report_asks_more_with_more_rows(user: User, telegram: Endpoint) -> None:
    def queries() -> tuple[int, int, int]:
        StatisticsHour.objects.all().delete()
        with CaptureQueriesContext(connection) as rolled:
            statistics_roll(now=NOON + timedelta(minutes=30))
        with CaptureQueriesContext(connection) as read:
            told()
        with CaptureQueriesContext(connection) as own:
            report(span=Span.around(NOON, NOON + HOUR, Step.HOUR), filters=Filters(), user_id=user.pk)
        return len(rolled), len(read), len(own)

    ended(telegram)
    first = queries()
    for number in range(30):
        ended(telegram, provider=f"h{number}.test", template=f"t{number}")
    assert queries() == first
    assert first[1:] == (2, 2)


@pytest.mark.usefixtures("templates")
def test_real_deliveries_carry_their_provider(sink: Sink, user: User, telegram: Endpoint) -> None:
    notification_new(user, expires_at=clock.now() + HOUR)
    sink.answers = [Answer(403, '{"ok": false, "error_code": 403, "description": "Forbidden: bot was blocked"}')]
    deliver(priority="high", seconds=0.5)
    [only] = report(
        span=Span.around(clock.now() - HOUR, clock.now() + HOUR, Step.HOUR), filters=Filters(), user_id=user.pk
    ).providers
    assert only.name == sink.netloc
    assert (only.now.deliveries, only.now.dead, only.now.attempts, only.now.calls.count) == (1, 1, 1, 1)
    assert only.now.reasons == only.now.errors == {"address/chat_forbidden": 1}
