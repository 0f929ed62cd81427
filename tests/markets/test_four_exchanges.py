"""MEXC, HTX, BingX and Hyperliquid all the way: markets into rows, polls into snapshots, contracts into base units."""

import numpy as np
import pytest
from pytest_django import Settings

from apps.core import clock
from apps.markets import selectors, services
from apps.markets.enums import FeedState, IntervalSource, SnapshotKind
from apps.markets.exchanges import registry
from apps.markets.models import Market
from apps.markets.types import FundingRates, Quotes
from sandbox.market.world import World
from tests.sandbox_process import Sandbox

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_state")]


def snapshots(exchange: str, settings: Settings, sandbox: Sandbox) -> dict[SnapshotKind, Quotes | FundingRates]:
    """The newest snapshots of all feeds of the exchange, loaded and polled afresh."""
    settings.EXCHANGES, settings.SANDBOX_URL = [exchange], sandbox.url
    services.exchanges_setup()
    services.exchange_sync_markets(exchange=exchange)
    for kind in registry.adapter_class(exchange).capabilities.kinds:
        report = services.ingest(exchange=exchange, kind=kind)
        assert report is not None
        assert (report.state, report.reason) == (FeedState.OK, "")
    latest = selectors.snapshots_latest(now_ms=clock.now_ms())
    found: dict[SnapshotKind, Quotes | FundingRates] = {each.kind: each for each in (*latest.spot, *latest.swap)}
    found[SnapshotKind.FUNDING] = latest.funding[0]
    return found


@pytest.mark.parametrize("exchange", ["mexc", "htx", "bingx", "hyperliquid"])
def test_every_feed_becomes_a_snapshot(exchange: str, settings: Settings, sandbox: Sandbox) -> None:
    found = snapshots(exchange, settings, sandbox)
    able = registry.adapter_class(exchange).capabilities
    assert found.keys() == set(able.kinds)
    symbols = dict(Market.objects.filter(exchange_id=exchange, active=True).values_list("id", "symbol"))
    for kind, snapshot in found.items():
        assert len(snapshot.market_id) > 20
        assert set(snapshot.market_id.tolist()) <= symbols.keys()
        if isinstance(snapshot, FundingRates):
            assert (snapshot.interval_hours == (1.0 if exchange == "hyperliquid" else 8.0)).mean() > 0.8
            assert np.isfinite(snapshot.interval_hours).all()
            source = IntervalSource.CONSTANT if exchange == "hyperliquid" else IntervalSource.EXCHANGE
            assert set(snapshot.interval_source.tolist()) == {source}
            assert (snapshot.next_funding_at > snapshot.received_at - 60_000).all()
            continue
        assert np.isfinite(snapshot.bid_size).all() == able.quotes[kind].has_sizes
        if able.quotes[kind].has_sizes:
            # Sizes are in base units: what stands at the best price is worth what the world says.
            (btc,) = (market_id for market_id, symbol in symbols.items() if symbol.split(":")[0] == "BTC/USDT"
                      and (":" in symbol) is (kind is SnapshotKind.SWAP))  # fmt: skip
            row = snapshot.market_id.tolist().index(btc)
            top_usd = next(asset.top_usd for asset in World(7).assets if asset.name == "BTC")
            assert snapshot.bid_size[row] * snapshot.bid[row] == pytest.approx(top_usd, rel=0.01)


def test_hyperliquids_thousands_are_the_asset_itself(settings: Settings, sandbox: Sandbox) -> None:
    snapshots("hyperliquid", settings, sandbox)
    market = Market.objects.get(exchange_id="hyperliquid", symbol="KSHIB/USDC:USDC")
    assert (market.instrument, market.multiplier) == ("SHIB", 1000)
