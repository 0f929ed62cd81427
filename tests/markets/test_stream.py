"""Streaming over real websockets from the sandbox: data arrives, and every way in which it may stop is survived."""

import time
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from apps.core import clock, redis
from apps.markets import beats, selectors, services, store
from apps.markets.enums import FeedState, SnapshotKind, SnapshotOrigin
from apps.markets.exchanges import streaming
from apps.markets.models import Exchange, Market
from apps.markets.services import stream
from apps.markets.types import Quotes
from tests.sandbox_process import Sandbox

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_state")]

SPOT, SWAP, FUNDING = SnapshotKind.SPOT, SnapshotKind.SWAP, SnapshotKind.FUNDING
STREAMED = {"binance": (SPOT,), "binanceusdm": (SWAP,), "bybit": (SPOT, SWAP), "okx": (SPOT, SWAP)}
SOCKETS = {"binance": "stream.binance.com", "binanceusdm": "fstream.binance.com"}
SOCKETS |= {"bybit": "stream.bybit.com", "okx": "ws.okx.com"}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wanted, lost or silent is looked at, and connections are tried again, at once."""
    monkeypatch.setattr(streaming, "RETRY_S", 0.2)
    monkeypatch.setattr(streaming, "RETRY_CAP_S", 0.4)
    monkeypatch.setattr(streaming, "_LOOK_S", 0.05)
    monkeypatch.setattr(stream, "REFRESH_S", 0.1)


@pytest.fixture
def streamed(request: pytest.FixtureRequest, sandbox: Sandbox, settings: Settings) -> Iterator[services.Streamer]:
    """A streamer of the exchange that the test is about, its markets loaded."""
    exchange = getattr(request, "param", "okx")
    settings.EXCHANGES = [exchange]
    services.exchanges_setup()
    services.exchange_sync_markets(exchange=exchange)
    streamer = services.Streamer([exchange])
    yield streamer
    for session in streamer._sessions.values():
        for streams in (session.quotes, session.books):
            # ccxt waits a quarter of a second for TLS to end; there is none here.
            streams.client._ccxt.timeout_on_exit = 0
    streamer.close()


def until(streamer: services.Streamer, come: Callable[[], bool], *, seconds: float = 30.0) -> None:
    """Let it work until this has come."""
    give_up = time.monotonic() + seconds
    while not come():
        assert time.monotonic() < give_up, "it never came"
        streamer.step()
        time.sleep(0.02)


def same_rows(poll: Quotes) -> bool:
    """What has been pushed by now are the markets that the poll found."""
    stream = store.snapshot_latest(poll.exchange, poll.kind)
    return stream.origin is SnapshotOrigin.STREAM and np.array_equal(stream.market_id, poll.market_id)


def pushed(exchange: str, kind: SnapshotKind, *, after: int = 0) -> bool:
    snapshot = store.snapshot_latest(exchange, kind)
    return snapshot is not None and snapshot.origin is SnapshotOrigin.STREAM and snapshot.received_at > after


@pytest.mark.parametrize(
    ("streamed", "exchange"), [(name, name) for name in STREAMED], indirect=["streamed"], ids=list(STREAMED)
)
def test_what_is_pushed_is_what_a_poll_would_have_brought(streamed: services.Streamer, exchange: str) -> None:
    for kind in STREAMED[exchange]:
        assert services.ingest(exchange=exchange, kind=kind).state is FeedState.OK
        poll = store.snapshot_latest(exchange, kind)
        assert isinstance(poll, Quotes)
        until(streamed, partial(same_rows, poll))
        stream = store.snapshot_latest(exchange, kind)
        assert np.allclose(stream.bid, poll.bid, rtol=1e-3)
        assert np.allclose(stream.ask_size, poll.ask_size, rtol=0.2)
        assert (np.abs(stream.exchange_ts - stream.received_at) < 5000).all()


def test_a_feed_that_is_pushed_is_not_polled_and_one_that_falls_silent_is(
    streamed: services.Streamer, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beats, "PUSHED_S", 1.0)
    rung: list[tuple[str, SnapshotKind]] = []
    monkeypatch.setattr("apps.markets.services.feeds.feed_ring", lambda exchange, kind: rung.append((exchange, kind)))
    until(streamed, lambda: pushed("okx", SPOT) and pushed("okx", SWAP))
    services.feeds_due(now=clock.now())
    assert rung == [("okx", FUNDING)]
    sandbox.faults([{"host": SOCKETS["okx"], "method": "PUSH", "silence": True}])
    until(streamed, lambda: not beats.pushed_are([("okx", SPOT), ("okx", SWAP)]))
    rung.clear()
    services.feeds_due(now=clock.now())
    assert set(rung) >= {("okx", SPOT), ("okx", SWAP)}
    assert services.ingest(exchange="okx", kind=SPOT).state is FeedState.OK
    assert store.snapshot_latest("okx", SPOT).origin is SnapshotOrigin.POLL


@pytest.mark.parametrize(
    "fault",
    [
        {"method": "PUSH", "cut": True, "count": 1},
        {"method": "PUSH", "garbage": True, "count": 1},
        {"method": "PUSH", "silence": True, "seconds": 1.5},
        # Cut, and then refused twice on the way back.
        [{"method": "PUSH", "cut": True, "count": 1}, {"method": "CONNECT", "status": 503, "count": 2}],
    ],
    ids=["cut", "garbage", "silence", "refused"],
)
def test_what_went_wrong_with_a_connection_is_over_by_itself(
    streamed: services.Streamer, sandbox: Sandbox, fault: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "SILENCE_S", 1.0)
    until(streamed, lambda: pushed("okx", SPOT))
    faults = [{"host": SOCKETS["okx"]} | each for each in (fault if isinstance(fault, list) else [fault])]
    sandbox.faults(faults)
    until(streamed, lambda: hits(sandbox) >= [fault.get("count", 1) for fault in faults])
    after = clock.now_ms() + 300
    until(streamed, lambda: pushed("okx", SPOT, after=after) and pushed("okx", SWAP, after=after))


def hits(sandbox: Sandbox) -> list[int]:
    return [rule["hits"] for rule in sandbox._call("GET", "faults")]


def test_a_new_listing_is_subscribed(streamed: services.Streamer) -> None:
    late = Market.objects.get(exchange="okx", symbol="SOL/USDT")
    Market.objects.filter(id=late.id).update(active=False)
    selectors.caches_forget()
    until(streamed, lambda: pushed("okx", SPOT))
    assert late.id not in store.snapshot_latest("okx", SPOT).market_id
    Market.objects.filter(id=late.id).update(active=True)
    # What a sync does when it finds one.
    row = Exchange.objects.get(id="okx")
    Exchange.objects.filter(id="okx").update(market_version=row.market_version + 1, markets_loaded_at=clock.now())
    until(streamed, lambda: late.id in store.snapshot_latest("okx", SPOT).market_id)


def test_an_exchange_that_is_switched_off_is_streamed_no_more(streamed: services.Streamer) -> None:
    until(streamed, lambda: pushed("okx", SPOT))
    Exchange.objects.filter(id="okx").update(enabled=False)
    until(streamed, lambda: not beats.pushed_are([("okx", SPOT)]))
    store.snapshot_drop("okx", SPOT, at_ms=clock.now_ms())
    for _ in range(8):
        streamed.step()
        time.sleep(0.1)
    assert store.snapshot_latest("okx", SPOT) is None


@pytest.mark.parametrize("streamed", ["binance", "bybit", "okx"], indirect=True)
def test_books_that_are_asked_for_are_followed_until_nobody_asks(streamed: services.Streamer, sandbox: Sandbox) -> None:
    exchange = next(iter(streamed._exchanges))
    market = Market.objects.get(exchange=exchange, symbol="ETH/USDT")
    report = services.books_fetch(market_ids=[market.id])
    assert report.stored == (market.id,)

    def newer(than: int) -> bool:
        return store.books_latest([market.id])[market.id].received_at > than

    for _ in range(2):
        until(streamed, partial(newer, store.books_latest([market.id])[market.id].received_at))
    book = store.books_latest([market.id])[market.id]
    assert 20 <= len(book.bids) <= 50
    assert book.bids[0][0] < book.asks[0][0]
    assert [price for price, _ in book.bids] == sorted((price for price, _ in book.bids), reverse=True)
    assert [price for price, _ in book.asks] == sorted(price for price, _ in book.asks)
    quotes = {kind: store.snapshot_latest(exchange, kind) for kind in STREAMED[exchange]}[SPOT]
    row = int(np.searchsorted(quotes.market_id, market.id))
    assert float(book.asks[0][0]) == pytest.approx(quotes.ask[row], rel=1e-3)
    # A pushed book is new enough: nobody asks the exchange for it.
    sandbox.faults([{"host": "*", "method": "GET", "status": 500}])
    assert services.books_fetch(market_ids=[market.id]).fresh == (market.id,)
    redis.state().delete("markets:books:asked")
    until(streamed, lambda: not streamed._sessions[exchange].books._tasks)


def test_the_command_says_what_can_not_be_streamed(settings: Settings) -> None:
    settings.EXCHANGES = ["okx", "bitstamp"]
    settings.STREAM_EXCHANGES = []
    with pytest.raises(CommandError, match="set STREAM_EXCHANGES"):
        call_command("stream")
    with pytest.raises(CommandError, match="bitstamp is not known to push quotes; it is polled"):
        call_command("stream", "--exchanges", "okx,bitstamp")
    with pytest.raises(CommandError, match="kraken is not among EXCHANGES"):
        call_command("stream", "--exchanges", "kraken")
