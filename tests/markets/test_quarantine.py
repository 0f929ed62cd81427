"""Two coins of one name: kept apart after three looks, and then an operator says what they are."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError

from apps.core import clock, events, redis
from apps.core.exceptions import PermanentError
from apps.markets import selectors, services
from apps.markets.enums import QuarantineState, SnapshotKind
from apps.markets.events import QuarantineOpened
from apps.markets.models import Exchange, InstrumentAlias, Market, Quarantine
from apps.opportunities.models import Opportunity
from tests.opportunities.conftest import Build, build
from tests.opportunities.factories import Listing
from tests.opportunities.world import World

__all__ = ["build"]

CHEAP, DEAR = Listing("aaa", 0.0099, 0.0101, "GAS"), Listing("bbb", 2.99, 3.01, "GAS")


@pytest.fixture
def heard() -> Iterator[list[QuarantineOpened]]:
    """What was announced."""
    news: list[QuarantineOpened] = []
    events.subscribe(QuarantineOpened, news.append)
    yield news
    events.unsubscribe(QuarantineOpened, news.append)


def look(world: World, times: int = 1) -> services.QuarantineReport:
    """Quotes of now and a look at them, every 15 s."""
    report = services.QuarantineReport(0, 0, ())
    for _ in range(times):
        world.pass_time(15)
        world.version = Exchange.objects.get(id=world.listings[0].exchange).market_version
        versions = dict(Exchange.objects.values_list("id", "market_version"))
        assert set(versions.values()) == {world.version}, "the exchanges change together in these worlds"
        world.quote()
        latest = selectors.snapshots_latest(now_ms=clock.to_ms(world.now))
        report = services.quarantine_check(latest=latest, now=world.now)
    return report


def decide(world: World, state: QuarantineState, *at: int) -> int:
    ids = [world.ids[index] for index in at]
    return services.quarantine_decide(market_ids=ids, state=state, by="op@example.test", now=world.now)


def usable(world: World) -> set[int]:
    return set(selectors.market_table().market_id.tolist())


def test_same_code_and_prices_of_a_cent_and_three_dollars_is_quarantined_and_no_alert(
    build: Build, heard: list[QuarantineOpened]
) -> None:
    world = build(CHEAP, DEAR)
    before = world.version
    assert look(world, 2).strangers == 2
    assert not Quarantine.objects.exists()
    assert world.detect().found == 0
    assert look(world).opened == tuple(world.ids)
    rows = {row.market_id: row for row in Quarantine.objects.all()}
    assert {row.state for row in rows.values()} == {QuarantineState.PENDING}
    assert rows[world.ids[1]].ratio == pytest.approx(300)
    assert rows[world.ids[1]].compared_with == "aaa GAS/USDT"
    assert [(one.exchange, one.symbol, one.instrument) for one in heard] == [
        ("aaa", "GAS/USDT", "GAS"),
        ("bbb", "GAS/USDT", "GAS"),
    ]
    # Out of what strategies see, still read and shown.
    assert usable(world) == set()
    assert selectors.market_index("aaa", SnapshotKind.SPOT).market_id.tolist() == [world.ids[0]]
    assert set(Exchange.objects.values_list("market_version", flat=True)) == {before + 1}
    look(world, 3)
    assert len(heard) == 2
    assert set(Exchange.objects.values_list("market_version", flat=True)) == {before + 1}
    assert not Opportunity.objects.exists()


def test_a_glitch_is_none(build: Build) -> None:
    world = build(CHEAP, DEAR)
    look(world, 2)
    world.change(1, bid=0.0099, ask=0.0101)
    look(world)
    world.change(1, bid=2.99, ask=3.01)
    look(world, 2)
    assert not Quarantine.objects.exists()
    look(world)
    assert Quarantine.objects.count() == 2


def test_only_the_one_that_is_unlike_the_majority_goes(build: Build) -> None:
    world = build(CHEAP, Listing("ccc", 0.0098, 0.0102, "GAS", swap=True), DEAR)
    look(world, 3)
    row = Quarantine.objects.get()
    assert (row.market_id, row.compared_with) == (world.ids[2], "aaa GAS/USDT, ccc GAS/USDT:USDT")


def test_what_is_the_same_asset_is_released_and_stays_released(build: Build) -> None:
    world = build(CHEAP, DEAR)
    look(world, 3)
    assert decide(world, QuarantineState.SAME, 0, 1) == 2
    assert usable(world) == set(world.ids)
    look(world, 4)
    row = Quarantine.objects.get(market=world.ids[0])
    assert (row.state, row.decided_by, row.decided_at is not None) == (QuarantineState.SAME, "op@example.test", True)
    assert decide(world, QuarantineState.SAME, 0, 1) == 0


def test_another_asset_gets_a_name_of_its_own_at_once(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    world = build(CHEAP, DEAR)
    look(world, 3)
    rung: list[str] = []

    def ring(task: str, *, key: str, **_: object) -> bool:
        rung.append(f"{task} {key}")
        return True

    monkeypatch.setattr("apps.core.queue.ring", ring)
    assert decide(world, QuarantineState.SAME, 0) == 1
    rung.clear()
    assert decide(world, QuarantineState.DIFFERENT, 1) == 1
    assert rung == ["apps.markets.tasks.sync_markets bbb"]
    alias = InstrumentAlias.objects.get()
    assert (alias.exchange_id, alias.base, alias.instrument, alias.multiplier) == ("bbb", "GAS", "GAS@bbb", 1)
    assert Market.objects.get(id=world.ids[1]).instrument == "GAS@bbb"
    assert usable(world) == set(world.ids)
    Exchange.objects.update(market_version=5000)
    assert look(world, 3).strangers == 0
    assert Quarantine.objects.get(market=world.ids[1]).state == QuarantineState.DIFFERENT
    # If the alias goes, the question is open again.
    Market.objects.filter(id=world.ids[1]).update(instrument="GAS")
    Exchange.objects.update(market_version=6000)
    look(world, 3)
    assert Quarantine.objects.get(market=world.ids[1]).state == QuarantineState.PENDING


def test_no_decision_is_none_and_an_alias_that_cannot_be_made_changes_nothing(build: Build) -> None:
    world = build(CHEAP, Listing("b" * 39, 2.99, 3.01, "GAS"))
    look(world, 3)
    with pytest.raises(PermanentError, match="same asset or another"):
        decide(world, QuarantineState.PENDING, 0)
    with pytest.raises(ValidationError):
        decide(world, QuarantineState.DIFFERENT, 0, 1)
    assert set(Quarantine.objects.values_list("state", flat=True)) == {QuarantineState.PENDING}
    assert not InstrumentAlias.objects.exists()


def test_prices_in_a_dollar_that_lost_its_peg_are_compared_at_its_rate(build: Build) -> None:
    usdc = Listing("aaa", 0.5, 0.501, "USDC")
    world = build(Listing("aaa", 99.9, 100.1), Listing("bbb", 199.7, 199.9, quote="USDC"), usdc)
    assert look(world, 3).strangers == 0
    assert not Quarantine.objects.exists()


def test_runs_with_a_gap_between_them_are_not_in_a_row(build: Build, redis_state: None) -> None:
    world = build(CHEAP, DEAR)
    look(world, 2)
    assert 0 < redis.state().ttl("markets:quarantine:strikes") <= 60
    redis.state().delete("markets:quarantine:strikes")
    world.pass_time(timedelta(minutes=5).total_seconds())
    look(world, 2)
    assert not Quarantine.objects.exists()
