"""A market in the database and the stores, whose clock the test moves: rows, snapshots, books as ingestion does."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import time_machine

from apps.core import clock
from apps.core.events import Event, subscribe, unsubscribe
from apps.markets import store
from apps.markets.enums import MarketType
from apps.markets.models import Exchange, Market
from apps.markets.types import FundingRates, OrderBook, Snapshot
from apps.opportunities import services
from apps.opportunities.legs import Levels
from apps.opportunities.models import Opportunity
from apps.opportunities.types import CandidatesFound, MarkoutsDue, OpportunitiesActive, OpportunitiesEnded
from tests.opportunities.factories import NOW_MS, Listing, latest_of

STARTED = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
# The markets room keeps its table per version in the process: each world needs versions of its own.
_versions = count(1000)


@dataclass
class World:
    """Listings that can change while time goes by; market ids are `ids[n]` of the n-th listing."""

    listings: list[Listing]
    traveller: time_machine.Traveller | None
    now: datetime = STARTED
    ids: list[int] = field(default_factory=list)
    version: int = 0
    heard: list[Event] = field(default_factory=list)

    def pass_time(self, seconds: float) -> datetime:
        """Move the clock."""
        self.now += timedelta(seconds=seconds)
        assert self.traveller is not None, "time goes by itself in this world"
        self.traveller.move_to(self.now)
        return self.now

    def change(self, at: int, **changes: Any) -> None:
        """Change a listing; told to the stores by the next `quote` and `fill_books`."""
        self.listings[at] = replace(self.listings[at], **changes)

    def quote(self) -> None:
        """Put snapshots of now into the store."""
        now_ms = clock.to_ms(self.now)
        latest = latest_of([replace(one, ts=one.ts - NOW_MS + now_ms) for one in self.listings])
        snapshots: list[Snapshot] = [*latest.spot, *latest.swap, *latest.funding]
        for snapshot in snapshots:
            facts: dict[str, Any] = {
                "received_at": now_ms - 100,
                "market_version": self.version,
                "market_id": snapshot.market_id.copy(),
            }
            for row, at in enumerate(snapshot.market_id.tolist()):
                facts["market_id"][row] = self.ids[at - 1]
            if isinstance(snapshot, FundingRates):
                facts["next_funding_at"] = snapshot.next_funding_at - NOW_MS + clock.to_ms(STARTED)
            store.snapshot_put(replace(snapshot, **facts))

    def fill_books(self, *at: int, age_ms: int = 100, **sides: Levels) -> None:
        """Put order books (of the quotes, 50 units deep) of these listings (default: all) into the store."""
        now_ms = clock.to_ms(self.now)
        books = []
        for index in at or range(len(self.listings)):
            one = self.listings[index]
            books.append(
                OrderBook(
                    market_id=self.ids[index],
                    bids=sides.get("bids", ((Decimal(str(one.bid)), Decimal(50)),)),
                    asks=sides.get("asks", ((Decimal(str(one.ask)), Decimal(50)),)),
                    exchange_ts=now_ms - age_ms,
                    received_at=now_ms - age_ms,
                )
            )
        store.books_put(books)

    def detect(self) -> Any:
        """Quotes of now, then a scan."""
        self.quote()
        return services.detect(now=self.now)

    def price(self) -> Any:
        """Books of now, then pricing."""
        self.fill_books()
        return services.price(market_ids=None, now=self.now)

    def activate(self) -> Opportunity:
        """Quotes, scan, books, price: the one opportunity there is, active."""
        self.detect()
        self.price()
        return Opportunity.objects.get(status="active")

    def news(self, kind: type[Event]) -> list[Any]:
        """What was published of one type."""
        return [event for event in self.heard if type(event) is kind]


def world_of(listings: Sequence[Listing], traveller: time_machine.Traveller | None, settings: Any) -> World:
    """Rows of these listings; nothing in the stores yet. Without a traveller in real time."""
    version = next(_versions)
    world = World(list(listings), traveller, version=version)
    names = sorted({one.exchange for one in listings})
    settings.EXCHANGES = names
    Exchange.objects.bulk_create(Exchange(id=name, name=name, market_version=version) for name in names)
    for one in listings:
        world.ids.append(market_row(one).pk)
    return world


def market_row(one: Listing) -> Market:
    """The market of a listing."""
    return Market.objects.create(
        exchange_id=one.exchange,
        symbol=one.symbol,
        type=MarketType.SWAP if one.swap else MarketType.SPOT,
        base=one.symbol.split("/")[0],
        quote=one.quote,
        settle=one.quote if one.swap else "",
        instrument=one.instrument,
        multiplier=int(one.multiplier),
        taker_fee=Decimal(str(one.fee)),
        amount_step=Decimal("0.0001"),
        min_amount=Decimal("0.001"),
        min_notional=Decimal("0.0001" if one.quote == "BTC" else 5),
    )


EVENTS = (CandidatesFound, OpportunitiesActive, OpportunitiesEnded, MarkoutsDue)


def listen(world: World) -> None:
    """Note every event of this room in `world.heard`."""
    for kind in EVENTS:
        subscribe(kind, world.heard.append)


def stop_listening(world: World) -> None:
    """Undo `listen`."""
    for kind in EVENTS:
        unsubscribe(kind, world.heard.append)
