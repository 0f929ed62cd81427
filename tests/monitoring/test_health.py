"""The health endpoints: honest with every store away, cheap, silent about the inside."""

from datetime import timedelta
from typing import Any

import pytest
import redis
from celery import current_app
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from apps.accounts.services import token_create, user_create
from apps.core import clock
from apps.core.models import ScheduleSlot
from apps.markets.models import Exchange, Feed
from apps.monitoring.selectors import health_brief
from tests.monitoring.conftest import database_away

BRIEF, DETAILED = "/api/v1/health", "/api/v1/health/detailed"

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_state")]


@pytest.fixture
def feeds(redis_state: None, settings: Any) -> list[Feed]:
    """Three exchanges: one fine, one stale with a reason, one switched off."""
    settings.EXCHANGES = ["bybit", "okx", "binance"]
    now = clock.now()
    rows = []
    for name, state, reason in (("bybit", "ok", ""), ("okx", "stale", "prices of 2021"), ("binance", "ok", "")):
        exchange = Exchange.objects.create(id=name, name=name, enabled=name != "binance")
        last_ok_at = now - timedelta(seconds=2 if state == "ok" else 90)
        rows.append(
            Feed.objects.create(
                exchange=exchange, kind="spot", state=state, reason=reason, since=now, last_ok_at=last_ok_at
            )
        )
    return rows


@pytest.fixture
def beating() -> None:
    """A schedule has just run."""
    ScheduleSlot.objects.create(name="markets.poll", last_slot=0, claimed_at=clock.wall_now())


def _checks(body: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {check["name"]: check for check in body["checks"]}


def test_brief_is_200_and_costs_one_small_query() -> None:
    with CaptureQueriesContext(connection) as queries:
        response = APIClient().get(BRIEF)
    assert (response.status_code, response.json()) == (200, {"status": "healthy"})
    assert [query["sql"] for query in queries] == ["SELECT 1"]


def test_brief_asks_nothing_again_within_a_moment() -> None:
    APIClient().get(BRIEF)
    with CaptureQueriesContext(connection) as queries:
        assert APIClient().get(BRIEF).status_code == 200
    assert len(queries) == 0


def test_brief_is_503_without_the_database() -> None:
    with database_away():
        response = APIClient().get(BRIEF)
    assert (response.status_code, response.json()) == (503, {"status": "unhealthy"})
    health_brief.forget()
    assert APIClient().get(BRIEF).status_code == 200


def test_brief_is_503_without_the_state_store(settings: Any, dead_url: str) -> None:
    settings.REDIS_URL = dead_url
    assert APIClient().get(BRIEF).status_code == 503


def test_brief_needs_no_cache(settings: Any, dead_url: str) -> None:
    settings.CACHE_URL = dead_url
    assert APIClient().get(BRIEF).status_code == 200


def test_credentials_make_no_difference_to_the_brief_answer() -> None:
    assert APIClient().get(BRIEF, headers={"Authorization": "Token arb_wrong"}).status_code == 200


@pytest.mark.usefixtures("feeds", "beating")
def test_detailed_tells_everybody_each_part_and_why_a_feed_is_refused(settings: Any) -> None:
    settings.ORIGIN = "replay"
    response = APIClient().get(DETAILED)
    body = response.json()
    assert (response.status_code, body["status"], body["origin"]) == (200, "degraded", "replay")
    checks = _checks(body)
    assert set(checks) >= {"database", "redis_state", "redis_cache", "broker", "beat", "deliveries", "markets"}
    assert {name for name, check in checks.items() if check["status"] != "healthy"} == {"markets"}
    told = {feed["exchange"]: feed for feed in body["feeds"]}
    assert (told["okx"]["state"], told["okx"]["reason"]) == ("stale", "prices of 2021")
    assert told["okx"]["age_s"] >= 90
    assert told["bybit"]["state"] == "ok"
    assert told["binance"]["state"] == "disabled"


@pytest.mark.usefixtures("feeds", "beating")
def test_only_staff_see_figures() -> None:
    operator = user_create(email="op@example.test", is_staff=True)
    trader = user_create(email="ada@example.test")
    shown = {}
    for user in (operator, trader, None):
        headers = {"Authorization": f"Token {token_create(user=user, name='t')}"} if user else {}
        body = APIClient().get(DETAILED, headers=headers).json()
        shown[user] = ["details" in check for check in body["checks"]]
    assert all(shown[operator])
    assert not any(shown[trader]) and not any(shown[None])


@pytest.mark.usefixtures("feeds", "beating")
def test_queue_depths_are_counted() -> None:
    operator = user_create(email="op@example.test", is_staff=True)
    declared = current_app.amqp.queues["notify.low"]
    with current_app.connection_for_write() as broker:
        bound = declared(broker.default_channel)
        bound.declare()
        bound.purge()
        with broker.Producer() as producer:
            for number in (1, 2):
                producer.publish({"number": number}, exchange=declared.exchange, routing_key=declared.routing_key)
        headers = {"Authorization": f"Token {token_create(user=operator, name='t')}"}
        waiting = _checks(APIClient().get(DETAILED, headers=headers).json())["broker"]["details"]["waiting"]
        bound.purge()
    assert waiting["notify.low"] == 2
    assert {"market.quotes", "detect", "default"} <= set(waiting)


def test_wrong_token_is_told_and_not_taken_for_nobody() -> None:
    response = APIClient().get(DETAILED, headers={"Authorization": "Token arb_wrong"})
    assert (response.status_code, response.json()["code"]) == (401, "token_unknown")


@pytest.mark.usefixtures("feeds", "beating")
@pytest.mark.parametrize(
    ("setting", "part"), [("REDIS_URL", "redis_state"), ("CACHE_URL", "redis_cache"), ("CELERY_BROKER_URL", "broker")]
)
def test_detailed_names_the_store_that_is_away(settings: Any, dead_url: str, setting: str, part: str) -> None:
    setattr(settings, setting, dead_url)
    response = APIClient().get(DETAILED)
    checks = _checks(response.json())
    assert (response.status_code, response.json()["status"]) == (503, "unhealthy")
    assert [name for name, check in checks.items() if check["status"] == "unhealthy"] == [part]
    assert dead_url.encode() not in response.content


@pytest.mark.usefixtures("feeds", "beating")
def test_detailed_answers_without_the_database_even_to_who_signs_in() -> None:
    headers = {
        "Authorization": f"Token {token_create(user=user_create(email='op@example.test', is_staff=True), name='t')}"
    }
    with database_away():
        response = APIClient().get(DETAILED, headers=headers)
    body = response.json()
    assert (response.status_code, body["feeds"]) == (503, [])
    assert _checks(body)["database"] == {
        "name": "database",
        "status": "unhealthy",
        "reason": "probe failed: OperationalError",
    }
    assert _checks(body)["redis_state"]["status"] == "healthy"
    assert b"hunter2" not in response.content


@pytest.mark.usefixtures("feeds")
@pytest.mark.parametrize(("age_s", "state"), [(None, "degraded"), (5, "healthy"), (120, "unhealthy")])
def test_beat_is_known_by_the_work_done(age_s: int | None, state: str) -> None:
    if age_s is not None:
        claimed_at = clock.wall_now() - timedelta(seconds=age_s)
        ScheduleSlot.objects.create(name="markets.poll", last_slot=0, claimed_at=claimed_at)
    body = APIClient().get(DETAILED).json()
    assert _checks(body)["beat"]["status"] == state
    assert bool(_checks(body)["beat"]["reason"]) == (state != "healthy")


def test_status_page_is_limited_per_address() -> None:
    client = APIClient()
    answers = [client.get(DETAILED, REMOTE_ADDR="203.0.113.9") for _ in range(21)]
    assert {answer.status_code for answer in answers[:20]} <= {200, 503}
    assert (answers[20].status_code, answers[20].json()["code"]) == (429, "throttled")
    assert int(answers[20].headers["Retry-After"]) >= 1
    assert client.get(DETAILED, REMOTE_ADDR="203.0.113.10").status_code in {200, 503}


def test_limit_lets_everybody_in_while_redis_is_away(settings: Any, dead_url: str) -> None:
    settings.REDIS_URL = dead_url
    with pytest.raises(redis.ConnectionError):
        redis.Redis.from_url(dead_url).ping()
    assert {APIClient().get(DETAILED, REMOTE_ADDR="203.0.113.9").status_code for _ in range(25)} == {503}
