"""Every exchange of the registry from the wire to the store: markets in rows, all of its feeds polled, nothing lost."""

from collections.abc import Iterator

import numpy as np
import pytest
from pytest_django import Settings

from apps.core import clock
from apps.markets import selectors, services
from apps.markets.enums import FeedState, IntervalSource, SnapshotKind
from apps.markets.exchanges import registry
from apps.markets.models import Market
from apps.markets.types import FundingRates, Snapshot
from sandbox.exchanges.keys import KEYS
from tests.markets.adapters import adapters_close, unthrottled
from tests.sandbox_process import Sandbox

# In bulk, with their quotes; the others have a call per market, or another call that nobody makes.
TELL_OPEN_INTEREST = {"bitget", "bybit", "gate", "hyperliquid", "krakenfutures", "mexc"}

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("redis_state"),
    pytest.mark.parametrize("exchange", registry.EXCHANGES.names()),
]


@pytest.fixture(autouse=True)
def outside(settings: Settings, sandbox: Sandbox, exchange: str) -> Iterator[None]:
    """This exchange alone, in the sandbox, with the sandbox's keys."""
    settings.SANDBOX_URL = sandbox.url
    settings.EXCHANGES = [exchange]
    settings.EXCHANGE_KEYS = dict(KEYS)
    selectors.caches_forget()
    unthrottled(registry.adapter(exchange, gateway=sandbox.url))
    yield
    selectors.caches_forget()
    adapters_close()


def test_all_feeds_are_stored_with_all_good_rows(exchange: str) -> None:
    services.exchanges_setup()
    services.exchange_sync_markets(exchange=exchange)
    able = registry.adapter_class(exchange).capabilities
    assert able.kinds
    for kind in able.kinds:
        report = services.ingest(exchange=exchange, kind=kind)
        assert report is not None
        assert (report.state, report.rows > 20) == (FeedState.OK, True), report.reason
        # The sandbox plants a few bad rows.
        assert sum(report.refused.values()) < 0.1 * report.rows
    latest = selectors.snapshots_latest(now_ms=clock.now_ms())
    stored: list[Snapshot] = [*latest.spot, *latest.swap, *latest.funding]
    assert [snapshot.kind for snapshot in stored] == list(able.kinds)
    for snapshot in stored:
        assert set(snapshot.market_id.tolist()) <= set(Market.objects.values_list("id", flat=True))
        if isinstance(snapshot, FundingRates):
            assert (snapshot.interval_source != IntervalSource.UNKNOWN).mean() > 0.9
        else:
            sizes = np.concatenate([snapshot.bid_size, snapshot.ask_size])
            assert (sizes > 0).all() if able.quotes[snapshot.kind].has_sizes else np.isnan(sizes).all()
            tells = snapshot.kind is SnapshotKind.SWAP and exchange in TELL_OPEN_INTEREST
            assert (snapshot.open_interest is not None) == tells
            if snapshot.open_interest is not None:
                # A third of a day's volume stands open in the sandbox, in whatever unit an exchange counts.
                turnover = snapshot.quote_volume / ((snapshot.bid + snapshot.ask) / 2)
                assert np.median(snapshot.open_interest / turnover) == pytest.approx(1 / 3, rel=0.1)
