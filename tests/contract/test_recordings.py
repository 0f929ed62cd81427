"""Recorded answers of real exchanges through the same path as live ones: parsed, judged, refused in words."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from pytest_django import Settings

from apps.core import clock, loop
from apps.markets import selectors, services
from apps.markets.enums import FeedState, SnapshotKind
from apps.markets.exchanges import registry
from tests.markets.adapters import adapters_close
from tests.sandbox_process import Sandbox, sandbox_run

RECORDINGS = Path(__file__).resolve().parents[3] / "shared" / "recordings" / "har"
MOMENT = datetime(2023, 8, 16, 5, 19, 27, tzinfo=UTC)

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("redis_state"),
    pytest.mark.skipif(not RECORDINGS.is_dir(), reason=f"the recordings are not there: {RECORDINGS}"),
]


@pytest.fixture
def replay(settings: Settings) -> Iterator[Sandbox]:
    """A sandbox that replays, and our clock at the recorded moment."""
    with sandbox_run("--replay", str(RECORDINGS), "--replay-at", MOMENT.isoformat()) as sandbox:
        settings.SANDBOX_URL = sandbox.url
        settings.ORIGIN = "replay"
        settings.REPLAY_AT = MOMENT
        settings.REPLAY_STARTED_AT = clock.wall_now().timestamp()
        settings.EXCHANGES = ["bybit", "binance"]
        selectors.caches_forget()
        yield sandbox
        selectors.caches_forget()
        adapters_close()


def poll(exchange: str, kind: SnapshotKind) -> services.IngestReport:
    report = services.ingest(exchange=exchange, kind=kind)
    assert report is not None
    return report


def test_bybits_recorded_market_is_fresh_and_binances_is_refused_in_words(replay: Sandbox) -> None:
    services.exchanges_setup()
    for exchange in ("bybit", "binance"):
        services.exchange_sync_markets(exchange=exchange)
    for kind in SnapshotKind:
        report = poll("bybit", kind)
        assert (report.state, report.reason) == (FeedState.OK, "")
        assert report.rows > 50
    refused = poll("binance", SnapshotKind.SPOT)
    assert refused.state is FeedState.STALE
    assert refused.reason.startswith("binance says it is 2019-08-22 03:38 UTC, 4 years before our clock")
    latest = selectors.snapshots_latest(now_ms=clock.now_ms())
    assert [quotes.exchange for quotes in (*latest.spot, *latest.swap)] == ["bybit", "bybit"]
    (rates,) = latest.funding
    assert np.isfinite(rates.interval_hours).all()
    assert (rates.next_funding_at > clock.now_ms()).all()
    table = selectors.market_table()
    codes = table.exchange_code[table.rows(rates.market_id)]
    assert {table.exchange[code] for code in codes} == {"bybit"}


def test_a_recording_that_has_played_out_is_frozen(replay: Sandbox, settings: Settings) -> None:
    services.exchanges_setup()
    services.exchange_sync_markets(exchange="bybit")
    assert poll("bybit", SnapshotKind.SWAP).state is FeedState.OK
    settings.REPLAY_STARTED_AT -= 31
    report = poll("bybit", SnapshotKind.SWAP)
    assert report.state is FeedState.FROZEN
    assert selectors.snapshots_latest(now_ms=clock.now_ms()).swap == []


def test_kraken_futures_inverse_rates_of_2019_lie_within_the_exchanges_own_limits() -> None:
    moment = datetime(2019, 11, 11, 7, 14, 44, tzinfo=UTC)
    with sandbox_run("--replay", str(RECORDINGS), "--replay-at", moment.isoformat()) as sandbox:
        adapter = registry.adapter("krakenfutures", gateway=sandbox.url)
        specs = {spec.symbol: spec for spec in loop.run(adapter.markets(), timeout=20)}
        quotes = loop.run(adapter.quotes(SnapshotKind.SWAP, markets_from=0), timeout=20)
        rates = loop.run(adapter.funding(markets_from=0), timeout=20)
        adapters_close()
    assert abs(quotes.exchange_at - clock.to_ms(moment)) < 1000
    bids = dict(zip(quotes.value.symbols, quotes.value.bid.tolist(), strict=True))
    assert bids["BTC/USD:BTC"] == 8797
    # One is quoted in bitcoin, whatever ccxt calls it.
    assert [symbol for symbol, spec in specs.items() if not spec.active] == ["XRP/USD:USD"]
    inverse = [symbol.endswith(":USD") is False for symbol in rates.value.symbols]
    told = np.abs(rates.value.rate[inverse])
    # The instruments say that no relative rate exceeds 0.0005; read as dollars they would be below a billionth.
    assert ((told > 1e-6) & (told < 0.0005)).all()
    assert set(rates.value.next_funding_at.tolist()) == {clock.to_ms(moment.replace(hour=8, minute=0, second=0))}
