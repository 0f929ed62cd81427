"""From due rows to a provider and back to rows, over real HTTP and with real Redis."""

import json
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from apps.core import clock, limits
from apps.core.breaker import BreakerState
from apps.core.exceptions import TemporaryError
from apps.notifications.enums import DeliveryState, NotificationState, Outcome
from apps.notifications.models import Delivery, DeliveryAttempt, Endpoint, Notification, Template
from apps.notifications.services import deliver, endpoint_disable, template_create
from apps.notifications.services.channels import channel_get
from apps.notifications.services.lease import deliveries_lease
from apps.notifications.services.prepare import _address_scope, breaker_of, limit_key
from tests.notifications.people import FACTS, endpoint_new, notification_new, user_new
from tests.notifications.sink import Answer, Sink

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("templates")]

BROKEN = Answer(500, "oops")


def states(notification: Notification) -> list[tuple[str, str]]:
    rows = Delivery.objects.filter(notification=notification).order_by("created_at", "endpoint__position")
    return [(row.channel, row.state) for row in rows]


def only_delivery() -> Delivery:
    return Delivery.objects.select_related("notification", "endpoint").get()


def test_a_message_reaches_its_chat_and_is_written_down(sink: Sink) -> None:
    user = user_new()
    endpoint_new(user, "telegram", "42")
    row = notification_new(user)
    report = deliver(priority="high")
    assert (report.delivered, report.retried, report.failed, report.next_in_s) == (1, 0, 0, None)
    text = sink.arrived[0].json["text"]
    assert text.startswith("<b>SANDBOX – not real data</b>")
    assert "not risk-free" in text
    assert "4 s ago" in text
    assert "binance &amp; sell &lt;fast&gt;" in text
    delivery = only_delivery()
    assert (delivery.state, delivery.attempts, delivery.provider_message_id) == (DeliveryState.DELIVERED, 1, "1")
    assert delivery.lease_token is None
    assert delivery.finished_at is not None
    attempt = DeliveryAttempt.objects.get()
    assert (attempt.number, attempt.outcome) == (1, Outcome.DELIVERED)
    row.refresh_from_db()
    assert row.state == NotificationState.DELIVERED


def test_what_is_not_due_or_of_another_priority_stays(sink: Sink) -> None:
    user = user_new()
    endpoint_new(user, "telegram", "42")
    notification_new(user, priority="low")
    notification_new(user, priority="high")
    Delivery.objects.filter(priority="high").update(next_attempt_at=clock.now() + timedelta(seconds=30))
    report = deliver(priority="high")
    assert report.delivered == 0
    assert report.next_in_s == pytest.approx(30, abs=5)
    assert sink.arrived == []


def test_live_messages_carry_no_sandbox_mark(sink: Sink, settings: Any) -> None:
    settings.ORIGIN = "live"
    user = user_new()
    endpoint_new(user, "telegram", "42")
    notification_new(user)
    deliver(priority="high")
    assert "not real" not in sink.arrived[0].json["text"]
    assert "Data: live" in sink.arrived[0].json["text"]


def test_a_webhook_gets_json_that_no_template_can_break(sink: Sink) -> None:
    template_create(name="opportunity", channel="webhook", subject='"}', body='"}], {{ symbol }} "')
    user = user_new()
    endpoint_new(user, "webhook", f"{sink.url}/hook")
    notification_new(user)
    deliver(priority="high")
    payload = sink.arrived[0].json
    assert payload["type"] == "opportunity"
    assert payload["data"]["origin"] == "sandbox"
    assert payload["data"]["legs"] == FACTS["legs"]
    assert payload["data"]["text"].endswith('"}], BTC/USDT "')
    assert sink.arrived[0].headers["webhook-id"] == str(only_delivery().pk)


def test_temporary_failures_are_retried_later_and_counted(sink: Sink) -> None:
    user = user_new()
    endpoint_new(user, "telegram", "42")
    notification_new(user)
    sink.answers = [BROKEN]
    before = clock.now()
    report = deliver(priority="high", seconds=0.2)
    assert report.retried >= 1
    delivery = only_delivery()
    assert DeliveryAttempt.objects.order_by("pk").first().outcome == Outcome.TEMPORARY  # type: ignore[union-attr]
    assert delivery.attempts >= 1
    assert delivery.next_attempt_at >= before


def test_a_spent_budget_goes_to_the_next_endpoint_in_the_same_run(sink: Sink, settings: Any) -> None:
    settings.DELIVERY_ATTEMPTS = 1
    user = user_new()
    endpoint_new(user, "telegram", "42", position=0)
    endpoint_new(user, "webhook", f"{sink.url}/hook", position=1)
    row = notification_new(user)
    sink.always = {"/bot": BROKEN}
    report = deliver(priority="high")
    assert (report.delivered, report.failed) == (1, 1)
    assert states(row) == [("telegram", "failed"), ("webhook", "delivered")]
    row.refresh_from_db()
    assert row.state == NotificationState.DELIVERED


def test_without_anybody_to_take_over_it_is_a_dead_letter(sink: Sink, settings: Any) -> None:
    settings.DELIVERY_ATTEMPTS = 1
    user = user_new()
    endpoint_new(user, "telegram", "42", route=0)
    endpoint_new(user, "webhook", f"{sink.url}/hook", route=1)
    row = notification_new(user)
    sink.always = {"/": BROKEN}
    deliver(priority="high")
    # Another route's endpoint is no fallback: it has its own copy.
    assert sorted(states(row)) == [("telegram", "dead"), ("webhook", "dead")]
    assert len(sink.arrived) == 2
    row.refresh_from_db()
    assert row.state == NotificationState.DEAD
    assert "http_500" in Delivery.objects.filter(channel="telegram").get().last_error


def test_a_blocked_bot_disables_the_endpoint_and_falls_back(sink: Sink) -> None:
    user = user_new()
    endpoint = endpoint_new(user, "telegram", "42", position=0)
    endpoint_new(user, "webhook", f"{sink.url}/hook", position=1)
    row = notification_new(user)
    sink.always = {"/bot": Answer(403, json.dumps({"description": "Forbidden: bot was blocked by the user"}))}
    deliver(priority="high")
    endpoint.refresh_from_db()
    assert not endpoint.usable
    assert "blocked by the user" in endpoint.disabled_reason
    assert states(row) == [("telegram", "failed"), ("webhook", "delivered")]
    sink.reset()
    notification_new(user)
    deliver(priority="high")
    assert sink.paths() == ["/hook"]


def test_a_moved_chat_is_remembered(sink: Sink) -> None:
    user = user_new()
    endpoint = endpoint_new(user, "telegram", "-42", group=True)
    notification_new(user, endpoint_id=endpoint.pk)
    moved = {"description": "upgraded", "parameters": {"migrate_to_chat_id": -1001}}
    sink.answers = [Answer(400, json.dumps(moved))]
    assert deliver(priority="high").delivered == 1
    endpoint.refresh_from_db()
    assert (endpoint.address, endpoint.usable) == ("-1001", True)


def test_a_webhook_to_the_inside_fails_with_the_reason_and_is_disabled(sink: Sink) -> None:
    user = user_new()
    endpoint = endpoint_new(user, "webhook", f"{sink.url}/hook")
    # Nobody can type this in; a name that comes to lead there ends in the same refusal.
    Endpoint.objects.update(address="http://169.254.169.254/latest/meta-data")
    row = notification_new(user)
    deliver(priority="high")
    endpoint.refresh_from_db()
    assert "not public" in endpoint.disabled_reason
    assert states(row) == [("webhook", "dead")]
    assert "address_blocked" in only_delivery().last_error


def test_a_429_is_not_counted_and_closes_the_chats_tap_for_everybody(sink: Sink) -> None:
    first, second, third = user_new(), user_new(), user_new()
    endpoint_new(first, "telegram", "1")
    endpoint_new(second, "telegram", "1")
    endpoint_new(third, "telegram", "3")
    row = notification_new(first)
    sink.answers = [Answer(429, json.dumps({"parameters": {"retry_after": 40}}))]
    deliver(priority="high")
    delivery = Delivery.objects.get(notification=row)
    assert (delivery.state, delivery.attempts) == (DeliveryState.PENDING, 0)
    assert (delivery.next_attempt_at - clock.now()).total_seconds() > 30
    assert DeliveryAttempt.objects.get().outcome == Outcome.THROTTLED
    other = notification_new(second)
    deliver(priority="high")
    assert len(sink.arrived) == 1
    held = Delivery.objects.get(notification=other)
    assert (held.state, held.attempts) == (DeliveryState.PENDING, 0)
    assert (held.next_attempt_at - clock.now()).total_seconds() > 30
    notification_new(third)
    deliver(priority="high")
    assert [one.json["chat_id"] for one in sink.arrived] == ["1", "3"], "another chat is nobody's flood"


def test_429s_for_many_chats_close_the_bots_tap(sink: Sink) -> None:
    for number in range(1, 13):
        user = user_new()
        endpoint_new(user, "telegram", str(number))
        notification_new(user)
    sink.answers = [Answer(429, json.dumps({"parameters": {"retry_after": 40}}))] * 12
    deliver(priority="high")
    assert set(Delivery.objects.values_list("state", "attempts")) == {(DeliveryState.PENDING, 0)}
    late = user_new()
    endpoint_new(late, "telegram", "99")
    notification_new(late)
    asked = len(sink.arrived)
    deliver(priority="high")
    assert len(sink.arrived) == asked, "the bot as a whole is asked to wait"


def test_a_probe_that_a_limit_holds_back_leaves_its_place_to_another(sink: Sink) -> None:
    first, second = user_new(), user_new()
    endpoint_new(first, "telegram", "1")
    endpoint_new(second, "telegram", "2")
    breaker = breaker_of(f"telegram:{sink.netloc}")
    breaker.trip(0.001)
    limits.close_tap(limit_key(_address_scope(channel_get("telegram"), "1")), 30)
    notification_new(first)
    deliver(priority="high")
    assert sink.arrived == []
    notification_new(second)
    deliver(priority="high")
    assert [one.json["chat_id"] for one in sink.arrived] == ["2"]
    assert breaker.state() is BreakerState.CLOSED


def test_failures_among_answers_are_not_in_a_row(sink: Sink, settings: Any) -> None:
    settings.DELIVERY_ATTEMPTS = 1
    for turn in range(2):
        sink.answers = [BROKEN] * 3
        for number in range(1, 13):
            user = user_new()
            endpoint_new(user, "telegram", str(100 * turn + number))
            notification_new(user)
        deliver(priority="high")
    assert Delivery.objects.filter(state=DeliveryState.DEAD).count() == 6
    assert breaker_of(f"telegram:{sink.netloc}").state() is BreakerState.CLOSED


def test_a_channel_without_credentials_hands_over_at_once(sink: Sink, settings: Any) -> None:
    settings.TELEGRAM_BOT_TOKEN = ""
    user = user_new()
    endpoint_new(user, "telegram", "42", position=0)
    endpoint_new(user, "webhook", f"{sink.url}/hook", position=1)
    row = notification_new(user)
    deliver(priority="high")
    assert states(row) == [("telegram", "failed"), ("webhook", "delivered")]
    assert sink.paths() == ["/hook"]
    assert "TELEGRAM_BOT_TOKEN" in Delivery.objects.get(channel="telegram").last_error
    assert DeliveryAttempt.objects.count() == 1


def test_expired_messages_are_not_sent(sink: Sink) -> None:
    user = user_new()
    endpoint_new(user, "telegram", "42", position=0)
    endpoint_new(user, "webhook", f"{sink.url}/hook", position=1)
    row = notification_new(user, expires_at=clock.now())
    deliver(priority="high")
    assert sink.arrived == []
    assert states(row) == [("telegram", "expired")]
    row.refresh_from_db()
    assert (row.state, row.reason) == (NotificationState.EXPIRED, "It came too late to be worth sending.")
    assert "too late" in only_delivery().last_error


def test_an_endpoint_switched_off_meanwhile_gets_nothing(sink: Sink) -> None:
    user = user_new()
    endpoint = endpoint_new(user, "telegram", "42")
    notification_new(user)
    endpoint_disable(endpoint_id=endpoint.pk, reason="its owner said stop")
    deliver(priority="high")
    assert sink.arrived == []
    assert "its owner said stop" in only_delivery().last_error


def test_a_suspended_account_gets_nothing(sink: Sink) -> None:
    user = user_new()
    endpoint_new(user, "telegram", "42")
    notification_new(user)
    user.status = "suspended"
    user.save()
    deliver(priority="high")
    assert sink.arrived == []
    assert only_delivery().state == DeliveryState.DEAD


def test_a_bad_template_fails_with_its_reason_and_its_neighbours_go_out(sink: Sink) -> None:
    user = user_new()
    endpoint_new(user, "telegram", "42")
    Template.objects.create(name="broken", body="{{ nobody.knows }}")
    bad, good = notification_new(user, template="broken"), notification_new(user)
    missing = notification_new(user, template="there is none")
    deliver(priority="high")
    assert len(sink.arrived) == 1
    assert states(good) == [("telegram", "delivered")]
    assert states(bad) == states(missing) == [("telegram", "dead")]
    assert "template_missing" in Delivery.objects.get(notification=missing).last_error


def test_an_open_breaker_falls_back_without_a_try(sink: Sink) -> None:
    user = user_new()
    endpoint_new(user, "telegram", "42", position=0)
    endpoint_new(user, "webhook", f"{sink.url}/hook", position=1)
    breaker_of(f"telegram:{sink.netloc}").trip(60)
    row = notification_new(user)
    deliver(priority="high")
    assert states(row) == [("telegram", "failed"), ("webhook", "delivered")]
    assert sink.paths() == ["/hook"]


def test_an_open_breaker_waits_where_there_is_no_fallback(sink: Sink) -> None:
    user = user_new()
    endpoint_new(user, "telegram", "42")
    breaker_of(f"telegram:{sink.netloc}").trip(60)
    notification_new(user)
    deliver(priority="high")
    assert sink.arrived == []
    delivery = only_delivery()
    assert (delivery.state, delivery.attempts) == (DeliveryState.PENDING, 0)
    assert (delivery.next_attempt_at - clock.now()).total_seconds() > 30


def test_a_target_that_keeps_failing_opens_its_breaker_and_no_other(sink: Sink, settings: Any) -> None:
    settings.DELIVERY_ATTEMPTS = 1
    sink.always = {"/bot": BROKEN}
    for number in range(5):
        user = user_new()
        endpoint_new(user, "telegram", str(number + 1))
        notification_new(user)
    deliver(priority="high")
    assert breaker_of(f"telegram:{sink.netloc}").state() is BreakerState.OPEN
    assert breaker_of(f"webhook:{sink.netloc}").state() is BreakerState.CLOSED


def test_a_rate_limit_holds_back_without_counting_and_spreads_the_crowd(sink: Sink) -> None:
    user = user_new()
    endpoint_new(user, "telegram", "42")
    for _ in range(4):
        notification_new(user)
    report = deliver(priority="high", seconds=0.01)
    assert report.delivered == 1
    assert len(sink.arrived) == 1
    waiting = Delivery.objects.filter(state=DeliveryState.PENDING).order_by("next_attempt_at")
    moments = list(waiting.values_list("next_attempt_at", flat=True))
    assert len(moments) == 3
    assert all(later - earlier >= timedelta(seconds=0.9) for earlier, later in pairwise(moments))
    assert not DeliveryAttempt.objects.exclude(outcome=Outcome.DELIVERED).exists()
    assert set(waiting.values_list("attempts", flat=True)) == {0}


def test_without_redis_nothing_is_sent_and_nothing_is_lost(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    user = user_new()
    endpoint_new(user, "telegram", "42")
    notification_new(user)

    def away(*_: Any) -> list[float]:
        raise TemporaryError("Rate limits are not available.", code="limits_away")

    monkeypatch.setattr(limits, "acquire", away)
    report = deliver(priority="high")
    assert report.retried == 1
    assert sink.arrived == []
    assert only_delivery().state == DeliveryState.PENDING


def test_a_slow_one_does_not_hold_up_the_results_of_the_others(sink: Sink) -> None:
    slow_user = user_new()
    endpoint_new(slow_user, "webhook", f"{sink.url}/slow")
    sink.always = {"/slow": Answer(delay_s=1.5)}
    notification_new(slow_user)
    for number in range(25):
        user = user_new()
        endpoint_new(user, "webhook", f"{sink.url}/fast{number}")
        notification_new(user)
    assert deliver(priority="high").delivered == 26
    finished = dict(Delivery.objects.values_list("endpoint__address", "finished_at"))
    slow = finished.pop(f"{sink.url}/slow")
    assert max(finished.values()) < slow


def test_a_faulty_channel_strands_nobody(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    from apps.notifications.channels.telegram import TelegramChannel

    async def boom(*_: Any) -> None:
        raise KeyError("very-secret")

    monkeypatch.setattr(TelegramChannel, "transmit", boom)
    user = user_new()
    endpoint_new(user, "telegram", "42", route=0)
    endpoint_new(user, "webhook", f"{sink.url}/hook", route=1)
    notification_new(user)
    report = deliver(priority="high", seconds=0.1)
    assert report.delivered == 1
    attempt = DeliveryAttempt.objects.filter(delivery__channel="telegram").first()
    assert attempt is not None
    assert (attempt.outcome, attempt.code) == (Outcome.TEMPORARY, "fault")
    assert "very-secret" not in attempt.reason


def test_a_batch_is_loaded_in_a_fixed_number_of_queries(sink: Sink, django_assert_max_num_queries: Any) -> None:
    for number in range(20):
        user = user_new()
        endpoint_new(user, "webhook", f"{sink.url}/{number}")
        notification_new(user)
    with django_assert_max_num_queries(45):
        assert deliver(priority="high").delivered == 20


def test_results_after_the_lease_was_lost_are_not_written(sink: Sink) -> None:
    from apps.notifications.services.results import Settled, results_write
    from apps.notifications.services.states import Happened, Result

    user = user_new()
    endpoint_new(user, "telegram", "42")
    notification_new(user)
    now = clock.now()
    (mine,) = deliveries_lease(priority="high", limit=5, send_seconds=1, now=now)
    Delivery.objects.update(state=DeliveryState.PENDING, lease_token=None, lease_until=None)
    (theirs,) = deliveries_lease(priority="high", limit=5, send_seconds=1, now=now)
    tally = results_write([Settled(mine, Result(Happened.PERMANENT), None, now, now)], now=now)
    assert tally.lease_lost == 1
    assert not tally.states
    assert not DeliveryAttempt.objects.exists()
    current = only_delivery()
    assert (current.state, current.lease_token) == (DeliveryState.SENDING, theirs.lease_token)


def test_endpoint_addresses_never_show_a_secret_in_rows(sink: Sink, settings: Any) -> None:
    settings.DELIVERY_ATTEMPTS = 1
    user = user_new()
    endpoint_new(user, "telegram", "42")
    notification_new(user)
    sink.answers = [Answer(400, json.dumps({"description": f"no such path /bot{settings.TELEGRAM_BOT_TOKEN}/x"}))]
    deliver(priority="high")
    assert "very-secret" not in only_delivery().last_error
    assert "very-secret" not in DeliveryAttempt.objects.get().reason
    assert Endpoint.objects.get().usable
