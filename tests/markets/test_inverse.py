"""Inverse perpetuals, and what Kraken, Coinbase and Binance COIN-M come to once they are read, judged and stored."""

from collections.abc import Iterator

import numpy as np
import pytest
from pytest_django import Settings

from apps.core import clock
from apps.markets import selectors, services
from apps.markets.enums import FeedState, IntervalSource, MarketType, SnapshotKind
from apps.markets.models import Market
from sandbox.exchanges.keys import KEYS
from sandbox.market.world import World
from tests.sandbox_process import Sandbox

pytestmark = pytest.mark.django_db
NAMES = ["kraken", "krakenfutures", "coinbase", "binancecoinm"]


@pytest.fixture
def polled(settings: Settings, sandbox: Sandbox, redis_state: None) -> Iterator[Sandbox]:
    """The four exchanges, each of their feeds polled once."""
    settings.EXCHANGES = NAMES
    settings.EXCHANGE_KEYS = {"coinbase": dict(KEYS["coinbase"])}
    services.exchanges_setup()
    for name in NAMES:
        services.exchange_sync_markets(exchange=name)
        for feed in list(selectors.feeds_status()):
            if feed.exchange == name:
                report = services.ingest(exchange=name, kind=feed.kind)
                assert report is not None
                assert (report.state, report.refused) == (FeedState.OK, {}), (name, feed.kind, report.reason)
    yield sandbox


def test_all_is_stored_and_sizes_are_coins_whatever_the_contract(polled: Sandbox) -> None:
    latest = selectors.snapshots_latest(now_ms=clock.now_ms())
    assert {quotes.exchange for quotes in latest.spot} == {"kraken", "coinbase"}
    assert {quotes.exchange for quotes in latest.swap} == {"krakenfutures", "binancecoinm"}
    assert {rates.exchange for rates in latest.funding} == {"krakenfutures", "binancecoinm"}
    board = World(7).board("binancecoinm", is_swap=True)
    top = {each.symbol: each.asset.top_usd for each in board.listings}
    for quotes in latest.swap:
        markets = Market.objects.in_bulk(quotes.market_id.tolist())
        for number, market_id in enumerate(quotes.market_id.tolist()):
            market = markets[market_id]
            dollars = quotes.bid[number] * quotes.bid_size[number]
            # What an exchange shows is worth as many dollars, in contracts of 100 dollars or of a coin.
            assert dollars == pytest.approx(top[f"{market.base}/USD:{market.base}"], rel=0.1), market


def test_intervals_say_that_they_are_documented_and_not_told(polled: Sandbox) -> None:
    latest = selectors.snapshots_latest(now_ms=clock.now_ms())
    for rates in latest.funding:
        assert set(rates.interval_source.tolist()) == {IntervalSource.CONSTANT}
        assert set(rates.interval_hours.tolist()) == {1.0 if rates.exchange == "krakenfutures" else 8.0}
        assert (rates.next_funding_at > clock.now_ms()).all()
        assert np.isfinite(rates.mark).all()


def test_inverse_ones_are_in_the_table_as_what_they_are(polled: Sandbox) -> None:
    table = selectors.market_table()
    types = dict(zip(table.market_id.tolist(), table.type_code.tolist(), strict=True))
    codes = {MarketType.SPOT: 0, MarketType.SWAP: 1, MarketType.INVERSE: 2}
    for market in Market.objects.all():
        assert types[market.id] == codes[MarketType(market.type)]
    kraken = Market.objects.filter(exchange="krakenfutures")
    assert kraken.filter(type=MarketType.INVERSE).count() == 2
    assert set(kraken.values_list("max_leverage", flat=True)) == {50}
    assert not Market.objects.filter(exchange="binancecoinm").exclude(type=MarketType.INVERSE).exists()
    assert SnapshotKind.SWAP in {feed.kind for feed in selectors.feeds_status() if feed.exchange == "binancecoinm"}
