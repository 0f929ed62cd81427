"""From stored bars to rows: what opens, what stays, what ends, and for whom."""

import uuid
from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from apps.accounts.enums import Tier
from apps.accounts.services import user_create
from apps.core import clock
from apps.core.exceptions import PermanentError
from apps.markets.candles import store
from apps.markets.candles.bars import FIELDS, VOLUME, Bars
from apps.markets.candles.timeframes import TIMEFRAMES
from apps.markets.enums import BarOrigin
from apps.markets.selectors import candles
from apps.opportunities import leading, selectors, services
from apps.opportunities.evidence import recompute_strength
from apps.opportunities.exceptions import ExecutionRefused, OpportunityNotFound
from apps.opportunities.models import EdgePoint, Markout, Opportunity, TechnicalRule
from apps.opportunities.services import signal_bars, technical
from apps.opportunities.technical.conditions import conditions_parse
from apps.opportunities.types import OpportunitiesActive, OpportunitiesEnded
from tests.opportunities.conftest import Build
from tests.opportunities.factories import Listing
from tests.opportunities.world import World

FALLING = {"all": [{"indicator": "rsi_14", "timeframe": "1m", "op": "<", "value": 30}]}
MINUTE = 60_000


@pytest.fixture(autouse=True)
def _no_bars_known() -> None:
    signal_bars._known.clear()


@pytest.fixture
def world(build: Build) -> World:
    """Two markets of BTC and one of ETH; the second BTC market trades more."""
    made = build(
        Listing("aaa", 99.9, 100.0, volume=1e6),
        Listing("bbb", 99.9, 100.0, volume=5e6),
        Listing("aaa", 9.99, 10.0, "ETH", volume=1e5),
    )
    made.quote()
    return made


def put_bars(world: World, *trends: float, bars: int = 120, timeframe: str = "1m") -> None:
    """Bars of every listing that rise or fall by so much of the price a bar, up to the newest closed one."""
    length = TIMEFRAMES[timeframe]
    last_ms = clock.to_ms(world.now) // length * length - length
    for exchange in {one.exchange for one in world.listings}:
        mine = [at for at, one in enumerate(world.listings) if one.exchange == exchange]
        closes = np.array(
            [
                world.listings[at].ask
                * (1 + trends[at] * (np.arange(bars) - bars + 1) + 0.0003 * (np.arange(bars) % 2))
                for at in mine
            ]
        )
        values = np.broadcast_to(closes, (FIELDS, *closes.shape)).copy()
        values[VOLUME] = np.nan
        ids = np.array([world.ids[at] for at in mine], dtype=np.int64)
        order = np.argsort(ids)
        store.bars_put(exchange, timeframe, BarOrigin.QUOTES, Bars(ids[order], length, last_ms, values[:, order]))


def rule(world: World, **fields: Any) -> TechnicalRule:
    facts = {"name": "falls", "side": "buy", "conditions": FALLING, "created_at": world.now, "updated_at": world.now}
    return TechnicalRule.objects.create(**(facts | fields))


def run(world: World, seconds: float = 0) -> Any:
    world.pass_time(seconds)
    world.quote()
    return services.technical_detect(now=world.now)


def test_a_falling_market_is_a_signal_on_its_most_traded_market(world: World) -> None:
    made = rule(world)
    put_bars(world, -0.001, -0.001, 0.001)
    report = run(world)
    assert (report.opened, report.ended) == (1, 0)
    row = Opportunity.objects.get()
    assert (row.kind, row.status, row.context, row.owner_id, row.rule_id) == (
        "technical", "active", "global", None, made.pk,
    )  # fmt: skip
    assert (row.gross_edge, row.net_edge, row.peak_net_edge, row.net_apr) == (None, None, None, None)
    assert row.strength is not None and 0.25 < row.strength < 1
    assert row.score == pytest.approx(row.strength * row.confidence, abs=1e-6)
    assert [(leg["exchange"], leg["side"], leg["price"]) for leg in row.legs] == [("bbb", "buy", "100")]
    assert float(row.details["stop"]) < 100 < float(row.details["target"])
    assert row.details["rule"] == {"id": str(made.pk), "name": "falls", "own": False}
    assert recompute_strength(row.evidence) == row.strength
    assert (Markout.objects.count(), EdgePoint.objects.count()) == (0, 0)
    assert world.news(OpportunitiesActive) == [OpportunitiesActive(opportunity_ids=(str(row.pk),))]
    facts = selectors.opportunity_alert(row.pk)
    assert (facts["net_edge_percent"], facts["signal_rule"], facts["signal_timeframes"]) == (None, "falls", "1m")
    assert "no promise" in facts["caution"]


def test_between_bars_only_the_price_is_new(world: World) -> None:
    rule(world)
    put_bars(world, -0.001, 0.001, 0.001)
    run(world)
    before = Opportunity.objects.get()
    world.change(0, bid=98.9, ask=99.0)
    report = run(world, 15)
    assert (report.judged, report.opened, report.seen, report.ended) == (0, 0, 1, 0)
    after = Opportunity.objects.get()
    assert after.legs[0]["price"] == "99"
    assert (after.last_seen_at, after.priced_at) == (world.now, world.now)
    assert (after.strength, after.details, after.expires_at) == (before.strength, before.details, before.expires_at)


def test_the_next_bar_keeps_it_or_ends_it(world: World) -> None:
    rule(world)
    put_bars(world, -0.001, 0.001, 0.001)
    run(world)
    first = Opportunity.objects.get()
    world.pass_time(60)
    put_bars(world, -0.002, 0.001, 0.001)
    report = run(world, 5)
    assert (report.judged, report.opened, report.seen, report.ended) == (2, 0, 1, 0)
    kept = Opportunity.objects.get()
    assert (kept.pk, kept.activated_at, kept.expires_at) == (first.pk, first.activated_at, first.expires_at)
    assert kept.details["bars"] != first.details["bars"]
    assert recompute_strength(kept.evidence) == kept.strength
    world.pass_time(60)
    put_bars(world, 0.002, 0.001, 0.001)
    assert run(world).ended == 1
    over = Opportunity.objects.get()
    assert (over.status, over.reason, over.closed_at) == ("closed", "signal gone", world.now)
    assert world.news(OpportunitiesEnded)[-1].reason == "signal gone"


def test_what_has_ended_rests_for_a_bar_and_is_a_new_episode_then(world: World) -> None:
    rule(world)
    put_bars(world, -0.001, 0.001, 0.001)
    run(world)
    services.expire(now=world.pass_time(3 * 3600))
    assert Opportunity.objects.get().status == "expired"
    put_bars(world, -0.001, 0.001, 0.001)
    assert run(world).opened == 0
    world.pass_time(65)
    put_bars(world, -0.001, 0.001, 0.001)
    assert run(world).opened == 1
    assert Opportunity.objects.values("fingerprint").distinct().count() == 1


def test_without_new_bars_or_quotes_it_ends_as_unseen(world: World) -> None:
    rule(world)
    put_bars(world, -0.001, 0.001, 0.001)
    run(world)
    world.pass_time(130)
    assert services.expire(now=world.now) == 1
    assert Opportunity.objects.get().status == "expired"


def test_a_market_that_nobody_watched_ends_as_data_gone(world: World) -> None:
    rule(world)
    put_bars(world, -0.001, 0.001, 0.001)
    run(world)
    assert run(world, 90).ended == 1
    assert Opportunity.objects.get().reason == "data gone"


def test_a_changed_or_deleted_rule_is_judged_at_once(world: World) -> None:
    made = rule(world)
    put_bars(world, -0.001, 0.001, 0.001)
    run(world)
    TechnicalRule.objects.update(symbols=["ETH"], updated_at=world.now + timedelta(seconds=1))
    assert run(world, 2).ended == 1
    TechnicalRule.objects.update(symbols=[], side="sell", updated_at=world.now + timedelta(seconds=1))
    assert run(world, 2).opened == 1
    assert Opportunity.objects.get(status="active").legs[0]["price"] == "99.9"
    made.delete()
    assert run(world, 2).ended == 1
    assert not Opportunity.objects.filter(status="active").exists()


def test_only_the_strongest_few_of_a_rule_are_open(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(technical, "OPEN_PER_RULE", 1)
    rule(world)
    put_bars(world, -0.001, 0.001, -0.004)
    assert run(world).opened == 1
    assert run(world, 1).opened == 0
    assert Opportunity.objects.count() == 1


def test_longer_bars_confirm(world: World) -> None:
    confirmed = {**FALLING, "confirm": [{"indicator": "rsi_14", "timeframe": "5m", "op": "<", "value": 30}]}
    rule(world, name="alone")
    rule(world, name="confirmed", conditions=confirmed)
    put_bars(world, -0.001, 0.001, 0.001)
    put_bars(world, -0.001, 0.001, 0.001, timeframe="5m")
    assert run(world).opened == 2
    alone, both = (Opportunity.objects.get(rule__name=name) for name in ("alone", "confirmed"))
    assert alone.strength is not None and both.strength is not None and both.strength > alone.strength
    assert set(both.details["bars"]) == {"1m", "5m"}


def test_ones_own_signals_are_ones_own(world: World) -> None:
    owner = user_create(email="ada@example.test", tier=Tier.BASIC)
    outsider = user_create(email="eve@example.test", tier=Tier.ENTERPRISE)
    rule(world, owner=owner)
    put_bars(world, -0.001, 0.001, 0.001)
    run(world)
    row = Opportunity.objects.get()
    assert (row.context, row.owner_id) == ("personal", owner.pk)
    assert list(selectors.opportunities_visible(user=owner, now=world.now)) == [row]
    assert not selectors.opportunities_visible(user=outsider, now=world.now).exists()
    with pytest.raises(OpportunityNotFound):
        selectors.opportunity_visible(user=outsider, id=row.pk, now=world.now)
    owner.tier = Tier.FREE
    owner.save()
    assert run(world, 5).ended == 1


def test_a_signal_can_not_be_priced_taken_or_sized(world: World) -> None:
    rule(world)
    put_bars(world, -0.001, 0.001, 0.001)
    run(world)
    row = Opportunity.objects.get()
    world.fill_books()
    assert services.price(market_ids=None, now=world.now).updated == 0
    world.detect()
    with pytest.raises(ExecutionRefused):
        services.fill(opportunity=row, notional=None, min_net_edge=Decimal(100), now=world.now)
    with pytest.raises(ExecutionRefused):
        services.opportunity_sized(opportunity=row, notional=Decimal(100), now=world.now)
    assert Opportunity.objects.get(pk=row.pk).status == "active"


def test_a_second_run_opens_nothing_twice(world: World) -> None:
    rule(world)
    put_bars(world, -0.001, 0.001, 0.001)
    assert run(world).opened == 1
    signal_bars.judged_put({"aaa": signal_bars.Judged(), "bbb": signal_bars.Judged()})
    assert run(world, 1).opened == 0
    assert Opportunity.objects.count() == 1


def test_lead_and_lag_of_a_markets_bars(world: World) -> None:
    user = user_create(email="ada@example.test", tier=Tier.PREMIUM)
    rule(world)
    put_bars(world, -0.001, 0.001, 0.001, bars=240)
    found = leading.leads_of(user=user, instrument="btc", exchange="aaa", timeframe="1m", now=world.now)
    assert (found.instrument, found.symbol, [one.lead for one in found.leads]) == ("BTC", "BTC/USDT", [None])
    with pytest.raises(PermanentError, match="no candles"):
        leading.leads_of(user=user, instrument="XRP", exchange="aaa", timeframe="1m", now=world.now)


def test_edges_that_follow_a_signal_by_two_minutes_are_told_so(world: World) -> None:
    user = user_create(email="ada@example.test", tier=Tier.PREMIUM)
    weak = {"all": [{**FALLING["all"][0], "value": 45}]}
    rule(world, conditions=weak)
    steps = np.random.default_rng(8).standard_normal(240)
    closes = 100 + np.cumsum(steps) * 0.2
    ids, last_ms = np.array([world.ids[0]], dtype=np.int64), clock.to_ms(world.now) // MINUTE * MINUTE - MINUTE
    values = np.broadcast_to(closes, (FIELDS, 1, 240)).copy()
    store.bars_put("aaa", "1m", BarOrigin.QUOTES, Bars(ids, MINUTE, last_ms, values))
    bars = candles(exchange="aaa", timeframe="1m", bars=240, now=world.now)
    assert bars is not None
    moments = bars.open_ms + MINUTE
    strength = leading._strength(conditions_parse(weak), bars, 0, moments)
    assert 5 < np.count_nonzero(strength) < 235
    started = clock.from_ms(int(moments[0]))
    gap = world_gap(started, world)
    EdgePoint.objects.bulk_create(
        EdgePoint(opportunity=gap, slot=at, at=clock.from_ms(int(moment)), net_edge=edge, size=100)
        for at, (moment, edge) in enumerate(zip(moments[2:], np.round(strength[:-2] / 100, 8), strict=True))
    )
    found = leading.leads_of(user=user, instrument="BTC", exchange="aaa", timeframe="1m", now=world.now)
    [one] = found.leads
    assert one.lead is not None
    assert (one.lead.lag_s, one.lead.points) == (120, 238)
    assert one.lead.correlation > 0.99
    assert one.lead.significant
    assert (found.since, found.until) == (started, clock.from_ms(int(moments[-1])))


def world_gap(started: Any, world: World) -> Opportunity:
    """An arbitrage of BTC since then, still active."""
    leg = {"exchange": "aaa", "symbol": "BTC/USDT", "market_id": world.ids[0], "side": "buy", "price": "1"}
    return Opportunity.objects.create(
        id=uuid.uuid4(), fingerprint="f", kind="cross_exchange", instrument="BTC", symbol="BTC/USDT", quote="USDT",
        status="active", gross_edge=1, net_edge=1, peak_net_edge=1, legs=[leg, leg], leg_count=2, origin="sandbox",
        opened_at=started, activated_at=started, last_seen_at=world.now, expires_at=world.now,
    )  # fmt: skip


def test_what_means_to_be_a_dollar_gives_a_signal_only_to_who_names_it(build: Build) -> None:
    made = build(Listing("aaa", 0.9999, 1.0, "USDC", volume=1e9))
    made.quote()
    rule(made)
    put_bars(made, -0.001)
    assert run(made).opened == 0
    later = made.now + timedelta(seconds=1)
    named = rule(made, name="falls below a dollar", symbols=["USDC"], created_at=later, updated_at=later)
    assert run(made).opened == 1
    assert Opportunity.objects.get().rule_id == named.pk
