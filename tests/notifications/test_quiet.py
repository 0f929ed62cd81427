"""Quiet hours by people's own clocks, what becomes of messages in them, and the digest of what came too late."""

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.core import clock
from apps.notifications.enums import DeliveryState, NotificationState
from apps.notifications.models import Delivery, Notification, ReachPreferences
from apps.notifications.quiet import QuietHours
from apps.notifications.services import deliver, digests_send, reach_set
from tests.notifications.people import endpoint_new, notification_new, user_new
from tests.notifications.sink import Sink

NIGHT = QuietHours("Europe/Berlin", time(22), time(7))
# A Monday in winter: Berlin is an hour ahead of UTC.
EVENING = datetime(2026, 1, 5, 22, 30, tzinfo=UTC)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("hours", "now", "until"),
    [
        (NIGHT, "2026-01-05T20:59", None),
        (NIGHT, "2026-01-05T21:00", "2026-01-06T06:00"),
        (NIGHT, "2026-01-06T05:59", "2026-01-06T06:00"),
        (NIGHT, "2026-01-06T06:00", None),
        # Summer time, two hours ahead of UTC.
        (NIGHT, "2026-07-05T20:00", "2026-07-06T05:00"),
        # The night in which clocks go forward is an hour shorter, the one in which they go back an hour longer.
        (NIGHT, "2026-03-28T22:00", "2026-03-29T05:00"),
        (NIGHT, "2026-10-24T21:00", "2026-10-25T06:00"),
        # An end that the clocks leap over, and one that they show twice.
        (QuietHours("Europe/Berlin", time(22), time(2, 30)), "2026-03-29T00:00", "2026-03-29T01:30"),
        (QuietHours("Europe/Berlin", time(22), time(2, 30)), "2026-10-24T22:00", "2026-10-25T00:30"),
        # By day, and in a zone with odd minutes.
        (QuietHours("Asia/Kathmandu", time(9), time(17)), "2026-01-05T03:14", None),
        (QuietHours("Asia/Kathmandu", time(9), time(17)), "2026-01-05T03:15", "2026-01-05T11:15"),
        # Nights that begin on a Friday or a Saturday only.
        (QuietHours("UTC", time(23), time(8), frozenset({5, 6})), "2026-01-08T23:30", None),
        (QuietHours("UTC", time(23), time(8), frozenset({5, 6})), "2026-01-11T07:59", "2026-01-11T08:00"),
        (QuietHours("UTC", time(23), time(8), frozenset({5, 6})), "2026-01-11T23:30", None),
    ],
)
def test_quiet_is_by_the_readers_own_clocks(hours: QuietHours, now: str, until: str | None) -> None:
    assert hours.until(at(now)) == (at(until) if until else None)


@given(
    seconds=st.integers(0, 10 * 366 * 86_400),
    zone=st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC", "Asia/Kolkata"]),
    starts=st.times(),
    ends=st.times(),
    days=st.sets(st.integers(1, 7), min_size=1),
)
def test_quiet_ends_at_the_told_time_and_is_then_over(
    seconds: int, zone: str, starts: time, ends: time, days: set[int]
) -> None:
    if starts == ends:
        return
    now = at("2020-01-01") + timedelta(seconds=seconds)
    until = QuietHours(zone, starts, ends, frozenset(days)).until(now)
    if until is None:
        return
    assert timedelta(0) < until - now <= timedelta(hours=26)
    local = until.astimezone(ZoneInfo(zone))
    # Where that time does not exist, the clock shows one that does.
    shifted = local.replace(fold=0).utcoffset() != (local - timedelta(hours=2)).utcoffset()
    assert local.time() == ends or shifted


def night_owl(**wishes: Any) -> User:
    user = user_new(timezone="Europe/Berlin")
    endpoint_new(user, "telegram", "42")
    reach_set(user_id=user.pk, wishes={"quiet_from": time(22), "quiet_to": time(7)} | wishes, now=clock.now())
    return user


def the_delivery() -> Delivery:
    return Delivery.objects.select_related("notification").get()


@pytest.mark.django_db
@pytest.mark.usefixtures("templates")
class TestHolding:
    @pytest.fixture(autouse=True)
    def _now(self) -> Any:
        with time_machine.travel(EVENING, tick=False) as traveller:
            self.clock = traveller
            yield

    def test_what_still_matters_in_the_morning_is_sent_then(self, sink: Sink) -> None:
        owed = notification_new(night_owl(), expires_at=EVENING + timedelta(hours=12))
        assert deliver(priority="high").delivered == 0
        held = the_delivery()
        assert (held.state, held.attempts) == (DeliveryState.PENDING, 0)
        assert held.last_error == "quiet_hours: Held: quiet hours until 07:00 (Europe/Berlin)."
        assert held.next_attempt_at == datetime(2026, 1, 6, 6, tzinfo=UTC)
        self.clock.move_to(datetime(2026, 1, 6, 6, 0, 1, tzinfo=UTC))
        assert deliver(priority="high").delivered == 1
        owed.refresh_from_db()
        assert owed.state == NotificationState.DELIVERED

    def test_what_will_not_matter_any_more_is_not_sent_and_no_other_channel_takes_over(self, sink: Sink) -> None:
        user = night_owl()
        endpoint_new(user, "telegram", "43", position=1)
        notification_new(user)
        deliver(priority="high")
        assert the_delivery().state == DeliveryState.EXPIRED
        assert sink.arrived == []

    def test_who_wants_nothing_later_gets_nothing_later(self, sink: Sink) -> None:
        notification_new(night_owl(quiet_policy="drop"), expires_at=EVENING + timedelta(hours=12))
        deliver(priority="high")
        row = the_delivery()
        assert row.state == DeliveryState.EXPIRED
        assert row.last_error == "quiet_hours: Not sent: quiet hours until 07:00 (Europe/Berlin)."

    @pytest.mark.parametrize(("anyway", "arrived"), [(True, 1), (False, 0)])
    def test_critical_messages_are_the_readers_choice(self, sink: Sink, anyway: bool, arrived: int) -> None:
        notification_new(night_owl(critical_anyway=anyway), priority="critical")
        deliver(priority="critical")
        assert len(sink.arrived) == arrived

    def test_others_and_what_was_asked_for_by_hand_are_not_held(self, sink: Sink) -> None:
        owl, other = night_owl(), user_new()
        endpoint_new(other, "telegram", "44")
        notification_new(other)
        notification_new(owl, endpoint_id=owl.endpoints.get().pk)
        assert deliver(priority="high").delivered == 2

    def test_one_question_for_a_whole_batch(self, sink: Sink, django_assert_max_num_queries: Any) -> None:
        for _ in range(5):
            notification_new(night_owl(), expires_at=EVENING + timedelta(hours=12))
        with django_assert_max_num_queries(30):
            deliver(priority="high")
        assert Delivery.objects.filter(last_error__startswith="quiet_hours").count() == 5

    @pytest.mark.parametrize("zone", ["Mars/Olympus", "America", "../UTC", "x" * 64])
    def test_a_zone_nobody_knows_is_utc_and_stops_nobody_elses_messages(self, sink: Sink, zone: str) -> None:
        owl, other = night_owl(), user_new()
        User.objects.filter(pk=owl.pk).update(timezone=zone)
        endpoint_new(other, "telegram", "44")
        notification_new(owl, expires_at=EVENING + timedelta(hours=12))
        notification_new(other)
        assert deliver(priority="high").delivered == 1
        held = Delivery.objects.get(notification__user=owl)
        assert held.last_error == "quiet_hours: Held: quiet hours until 07:00 (UTC)."

    def test_a_digest_tells_in_the_morning_what_the_night_swallowed(self, sink: Sink) -> None:
        user = night_owl(quiet_policy="digest")
        for number in range(12):
            notification_new(user, dedupe_key=f"night:{number}")
        deliver(priority="high")
        assert digests_send(now=clock.now()) == 0
        self.clock.move_to(datetime(2026, 1, 6, 6, 0, 1, tzinfo=UTC))
        assert digests_send(now=clock.now()) == 1
        assert digests_send(now=clock.now()) == 0
        assert deliver(priority="low").delivered == 1
        text = sink.arrived[0].json["text"]
        assert "12 messages" in text
        assert text.count("BTC/USDT") == 10
        assert "2 more" in text

    def test_what_limits_held_back_is_summed_up_and_only_once(self, sink: Sink) -> None:
        user = user_new()
        endpoint_new(user, "telegram", "42")
        owed = notification_new(user)
        late = {"state": DeliveryState.EXPIRED, "last_error": "rate_limit: Its turn comes later."}
        Delivery.objects.update(**late, finished_at=EVENING)
        Notification.objects.update(state=NotificationState.EXPIRED, finished_at=EVENING)
        now = EVENING + timedelta(minutes=1)
        self.clock.move_to(now)
        assert digests_send(now=now) == 1
        digest = Notification.objects.get(template="digest")
        assert (digest.context["count"], digest.context["more"]) == (1, 0)
        assert owed.context["symbol"] in digest.context["lines"][0]
        self.clock.move_to(now + timedelta(minutes=20))
        assert digests_send(now=clock.now()) == 0

    @pytest.mark.parametrize("wishes", [{"digest": False}, {"quiet_policy": "later"}])
    def test_nobody_gets_a_digest_who_does_not_want_one(self, sink: Sink, wishes: dict[str, Any]) -> None:
        user = user_new()
        endpoint_new(user, "telegram", "42")
        reach_set(user_id=user.pk, wishes=wishes, now=clock.now())
        notification_new(user)
        code = "rate_limit" if "digest" in wishes else "quiet_hours"
        Delivery.objects.update(state=DeliveryState.EXPIRED, last_error=f"{code}: so", finished_at=EVENING)
        Notification.objects.update(state=NotificationState.EXPIRED, finished_at=EVENING)
        assert digests_send(now=EVENING + timedelta(minutes=1)) == 0


REACH = "/api/v1/notifications/reach"


@pytest.mark.django_db
class TestApi:
    @pytest.fixture
    def api(self) -> APIClient:
        client = APIClient()
        client.force_authenticate(user_new())
        return client

    def test_the_defaults_hold_nothing_back(self, api: APIClient) -> None:
        assert api.get(REACH).json() == {
            "quiet_from": None,
            "quiet_to": None,
            "quiet_days": [],
            "quiet_policy": "later",
            "critical_anyway": True,
            "digest": True,
            "digested_at": None,
            "report": "off",
            "report_hour": 8,
            "report_day": 1,
            "report_next_at": None,
        }
        assert not ReachPreferences.objects.exists()

    def test_what_is_sent_is_changed_and_the_rest_stays(self, api: APIClient) -> None:
        said = {"quiet_from": "22:00", "quiet_to": "07:00", "quiet_days": [5, 6, 5]}
        assert api.patch(REACH, said, format="json").status_code == 200
        assert api.patch(REACH, {"quiet_policy": "digest"}, format="json").status_code == 200
        body = api.get(REACH).json()
        assert (body["quiet_from"], body["quiet_to"], body["quiet_days"]) == ("22:00:00", "07:00:00", [5, 6])
        assert body["quiet_policy"] == "digest"
        assert api.patch(REACH, {"quiet_from": None, "quiet_to": None}, format="json").status_code == 200

    @pytest.mark.parametrize(
        ("said", "field"),
        [
            ({"quiet_from": "22:00"}, "quiet_to"),
            ({"quiet_to": "07:00"}, "quiet_from"),
            ({"quiet_from": "07:00", "quiet_to": "07:00"}, "quiet_to"),
            ({"quiet_from": "25:00", "quiet_to": "07:00"}, "quiet_from"),
            ({"quiet_days": [0]}, "quiet_days[0]"),
            ({"quiet_policy": "perhaps"}, "quiet_policy"),
            ({"quiet": True}, "quiet"),
        ],
    )
    def test_what_can_not_be_meant_is_told_by_field(self, api: APIClient, said: dict[str, Any], field: str) -> None:
        answer = api.patch(REACH, said, format="json")
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["field"] == field
        assert not ReachPreferences.objects.exists()

    def test_it_is_ones_own(self, api: APIClient) -> None:
        api.patch(REACH, {"digest": False}, format="json")
        other = APIClient()
        other.force_authenticate(user_new())
        assert other.get(REACH).json()["digest"] is True
        assert APIClient().get(REACH).status_code == 401
