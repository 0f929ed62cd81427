"""What is due when, the tasks around it, and what people see."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from pytest_django import Settings

from apps.core import clock, queue
from apps.core.exceptions import ArbEdgeError, PermanentError, TemporaryError, ThrottledError
from apps.markets import health, selectors, services, tasks
from apps.markets.enums import FeedState, SnapshotKind
from apps.markets.models import Exchange, Feed
from apps.markets.services import guard
from apps.markets.services.feeds import Outcome, feed_note
from tests.markets.wire import BINANCE, Wire

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_state")]


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was rung in this test, as "task key"."""
    found: list[str] = []

    def ring(task: str, *, key: str = "", **_: Any) -> bool:
        found.append(f"{task.rsplit('.', 1)[1]} {key}")
        return True

    monkeypatch.setattr(queue, "ring", ring)
    return found


def test_markets_come_first_then_the_feeds(rung: list[str], settings: Settings) -> None:
    settings.EXCHANGES = ["bybit"]
    tasks.poll()
    assert rung == ["sync_markets bybit"]
    rung.clear()
    tasks.poll()
    assert rung == []
    Exchange.objects.update(markets_loaded_at=clock.now())
    tasks.poll()
    feeds = ["ingest bybit:funding", "ingest bybit:spot", "ingest bybit:swap"]
    assert sorted(rung) == [*feeds, "sync_fundings bybit", "sync_klines bybit"]


def test_funding_is_due_every_half_minute_only(rung: list[str], settings: Settings) -> None:
    settings.EXCHANGES = ["binanceusdm"]
    services.exchanges_setup()
    Exchange.objects.update(markets_loaded_at=clock.now())
    tasks.poll()
    tasks.poll()
    assert rung.count("ingest binanceusdm:swap") == 2
    for once in ("ingest binanceusdm:funding", "sync_fundings binanceusdm", "sync_klines binanceusdm"):
        assert rung.count(once) == 1


def test_markets_are_due_again_after_an_hour(rung: list[str], settings: Settings) -> None:
    settings.EXCHANGES = ["binance"]
    services.exchanges_setup()
    Exchange.objects.update(markets_loaded_at=clock.now() - timedelta(minutes=61))
    tasks.poll()
    assert sorted(rung) == ["ingest binance:spot", "sync_klines binance", "sync_markets binance"]


def test_disabled_exchanges_and_feeds_are_left_alone(rung: list[str], settings: Settings) -> None:
    settings.EXCHANGES = ["binance", "okx", "bitmex"]
    services.exchanges_setup()
    Exchange.objects.update(markets_loaded_at=clock.now())
    Exchange.objects.filter(id="binance").update(enabled=False)
    Feed.objects.exclude(kind="spot").update(state=FeedState.DISABLED)
    tasks.poll()
    assert sorted(rung) == ["ingest okx:spot", "sync_klines okx"]


def test_the_tasks_do_the_walk(binance: Wire) -> None:
    services.exchanges_setup()
    tasks.sync_markets("binance")
    tasks.ingest("binance", "spot")
    ids = selectors.market_table().market_id.tolist()
    binance.say(f"{BINANCE}/depth", {"lastUpdateId": 1, "bids": [["99", "1"]], "asks": [["101", "1"]]})
    tasks.fetch_books(ids)
    assert len(selectors.books_latest(ids)) == 3
    assert len(selectors.snapshots_latest(now_ms=clock.now_ms()).spot) == 1


def test_one_ingest_of_a_feed_at_a_time(binance: Wire) -> None:
    services.exchanges_setup()
    tasks.sync_markets("binance")
    with queue.answering("apps.markets.tasks.ingest", "binance:spot", ttl=30) as mine:
        assert mine
        tasks.ingest("binance", "spot")
    assert binance.count(f"{BINANCE}/ticker/24hr") == 0


def test_a_failing_sync_is_told_and_not_raised(binance: Wire, caplog: pytest.LogCaptureFixture) -> None:
    services.exchanges_setup()
    binance.say(f"{BINANCE}/exchangeInfo", b"garbage")
    tasks.sync_markets("binance")
    assert "Markets of binance not loaded: binance " in caplog.text
    assert Exchange.objects.get().status_reason.startswith("binance ")


def test_an_ingest_without_markets_rings_for_them(rung: list[str], binance: Wire) -> None:
    services.exchanges_setup()
    assert services.ingest(exchange="binance", kind=SnapshotKind.SPOT) is None
    assert rung == ["sync_markets binance"]
    assert binance.asked == []


def test_only_the_writer_that_changes_a_state_announces_it(settings: Settings) -> None:
    settings.EXCHANGES = ["binance"]
    services.exchanges_setup()
    stale = Outcome(FeedState.STALE, "because")
    assert feed_note(exchange="binance", kind=SnapshotKind.SPOT, outcome=stale, now=clock.now())
    assert not feed_note(exchange="binance", kind=SnapshotKind.SPOT, outcome=stale, now=clock.now())


def test_health_follows_the_feeds(settings: Settings) -> None:
    settings.EXCHANGES = ["binance", "okx"]
    services.exchanges_setup()
    assert health.probe().state == "unhealthy"
    Feed.objects.update(state=FeedState.OK, last_ok_at=clock.now())
    assert health.probe().state == "healthy"
    Feed.objects.filter(exchange="okx", kind="spot").update(state=FeedState.FROZEN, reason="nothing moves")
    answer = health.probe()
    assert answer.state == "degraded"
    assert "okx spot (frozen)" in answer.reason
    assert answer.details["okx spot"] == "frozen: nothing moves"


def test_people_can_read_it_in_a_table(settings: Settings) -> None:
    settings.EXCHANGES = ["bitmex", "okx"]
    services.exchanges_setup()
    Feed.objects.filter(kind="spot").update(state=FeedState.STALE, reason="okx says it is 2019")
    out = StringIO()
    call_command("exchanges", stdout=out)
    text = out.getvalue()
    for word in ("bitmex", "take it out of EXCHANGES", "okx says it is 2019", "stale", "never"):
        assert word in text


@pytest.mark.parametrize(
    ("error", "state", "pause"),
    [
        (ThrottledError("slow down", retry_after=40), FeedState.THROTTLED, 40),
        (TemporaryError("closed", code="maintenance"), FeedState.MAINTENANCE, 60),
        (TemporaryError("closed", code="maintenance", retry_after=500.0), FeedState.MAINTENANCE, 500),
        (PermanentError("not here", code="restricted"), FeedState.RESTRICTED, 3600),
        (PermanentError("no such call", code="not_supported"), FeedState.DISABLED, 0),
        (TemporaryError("oops"), FeedState.ERROR, 0),
    ],
)
def test_each_error_has_its_state_and_its_pause(error: ArbEdgeError, state: FeedState, pause: float) -> None:
    guard.failure_note("binance", error)
    assert guard.state_of(error) is state
    assert pause - 5 < guard.breaker("binance").retry_in() <= pause
    assert guard.asks_for_pause(error) is (pause > 0)
