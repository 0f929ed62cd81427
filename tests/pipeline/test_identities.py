"""Over the real sandbox: the other coin of one ticker is found out, and what is worth doing is exactly the scenario."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from apps.core import clock, events
from apps.markets import selectors, services
from apps.markets.enums import SnapshotKind
from apps.markets.models import Exchange, Feed, Quarantine
from apps.opportunities import services as opportunities
from apps.opportunities.models import Opportunity
from apps.opportunities.types import CandidatesFound
from tests.markets.adapters import adapters_close
from tests.sandbox_process import Sandbox

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_state")]

# More than a machine that is busy for a while needs.
ROUNDS = 30
EXCHANGES = ["binance", "binanceusdm", "bybit", "coinbase", "hyperliquid", "okx"]


@pytest.fixture
def read(sandbox: Sandbox, settings: Settings) -> Iterator[None]:
    """Everything that six exchanges list, in three dollars."""
    settings.EXCHANGES = EXCHANGES
    selectors.caches_forget()
    services.exchanges_setup()
    for exchange in EXCHANGES:
        services.exchange_sync_markets(exchange=exchange)
    yield
    selectors.caches_forget()
    adapters_close()


def poll() -> None:
    for feed in Feed.objects.exclude(state="disabled").order_by("kind", "exchange_id"):
        services.ingest(exchange=feed.exchange_id, kind=SnapshotKind(feed.kind))


def legs(row: Opportunity) -> tuple[object, ...]:
    return (row.kind, *((leg["exchange"], leg["symbol"], leg["side"]) for leg in row.legs))


def test_the_other_coin_waits_in_quarantine_and_exactly_the_scenario_is_worth_doing(
    sandbox: Sandbox, read: None
) -> None:
    poll()
    for _ in range(3):
        now = clock.now()
        services.quarantine_check(latest=selectors.snapshots_latest(now_ms=clock.to_ms(now)), now=now)
    scenario = sandbox.scenario()
    (decoy,) = [one for one in scenario["decoys"] if one["why"] == "same ticker, different asset"]
    quarantined = Quarantine.objects.get().market
    assert (quarantined.exchange_id, quarantined.instrument) == ("okx", decoy["instrument"])
    assert quarantined.id not in selectors.market_table().market_id
    assert {"USD", "USDC", "USDT"} <= set(selectors.market_table().quotes)

    wanted: list[int] = []

    def hear(event: CandidatesFound) -> None:
        wanted.extend(event.market_ids)

    expected = {
        (one["kind"], *((leg["exchange"], leg["symbol"], leg["side"]) for leg in one["legs"]))
        for one in scenario["expected"]
    }
    active: set[tuple[object, ...]] = set()
    events.subscribe(CandidatesFound, hear)
    try:
        # Books count for two seconds: where reading them takes longer, the next round's are new enough, as in life.
        for _ in range(ROUNDS):
            poll()
            opportunities.detect(now=clock.now())
            services.books_fetch(market_ids=wanted)
            opportunities.price(market_ids=None, now=clock.now())
            active = {legs(row) for row in Opportunity.objects.filter(status="active")}
            if active >= expected:
                break
    finally:
        events.unsubscribe(CandidatesFound, hear)
    assert active == expected
    assert Exchange.objects.filter(status="ok").count() == len(EXCHANGES)
