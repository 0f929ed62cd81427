"""Markouts of the seeded world: what is measured over the wire is what the world's own books and fundings at that
moment come to, by the formulas alone (exact decimals; no code of the strategies)."""

import asyncio
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Any

import pytest
import time_machine
from aiohttp import web
from pytest_django import Settings

from apps.core import clock, events
from apps.markets import selectors, services
from apps.markets.enums import SnapshotKind
from apps.markets.models import Feed, Market
from apps.opportunities import services as opportunities
from apps.opportunities.models import Markout, Opportunity
from apps.opportunities.types import CandidatesFound, MarkoutsDue
from sandbox.exchanges import exchange_hosts
from sandbox.faults import FaultTable
from sandbox.gateway import Gateway
from sandbox.market.listing import Listing
from sandbox.market.world import World
from sandbox.weights import Weights
from tests.markets.adapters import adapters_close

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_state", "ample")]

EXCHANGES = ["binance", "binanceusdm", "bybit", "okx"]
ALERTED = datetime(2026, 11, 22, 12, 7, 30, tzinfo=UTC)
# By horizon, when it is measured: half a second after it is due, a moment at which the world shows prices of its own.
LATER = {seconds: ALERTED + timedelta(seconds=seconds + 0.5) for seconds in (1, 5, 30, 60)}
ZERO = Decimal(0)
Level = tuple[Decimal, Decimal]


@pytest.fixture
def world(settings: Settings) -> Iterator[World]:
    """The sandbox's exchanges in this process, so that they go by the test's clock; the settings point at them."""
    world = World(7)
    gateway = Gateway(exchange_hosts(world), FaultTable(7), Weights())
    loop, listening, end = asyncio.new_event_loop(), threading.Event(), asyncio.Event()

    async def serve() -> None:
        app = web.Application()
        app.router.add_route("*", "/{outside:https?:/.*}", gateway.handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        settings.SANDBOX_URL = f"http://127.0.0.1:{runner.addresses[0][1]}"
        listening.set()
        await end.wait()
        await runner.cleanup()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert listening.wait(20)
    settings.ORIGIN, settings.EXCHANGES = "sandbox", EXCHANGES
    selectors.caches_forget()
    yield world
    adapters_close()
    selectors.caches_forget()
    loop.call_soon_threadsafe(end.set)
    thread.join(20)
    loop.close()


def poll(*kinds: SnapshotKind) -> None:
    for feed in Feed.objects.filter(kind__in=kinds).exclude(state="disabled"):
        services.ingest(exchange=feed.exchange_id, kind=SnapshotKind(feed.kind))


def test_every_markout_is_what_the_worlds_books_come_to_at_its_moment(world: World) -> None:
    wanted: list[int] = []

    def hear(event: Any) -> None:
        wanted.extend(event.market_ids)

    for kind in (CandidatesFound, MarkoutsDue):
        events.subscribe(kind, hear)
    try:
        with time_machine.travel(ALERTED, tick=False) as traveller:
            alert(world, wanted)
            for moment in LATER.values():
                wanted.clear()
                traveller.move_to(moment)
                poll(SnapshotKind.FUNDING)
                opportunities.markouts_request(now=clock.now())
                services.books_fetch(market_ids=wanted)
                opportunities.markouts_measure(market_ids=None, now=clock.now())
    finally:
        for kind in (CandidatesFound, MarkoutsDue):
            events.unsubscribe(kind, hear)

    measured = list(Markout.objects.select_related("opportunity"))
    assert len(measured) == len(LATER) * Opportunity.objects.count()
    assert {markout.reason for markout in measured} == {""}
    told_apart = 0
    for markout in measured:
        at = LATER[markout.horizon_s]
        assert markout.measured_at == at
        off, off_before = (truth_off(world, markout, moment) for moment in (at, at - timedelta(seconds=30)))
        assert off <= 1, (markout.opportunity.kind, markout.opportunity.legs, markout.net_edge)
        told_apart += off_before > 1
    # The measure is fine enough to tell the world of one moment from that of another.
    assert told_apart > len(measured) / 2


def alert(world: World, wanted: list[int]) -> None:
    """Everything that is worth doing is active, by the tasks' own services."""
    services.exchanges_setup()
    for exchange in EXCHANGES:
        services.exchange_sync_markets(exchange=exchange)
    poll(SnapshotKind.SPOT, SnapshotKind.SWAP, SnapshotKind.FUNDING)
    opportunities.detect(now=clock.now())
    services.books_fetch(market_ids=wanted)
    opportunities.price(market_ids=None, now=clock.now())
    Opportunity.objects.exclude(status="active").delete()
    expected = [
        (one["kind"], [(leg["exchange"], leg["symbol"]) for leg in one["legs"]])
        for one in world.scenario.describe()["expected"]
    ]
    found = [(row.kind, [(leg["exchange"], leg["symbol"]) for leg in row.legs]) for row in Opportunity.objects.all()]
    here = [one for one in expected if {exchange for exchange, _ in one[1]} <= set(EXCHANGES)]
    assert {kind for kind, _ in here} == {"cross_exchange", "funding_rate", "spot_perp", "triangular"}
    assert all(one in found for one in here)


def truth_off(world: World, markout: Markout, at: datetime) -> Decimal:
    """How far the measured edge is from the world's at `at`, in what roundings can come to: 1 is the most they may."""
    seconds = World.tick(at.timestamp())
    legs = [Side(world, leg, seconds) for leg in markout.opportunity.legs]
    one, other, *_ = legs
    quantity = Decimal(markout.quantity)
    # Edges are rounded to eight places, downwards; exchanges tell rates with eight places too.
    rounding = Decimal("1e-8")
    match markout.opportunity.kind:
        case "cross_exchange":
            truth = cross(one, other, quantity)
        case "triangular":
            truth = cycle(legs, quantity)
        case kind:
            truth = carry(one, other, quantity, short_only=kind == "spot_perp")
            rounding += Decimal("0.5e-8") * sum(leg.fundings for leg in legs if leg.listing.is_swap)
    assert markout.net_edge is not None
    return abs(truth - markout.net_edge) / rounding


class Side:
    """A leg in the world's own numbers: levels per unit of the asset (`lots`: per listed unit, as orders are)."""

    def __init__(self, world: World, leg: dict[str, Any], at: float) -> None:
        board = world.board(leg["exchange"], is_swap=":" in leg["symbol"])
        number = next(number for number, one in enumerate(board.listings) if one.symbol == leg["symbol"])
        self.listing: Listing = board.listings[number]
        self.buys = leg["side"] == "buy"
        # As the exchange's own list of fees has it.
        self.fee = Market.objects.get(exchange_id=leg["exchange"], symbol=leg["symbol"]).taker_fee or ZERO
        book, unit = board.book(number, at, 400), Decimal(str(self.listing.multiplier))
        self.step = Decimal(str(self.listing.contract_size)) / 10**self.listing.step_dp
        exact = [[(Decimal(str(price)), self._whole(size)) for price, size in side] for side in (book.bids, book.asks)]
        self.listed_bids, self.listed_asks = exact
        self.bids, self.asks = ([(price / unit, size * unit) for price, size in side] for side in exact)
        self.mid = (self.bids[0][0] + self.asks[0][0]) / 2
        if self.listing.is_swap:
            funding = board.funding(at)
            self.rate = Decimal(float(funding.rate[number]))
            wait = Decimal(int(funding.next_ms[number])) / 1000 - Decimal(at)
            interval = Decimal(int(funding.interval_h[number])) * 3600
            self.fundings = 0 if wait > 86_400 else int((86_400 - wait) / interval) + 1

    def _whole(self, size: float) -> Decimal:
        return Decimal(round(size / float(self.step))) * self.step

    def lots(self, amount: Decimal) -> Decimal:
        """Rounded down to what can be ordered."""
        return (amount / self.step).to_integral_value(ROUND_DOWN) * self.step


def worth(levels: list[Level], quantity: Decimal) -> Decimal:
    """What `quantity` units cost or bring, level by level."""
    left, total = quantity, ZERO
    for price, size in levels:
        taken = min(left, size)
        left, total = left - taken, total + taken * price
    assert left == 0
    return total


def cross(bought: Side, sold: Side, quantity: Decimal) -> Decimal:
    """`bid_B(1-t_B) / (ask_A(1+t_A)) - 1`"""
    assert bought.listing.quote == sold.listing.quote
    proceeds = worth(sold.bids, quantity) * (1 - sold.fee)
    return proceeds / (worth(bought.asks, quantity) * (1 + bought.fee)) - 1


def carry(long: Side, short: Side, quantity: Decimal, *, short_only: bool) -> Decimal:
    """`n_S·r_S - n_L·r_L - 2(t_L+t_S) - (s_L+s_S) + min(0, mid_S/mid_L - 1)`; a spot leg pays no funding."""
    assert long.listing.quote == short.listing.quote
    assert long.listing.is_swap is not short_only
    gross = short.fundings * short.rate - (0 if short_only else long.fundings * long.rate)
    spreads = (
        (worth(side.asks, quantity) - worth(side.bids, quantity)) / quantity / side.mid for side in (long, short)
    )
    return gross - 2 * (long.fee + short.fee) - sum(spreads) + min(ZERO, short.mid / long.mid - 1)


def cycle(legs: list[Side], quantity: Decimal) -> Decimal:
    """What comes back over what was put in, less one: each trade in whole lots, its fee taken from what it brings."""
    held, put_in = quantity, ZERO
    for at, leg in enumerate(legs):
        if leg.buys:
            amount = leg.lots(affordable(leg.listed_asks, held))
            spent, brought = worth(leg.listed_asks, amount), amount * (1 - leg.fee)
        else:
            spent = leg.lots(held)
            brought = worth(leg.listed_bids, spent) * (1 - leg.fee)
        put_in = put_in if at else spent
        held = brought
    return held / put_in - 1


def affordable(asks: list[Level], money: Decimal) -> Decimal:
    """How much `money` buys."""
    amount = ZERO
    for price, size in asks:
        taken = min(size, money / price)
        amount, money = amount + taken, money - taken * price
    return amount
