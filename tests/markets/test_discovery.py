"""New listings come in within the hour, delisted ones go out; a list that shrinks all at once is looked at twice."""

from datetime import timedelta

import pytest
import time_machine
from pytest_django import Settings

from apps.core import clock
from apps.core import redis as stores
from apps.markets import selectors, services
from apps.markets.models import Exchange, Market
from apps.markets.services import feeds
from tests.markets.wire import BINANCE, Wire, binance_info, binance_symbol

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_state")]

INFO = f"{BINANCE}/exchangeInfo"
MANY = ("BTC", "ETH", "SOL", "XRP", "ADA")


def sync() -> services.SyncReport:
    services.exchanges_setup()
    return services.exchange_sync_markets(exchange="binance")


def say(wire: Wire, *bases: str, halted: tuple[str, ...] = ()) -> None:
    symbols = [binance_symbol(base, status="BREAK" if base in halted else "TRADING") for base in bases]
    wire.say(INFO, binance_info(*symbols))


def bases() -> set[str]:
    return set(Market.objects.filter(active=True).values_list("base", flat=True))


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, float]]:
    """Syncs that were rung for, with their delay, instead of messages for a worker."""
    calls: list[tuple[str, float]] = []

    def ring(task: str, *, kwargs: dict[str, str], countdown: float = 0, **_: object) -> bool:
        if task == feeds.SYNC_TASK:
            calls.append((kwargs["exchange"], countdown))
        return True

    monkeypatch.setattr("apps.core.queue.ring", ring)
    return calls


def test_a_new_listing_is_in_the_table_within_the_hour(binance: Wire, rung: list[tuple[str, float]]) -> None:
    with time_machine.travel(clock.now(), tick=False) as traveller:
        sync()
        say(binance, "BTC", "ETH", "SOL", "NEW")
        traveller.shift(timedelta(minutes=59, seconds=55))
        services.feeds_due(now=clock.now())
        assert rung == []
        traveller.shift(timedelta(seconds=5))
        services.feeds_due(now=clock.now())
        assert rung == [("binance", 0)]
        # What the rung task does.
        report = sync()
        assert (report.created, report.active) == (1, 4)
        assert "NEW/USDT" in selectors.market_table().symbol
        services.feeds_due(now=clock.now())
        assert len(rung) == 1


def test_a_halted_market_drops_out_and_comes_back(binance: Wire) -> None:
    say(binance, *MANY)
    sync()
    say(binance, *MANY, halted=("BTC", "ETH", "SOL"))
    sync()
    assert bases() == {"XRP", "ADA"}
    assert selectors.market_table().symbol == ["XRP/USDT", "ADA/USDT"]
    say(binance, *MANY)
    sync()
    assert bases() == set(MANY)


def test_more_than_half_gone_at_once_is_believed_when_a_second_look_agrees(
    binance: Wire, rung: list[tuple[str, float]], caplog: pytest.LogCaptureFixture
) -> None:
    say(binance, *MANY)
    sync()
    say(binance, "BTC", "ETH", "NEW")
    report = sync()
    assert (report.created, report.delisted) == (1, 0)
    assert bases() == {*MANY, "NEW"}
    assert rung == [("binance", 60.0)]
    reason = Exchange.objects.get().status_reason
    assert reason.startswith("3 of 5 active markets are gone")
    assert reason in caplog.text
    report = sync()
    assert report.delisted == 3
    assert bases() == {"BTC", "ETH", "NEW"}
    assert Exchange.objects.get().status_reason == ""


def test_a_second_look_that_finds_everything_there_ends_the_matter(binance: Wire) -> None:
    for _ in range(2):
        say(binance, *MANY)
        sync()
        say(binance, "BTC")
        assert sync().delisted == 0
        assert bases() == set(MANY)


def test_half_gone_is_believed_at_once(binance: Wire) -> None:
    say(binance, *MANY[:4])
    sync()
    say(binance, *MANY[:2])
    assert sync().delisted == 2


def test_with_redis_away_no_loss_is_believed_and_the_rest_goes_on(binance: Wire, settings: Settings) -> None:
    say(binance, *MANY)
    sync()
    say(binance, "BTC", "NEW")
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    for _ in range(2):
        assert sync().delisted == 0
    assert bases() == {*MANY, "NEW"}
    assert stores.cache().ping()
